/**
 * Reference of kernels/update_ema/shader.wgsl.
 *
 * @module
 */
import type { HostBuffer } from "../include/host_buffer.ts";

/** Constants of the kernel; its header says what they are. */
interface UpdateEma {
  readonly SIZE: number;
  readonly KEPT: number;
  readonly TAKEN: number;
}

const fround = Math.fround;

/** The average follows the weights. */
export function updateEma(
  c: UpdateEma,
  b: Readonly<Record<"weight" | "average" | "found_nonfinite", HostBuffer>>,
): void {
  if (b.found_nonfinite.u32[0]) return;
  const kept = fround(c.KEPT), taken = fround(c.TAKEN), average = b.average.f32;
  for (let at = 0; at < 4 * c.SIZE; at++) {
    average[at] = fround(fround(kept * average[at]!) + fround(taken * b.weight.f32[at]!));
  }
}
