/**
 * Reference of kernels/clear_extremes.wgsl.
 *
 * @module
 */
import { SLOTS, WORDS_OF_ROW } from "../quant/statistics.ts";
import type { HostBuffer } from "./include/host_buffer.ts";

/** Constants of the kernel; its header says what they are. */
export interface ClearExtremes {
  readonly ROW: number;
}

/** A row's extremes, as if nothing had been seen. */
export function clearExtremes(c: ClearExtremes, b: { readonly statistics: HostBuffer }): void {
  for (let slot = 0; slot < SLOTS; slot++) {
    const at = (c.ROW * SLOTS + slot) * WORDS_OF_ROW;
    b.statistics.u32.fill(0, at, at + 2);
  }
}
