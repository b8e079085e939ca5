/**
 * Reference of kernels/reset_statistics/shader.wgsl.
 *
 * @module
 */
import { SLOT, SLOTS } from "../../lib/quant/layouts.ts";
import type { HostBuffer } from "../include/host_buffer.ts";

/** Constants of the kernel; shader.wgsl and the glossary of docs/architecture.md describe them. */
interface ResetStatistics {
  readonly ROW: number;
}

/** Clears the minimum and maximum of a quantizer's row. */
export function resetStatistics(c: ResetStatistics, b: { readonly statistics: HostBuffer }): void {
  for (let slot = 0; slot < SLOTS; slot++) {
    SLOT.write(b.statistics, c.ROW * SLOTS + slot, { negatedMin: 0, max: 0 });
  }
}
