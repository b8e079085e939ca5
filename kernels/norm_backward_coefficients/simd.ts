import { addPairs, float64, QUAD_BYTES } from "../include/norm.simd";
import { count, firstOf, quantizer } from "../include/quantize.simd";
import { NormBackwardCoefficients, Step } from "../include/records.simd";

/** dgamma, dbeta, and the coefficients c1 and c2 of the gradient of Y. A part is a range of quads. */
export function norm_backward_coefficients(
  c: NormBackwardCoefficients, phase: i32, part: i32, parts: i32, scratch: usize,
): void {
  const quads = c.CHANNELS >> 2, last = firstOf(quads, part + 1, parts);
  for (let quad = firstOf(quads, part, parts); quad < last; quad++) {
    if (c.INT8) gradientsOfCodes(c, quad, scratch);
    else gradientsOfReals(c, quad, scratch);
    finish(c, quad, v128.load(scratch), v128.load(scratch, 16));
  }
}

/** Writes dgamma and dbeta of four channels to `to`, from sums in i64: the planner keeps them below 2⁶³. */
function gradientsOfCodes(c: NormBackwardCoefficients, quad: i32, to: usize): void {
  const n = <f32>c.PIXELS, inverse = c.coefficients + <usize>quad * QUAD_BYTES + 80;
  const scale = quantizer(c.quantizers, c.DA_ROW).scale, scaleY = quantizer(c.quantizers, c.Y_ROW).scale;
  addPairs(c.sums + 32 * quad, c.CHUNKS, c.CHANNELS, to + 32, false);
  for (let i: usize = 0; i < 4; i++) {
    const first = load<i64>(to + 32 + 16 * i), second = load<i64>(to + 40 + 16 * i);
    const bracket = <i64>c.PIXELS * second - <i64>load<i32>(c.total + 16 * quad + 4 * i) * first;
    store<f32>(to + 4 * i, float64(bracket) / n * scale * scaleY * load<f32>(inverse + 4 * i));
    store<f32>(to + 4 * i, float64(first) * scale, 16);
  }
}

/** Writes dgamma and dbeta of four channels to `to`: sums in f64, chunks ascending. */
function gradientsOfReals(c: NormBackwardCoefficients, quad: i32, to: usize): void {
  const step = <usize>c.CHANNELS << 3, inverse = c.coefficients + <usize>quad * QUAD_BYTES + 80;
  for (let i: usize = 0; i < 4; i++) {
    let first: f64 = 0, second: f64 = 0, at = c.sums + 32 * quad + 8 * i;
    for (let chunk: i32 = 0; chunk < c.CHUNKS; chunk++, at += step) {
      first += <f64>load<f32>(at);
      second += <f64>load<f32>(at, 4);
    }
    store<f32>(to + 4 * i, <f32>(second * <f64>load<f32>(inverse + 4 * i)));
    store<f32>(to + 4 * i, <f32>first, 16);
  }
}

function finish(c: NormBackwardCoefficients, quad: i32, dgamma: v128, dbeta: v128): void {
  const half = <usize>c.CHANNELS << 2, to = c.coefficients + <usize>quad * QUAD_BYTES;
  const n = f32x4.splat(<f32>c.PIXELS), a = f32x4.neg(v128.load(to));
  v128.store(to, f32x4.mul(f32x4.mul(a, f32x4.div(dgamma, n)), v128.load(to, 80)), 48);
  v128.store(to, f32x4.mul(a, f32x4.div(dbeta, n)), 64);
  const gradient = c.gradient + (<usize>quad << 4);
  if (c.ACCUMULATE && changetype<Step>(c.step).first > 0) {
    dgamma = f32x4.add(v128.load(gradient), dgamma);
    dbeta = f32x4.add(v128.load(gradient + half), dbeta);
  }
  v128.store(gradient, dgamma);
  v128.store(gradient + half, dbeta);
  const both = v128.or(f32x4.sub(dgamma, dgamma), f32x4.sub(dbeta, dbeta));
  count(c.statistics + (<usize>c.NONFINITE << 2), popcnt(i32x4.bitmask(f32x4.ne(both, f32x4.splat(0)))));
}
