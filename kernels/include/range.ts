/**
 * What kernels/include/range.wgsl computes: a row of the table of quantizers from a range.
 *
 * @module
 */
import { QUANTIZER_WORDS } from "../../lib/quant/layouts.ts";
import { quantizerOf, type Range } from "../../lib/quant/range.ts";
import type { HostBuffer } from "./host_buffer.ts";

/** Writes the quantizer of a range into its row; codes and learning rate stay as they are there. */
export function setRow(table: HostBuffer, row: number, range: Range, symmetric: boolean): void {
  const at = row * QUANTIZER_WORDS, qmax = table.f32[at + 4]!;
  const q = quantizerOf(range, Math.log2(qmax + 1) + 1, symmetric);
  table.f32.set([q.scale, q.inverse, q.zeroPoint, q.qmin, q.qmax, range.low, range.high], at);
}
