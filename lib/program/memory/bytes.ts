/**
 * Sizes of a program's buffers.
 *
 * @module
 */
import { OPERANDS_BYTES } from "../../../kernels/define_kernel.ts";
import { allSteps, type BufferSpec, type Layout, type Program } from "../program.ts";

/** Returns the bytes of all buffers with tensors: regions, and buffers of a single tensor. */
export function bytesOf(buffers: readonly BufferSpec[], layout?: Layout): number {
  const own = buffers.filter(({ name }) => !layout?.places.has(name));
  return [...own.map((b) => b.bytes), ...layout?.regions ?? []].reduce((a, b) => a + b, 0);
}

/** Returns the bytes of the operands of all steps on a GPU. */
export function operandsBytes(program: Pick<Program, "sections">): number {
  return OPERANDS_BYTES * allSteps(program).length;
}
