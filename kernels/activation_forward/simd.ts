import { activate4, bottomOf, topOf } from "../include/norm.simd";
import {
  firstOf, LINE, loadLine, openStore, quantizer, recordStore, storePixels,
} from "../include/quantize.simd";
import { ActivationForward } from "../include/records.simd";

/** Y = act(X), quantized. A part is a range of pixels. */
export function activation_forward(
  c: ActivationForward, phase: i32, part: i32, parts: i32, scratch: usize,
): void {
  const channels = c.CHANNELS, padded = 4 * c.CQ, most = max(1, LINE / padded);
  const all = c.QUADS / c.CQ, last = firstOf(all, part + 1, parts), row = quantizer(c.quantizers, c.X_ROW);
  const bottom = f32x4.splat(bottomOf(c.ACT)), top = f32x4.splat(topOf(c.ACT));
  openStore(c.INT8, c.STORE, c.STOCHASTIC, c.QUIET, c.IMAGE, c.quantizers, c.statistics, c.step, c.y, c.Y_ROW);
  for (let pixel = firstOf(all, part, parts); pixel < last; pixel += most) {
    const pixels = min(most, last - pixel), at = padded * pixel, count = padded * pixels;
    loadLine(c.INT8 != 0, c.x, at, count, row, scratch);
    for (let line = scratch, end = line + (<usize>count << 2); line < end; line += 16) {
      v128.store(line, activate4(v128.load(line), bottom, top));
    }
    storePixels(at, scratch, pixels, channels, 0);
  }
  recordStore();
}
