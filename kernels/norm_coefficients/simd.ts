import { addPairs, float64, QUAD_BYTES } from "../include/norm.simd";
import { count, firstOf, quantizer } from "../include/quantize.simd";
import { NormCoefficients, Step } from "../include/records.simd";

/** Mean, variance and affine map of a batch, and the running statistics. A part is a range of quads. */
export function norm_coefficients(c: NormCoefficients, phase: i32, part: i32, parts: i32, scratch: usize): void {
  const quads = c.CHANNELS >> 2, last = firstOf(quads, part + 1, parts);
  for (let quad = firstOf(quads, part, parts); quad < last; quad++) {
    if (c.INT8) momentsOfCodes(c, quad, scratch);
    else momentsOfReals(c, quad, scratch);
    finish(c, quad, v128.load(scratch), v128.load(scratch, 16));
  }
}

/** Writes mean and variance of four channels to `to`, from sums in i64: the planner keeps them below 2⁶³. */
function momentsOfCodes(c: NormCoefficients, quad: i32, to: usize): void {
  const n = <f32>c.PIXELS, scale = quantizer(c.quantizers, c.Y_ROW).scale;
  addPairs(c.sums + 32 * quad, c.TILES, c.CHANNELS, to + 32, true);
  for (let i: usize = 0; i < 4; i++) {
    const first = load<i64>(to + 32 + 16 * i), second = load<i64>(to + 40 + 16 * i);
    const spread = <i64>c.PIXELS * second - first * first;
    store<f32>(to + 4 * i, float64(first) / n * scale);
    store<f32>(to + 4 * i, float64(spread) / (n * n) * scale * scale, 16);
    store<i32>(c.total + 16 * quad + 4 * i, <i32>first);
  }
}

/** Writes mean and variance of four channels to `to`: sums in f64, tiles ascending. */
function momentsOfReals(c: NormCoefficients, quad: i32, to: usize): void {
  const n = <f64>(<f32>c.PIXELS), step = <usize>c.CHANNELS << 3;
  for (let i: usize = 0; i < 4; i++) {
    const from = c.sums + 32 * quad + 8 * i;
    let sum: f64 = 0, squares: f64 = 0, at = from;
    for (let tile: i32 = 0; tile < c.TILES; tile++, at += step) sum += <f64>load<f32>(at);
    const mean = sum / n;
    at = from;
    for (let tile: i32 = 0; tile < c.TILES; tile++, at += step) {
      const size = <f64>min(c.CHUNK, c.PIXELS - tile * c.CHUNK), d = <f64>load<f32>(at) / size - mean;
      squares += <f64>load<f32>(at, 4) + size * (d * d);
    }
    store<f32>(to + 4 * i, <f32>mean);
    store<f32>(to + 4 * i, <f32>(squares / n), 16);
  }
}

function finish(c: NormCoefficients, quad: i32, mean: v128, variance: v128): void {
  const at = <usize>quad << 4, half = <usize>c.CHANNELS << 2, to = c.coefficients + <usize>quad * QUAD_BYTES;
  const step = changetype<Step>(c.step), n = <f32>c.PIXELS;
  const inverse = f32x4.div(f32x4.splat(1), f32x4.sqrt(f32x4.add(variance, f32x4.splat(c.EPSILON))));
  v128.store(to, f32x4.mul(v128.load(c.affine + at), inverse));
  v128.store(to, mean, 16);
  v128.store(to, v128.load(c.affine + half + at), 32);
  v128.store(to, inverse, 80);
  const both = v128.or(f32x4.sub(mean, mean), f32x4.sub(variance, variance));
  count(c.statistics + (<usize>c.NONFINITE << 2), popcnt(i32x4.bitmask(f32x4.ne(both, f32x4.splat(0)))));
  if (!(step.normWeight > 0) || load<u32>(c.found_nonfinite)) return;
  const unbiased = f32x4.mul(variance, f32x4.splat(n / max(n - 1, 1)));
  const kept = f32x4.splat(c.KEPT), taken = f32x4.splat(c.MOMENTUM);
  const running = c.running + at, before = c.coefficients + 6 * half + at;
  if (step.first == 0) {
    v128.store(before, v128.load(running));
    v128.store(before + half, v128.load(running + half));
  }
  v128.store(running, f32x4.add(f32x4.mul(kept, v128.load(running)), f32x4.mul(taken, mean)));
  v128.store(running + half, f32x4.add(f32x4.mul(kept, v128.load(running + half)), f32x4.mul(taken, unbiased)));
}
