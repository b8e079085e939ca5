/**
 * Workgroups of a dispatch.
 *
 * @module
 */

/** Workgroups a dimension may have under WebGPU's base limits. */
export const MAX_WORKGROUPS = 65535;

/** A dispatch of `count` workgroups, folded into two dimensions where one is too short. */
export function grid(count: number, z = 1): [number, number, number] {
  const rows = Math.ceil(count / MAX_WORKGROUPS);
  return [Math.ceil(count / rows), rows, z];
}
