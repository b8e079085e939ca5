/**
 * Reference of kernels/reset_statistics/shader.wgsl.
 *
 * @module
 */
import { SLOT, SLOTS } from "../../lib/quant/layouts.ts";
import type { HostBuffer } from "../include/host_buffer.ts";

/** Constants of the kernel; its header says what they are. */
interface ResetStatistics {
  readonly ROW: number;
}

/** A row's extremes, as if nothing had been seen. */
export function resetStatistics(c: ResetStatistics, b: { readonly statistics: HostBuffer }): void {
  for (let slot = 0; slot < SLOTS; slot++) {
    SLOT.write(b.statistics, c.ROW * SLOTS + slot, { negatedMin: 0, max: 0 });
  }
}
