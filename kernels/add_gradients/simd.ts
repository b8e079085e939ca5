import { finishLine, openGradient } from "../include/gradient.simd";
import {
  firstOf, LINE, loadLine, openStore, quantizer, recordStore, storePixels,
} from "../include/quantize.simd";
import { AddGradients } from "../include/records.simd";

/** dX = dY (+ addend), masked, quantized. A part is a range of pixels. */
export function add_gradients(c: AddGradients, phase: i32, part: i32, parts: i32, scratch: usize): void {
  const channels = c.CHANNELS, padded = 4 * c.CQ, most = max(1, LINE / padded);
  const all = c.QUADS / c.CQ, last = firstOf(all, part + 1, parts), row = quantizer(c.quantizers, c.DY_ROW);
  openStore(c.INT8, c.STORE, c.STOCHASTIC, c.QUIET, c.IMAGE, c.quantizers, c.statistics, c.step, c.dx, c.DX_ROW);
  openGradient(c.INT8, c.quantizers, c.ADDEND, c.addend, c.ADDEND_ROW, c.MASK, c.mask, c.MASK_ROW);
  for (let pixel = firstOf(all, part, parts); pixel < last; pixel += most) {
    const pixels = min(most, last - pixel), at = padded * pixel, count = padded * pixels;
    loadLine(c.INT8 != 0, c.dy, at, count, row, scratch);
    finishLine(scratch, at, count);
    storePixels(at, scratch, pixels, channels, channels * pixel);
  }
  recordStore();
}
