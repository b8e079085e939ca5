import { firstOf, openStore, recordStore, storePixels } from "../include/quantize.simd";
import { QuantizeF32 } from "../include/records.simd";

/** Real values in memory → codes. A part is a range of pixels. */
export function quantize_f32(c: QuantizeF32, phase: i32, part: i32, parts: i32, scratch: usize): void {
  openStore(
    c.INT8, c.STORE, c.STOCHASTIC, c.QUIET, c.IMAGE, c.quantizers, c.statistics, c.step, c.q, c.ROW,
  );
  const pixels = c.QUADS / c.CQ, channels = 4 * c.CQ;
  const first = firstOf(pixels, part, parts), last = firstOf(pixels, part + 1, parts), at = first * channels;
  storePixels(at, c.real_values + (<usize>at << 2), last - first, c.CHANNELS, first * c.CHANNELS);
  recordStore();
}
