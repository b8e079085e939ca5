import { NormForward } from "../include/records.simd";
import { activate4, normalized4 } from "../include/norm.simd";
import { firstOf, loadReal, openStore, quantizer, recordStore, store4 } from "../include/quantize.simd";

/** A = act(norm(Y)), quantized. A part is a range of pixels. */
export function norm_forward(c: NormForward, phase: i32, part: i32, parts: i32, scratch: usize): void {
  const quads = (c.CHANNELS + 3) >> 2, int8 = c.INT8 != 0, act = c.ACT;
  const tensor = c.y, table = c.coefficients, channels = c.CHANNELS;
  const z = quantizer(c.quantizers, c.Y_ROW);
  const zero = i32x4.splat(<i32>z.zero), scale = f32x4.splat(z.scale);
  openStore(c.INT8, c.STORE, c.STOCHASTIC, c.QUIET, c.IMAGE, c.quantizers, c.statistics, c.step, c.output, c.A_ROW);
  let at = 4 * quads * firstOf(c.PIXELS, part, parts);
  for (const end = 4 * quads * firstOf(c.PIXELS, part + 1, parts); at < end;) {
    for (let quad: i32 = 0; quad < quads; quad++, at += 4) {
      const y = loadReal(int8, tensor, at, zero, scale);
      store4(at, activate4(act, normalized4(table, quad, y)), 0, channels - 4 * quad);
    }
  }
  recordStore();
}
