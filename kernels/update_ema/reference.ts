/**
 * Reference of kernels/update_ema/shader.wgsl.
 *
 * @module
 */
import type { HostBuffer } from "../include/host_buffer.ts";

/** Constants of the kernel; shader.wgsl and the glossary of docs/architecture.md describe them. */
interface UpdateEma {
  readonly SIZE: number;
  readonly KEPT: number;
  readonly TAKEN: number;
}

const fround = Math.fround;

/** Updates the moving average of a parameter. */
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
