/**
 * Reference of kernels/update_weight_ranges/shader.wgsl.
 *
 * @module
 */
import { readStatistics, usableStatistics } from "../../lib/quant/statistics.ts";
import type { HostBuffer } from "../include/host_buffer.ts";
import { setRow } from "../include/range.ts";

/** Constants of the kernel; shader.wgsl and the glossary of docs/architecture.md describe them. */
interface UpdateWeightRanges {
  readonly COUNT: number;
}

/** Sets the quantizers of the weight tensors, from their minimum and maximum. */
export function updateWeightRanges(
  c: UpdateWeightRanges,
  b: Readonly<Record<"statistics" | "table" | "found_nonfinite", HostBuffer>>,
): void {
  if (b.found_nonfinite.u32[0]) return;
  for (let row = 0; row < c.COUNT; row++) {
    const { min = 0, max = 0 } = usableStatistics(readStatistics(b.statistics, row), 0) ?? {};
    setRow(b.table, row, { low: min, high: max }, true);
  }
}
