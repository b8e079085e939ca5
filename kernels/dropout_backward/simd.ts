import { maskPixels } from "../include/dropout.simd";
import { finishLine, openGradient } from "../include/gradient.simd";
import {
  firstOf, LINE, loadCodes, openStore, openUniform, quantizer, recordStore, scaled4, storePixels,
} from "../include/quantize.simd";
import { DropoutBackward } from "../include/records.simd";

/** dX = dY·mask / (1 − rate), quantized. A part is a range of pixels. */
export function dropout_backward(
  c: DropoutBackward, phase: i32, part: i32, parts: i32, scratch: usize,
): void {
  const channels = c.CHANNELS, padded = 4 * c.CQ, most = max(1, LINE / padded);
  const all = c.QUADS / c.CQ, last = firstOf(all, part + 1, parts);
  openStore(c.INT8, c.STORE, c.STOCHASTIC, c.QUIET, c.IMAGE, c.quantizers, c.statistics, c.step, c.dx, c.DX_ROW);
  openGradient(c.INT8, c.quantizers, c.ADDEND, c.addend, c.ADDEND_ROW, c.MASK, c.mask, c.MASK_ROW);
  for (let pixel = firstOf(all, part, parts); pixel < last; pixel += most) {
    const pixels = min(most, last - pixel), at = padded * pixel, count = padded * pixels;
    maskPixels(c.step, c.LAYER, c.RATE, c.PIXELS_OF_IMAGE, pixel, pixels, channels, scratch);
    scaleLine(c, at, count, scratch);
    finishLine(scratch, at, count);
    openUniform(c.step, c.DX_ROW, c.IMAGE);
    storePixels(at, scratch, pixels, channels, channels * pixel);
  }
  recordStore();
}

/** Replaces a line's mask by the gradients that it keeps. */
function scaleLine(c: DropoutBackward, at: i32, count: i32, line: usize): void {
  const z = quantizer(c.quantizers, c.DY_ROW), zero = i32x4.splat(<i32>z.zero), scale = f32x4.splat(z.scale);
  const factor = f32x4.splat(c.FACTOR);
  for (let i: i32 = 0; i < count; i += 4, line += 16) {
    const v = c.INT8
      ? f32x4.mul(scaled4(i32x4.sub(loadCodes(c.dy + at + i), zero), factor), scale)
      : f32x4.mul(v128.load(c.dy + (<usize>(at + i) << 2)), factor);
    v128.store(line, v128.and(v, v128.load(line)));
  }
}
