/**
 * Reference of kernels/weight_range.wgsl.
 *
 * @module
 */
import { quantizerOf } from "../quant/range.ts";
import { statistic } from "../quant/statistics.ts";
import type { HostBuffer } from "./include/host_buffer.ts";

/** Constants of the kernel; its header says what they are. */
export interface WeightRange {
  readonly COUNT: number;
  readonly BITS: number;
}

/** The quantizers of the weight tensors, from their minimum and maximum. */
export function weightRange(
  c: WeightRange,
  b: { readonly statistics: HostBuffer; readonly table: HostBuffer },
): void {
  for (let row = 0; row < c.COUNT; row++) {
    const { min, max } = statistic(b.statistics.u32, row);
    const range = min === undefined || max === undefined ? undefined : { low: min, high: max };
    // Weights of one sign: symmetric uses the extreme alone, so widening to 0 changes nothing.
    const q = quantizerOf(range, c.BITS, true);
    b.table.f32.set([q.scale, q.inverse, 0, q.qmin, q.qmax, 0, 0, 0], 8 * row);
  }
}
