/**
 * Reference of kernels/reset_statistics/shader.wgsl.
 *
 * @module
 */
import { SLOTS, WORDS_OF_ROW } from "../../lib/quant/statistics.ts";
import type { HostBuffer } from "../include/host_buffer.ts";

/** Constants of the kernel; its header says what they are. */
interface ResetStatistics {
  readonly ROW: number;
}

/** A row's extremes, as if nothing had been seen. */
export function resetStatistics(c: ResetStatistics, b: { readonly statistics: HostBuffer }): void {
  for (let slot = 0; slot < SLOTS; slot++) {
    const at = (c.ROW * SLOTS + slot) * WORDS_OF_ROW;
    b.statistics.u32.fill(0, at, at + 2);
  }
}
