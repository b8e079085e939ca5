/**
 * Reference of kernels/swap_ema/shader.wgsl.
 *
 * @module
 */
import type { Buffers } from "../include/host_buffer.ts";
import { type StoreConstants, Writer } from "../include/quantize.ts";

/** Constants of the kernel; its header says what they are. */
interface SwapEma extends StoreConstants {
  readonly SIZE: number;
  readonly W_ROW: number;
}

/** A parameter and its average change places. */
export function swapEma(c: SwapEma, b: Buffers<"weight" | "average">): void {
  const seen = new Writer(c, b, b.weight, c.W_ROW);
  for (let at = 0; at < 4 * c.SIZE; at++) {
    const w = b.average.f32[at]!;
    b.average.f32[at] = b.weight.f32[at]!;
    b.weight.f32[at] = w;
    if (c.STORE) seen.see(w);
  }
  if (c.STORE) seen.record();
}
