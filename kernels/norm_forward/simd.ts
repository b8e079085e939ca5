import { NormForward } from "../include/records.simd";
import { activate4, normalized4 } from "../include/norm.simd";
import { firstOf, LINE, loadReal, openStore, quantizer, recordStore, storePixels } from "../include/quantize.simd";

/** A = act(norm(Y)), quantized. A part is a range of pixels. */
export function norm_forward(c: NormForward, phase: i32, part: i32, parts: i32, scratch: usize): void {
  const quads = (c.CHANNELS + 3) >> 2, int8 = c.INT8 != 0, act = c.ACT;
  const tensor = c.y, table = c.coefficients, channels = c.CHANNELS;
  const z = quantizer(c.quantizers, c.Y_ROW);
  const zero = i32x4.splat(<i32>z.zero), scale = f32x4.splat(z.scale);
  openStore(c.INT8, c.STORE, c.STOCHASTIC, c.QUIET, c.IMAGE, c.quantizers, c.statistics, c.step, c.output, c.A_ROW);
  const last = firstOf(c.PIXELS, part + 1, parts), most = max(1, LINE / (4 * quads));
  for (let pixel = firstOf(c.PIXELS, part, parts); pixel < last; pixel += most) {
    const pixels = min(most, last - pixel), first = 4 * quads * pixel;
    let at = first, to = scratch;
    for (let i: i32 = 0; i < pixels; i++) {
      for (let quad: i32 = 0; quad < quads; quad++, at += 4, to += 16) {
        const y = loadReal(int8, tensor, at, zero, scale);
        v128.store(to, activate4(act, normalized4(table, quad, y)));
      }
    }
    storePixels(first, scratch, pixels, channels, 0);
  }
  recordStore();
}
