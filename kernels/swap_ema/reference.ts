/**
 * Reference of kernels/swap_ema/shader.wgsl.
 *
 * @module
 */
import type { Buffers } from "../include/host_buffer.ts";
import { type StoreConstants, Writer } from "../include/quantize.ts";

/** Constants of the kernel; shader.wgsl and the glossary of docs/architecture.md describe them. */
interface SwapEma extends StoreConstants {
  readonly SIZE: number;
  readonly W_ROW: number;
}

/** Swaps a parameter and its moving average. */
export function swapEma(c: SwapEma, b: Buffers<"weight" | "average">): void {
  const writer = new Writer(c, b, b.weight, c.W_ROW);
  for (let at = 0; at < 4 * c.SIZE; at++) {
    const w = b.average.f32[at]!;
    b.average.f32[at] = b.weight.f32[at]!;
    b.weight.f32[at] = w;
    if (c.STORE) writer.observe(w);
  }
  if (c.STORE) writer.record();
}
