import { count, firstOf, observeLine, openStore, quantizer, recordStore } from "../include/quantize.simd";
import { Adamw, Step } from "../include/records.simd";

/** Bytes of a parameter that are updated, then observed while they are in the first cache. */
const BLOCK: usize = 4096;

/** AdamW. A part is a range of vectors of four weights. */
export function adamw(c: Adamw, phase: i32, part: i32, parts: i32, scratch: usize): void {
  if (load<i32>(c.found_nonfinite)) return;
  openStore(c.INT8, c.STORE, 0, c.QUIET, 0, c.quantizers, c.statistics, c.step, c.weight, c.W_ROW);
  const end = <usize>firstOf(c.SIZE, part + 1, parts) << 4;
  let bad: i32 = 0;
  for (let at = <usize>firstOf(c.SIZE, part, parts) << 4; at < end; at += BLOCK) {
    const bytes = min(BLOCK, end - at);
    update(c, at, at + bytes);
    bad += observeLine(c.weight + at, c.second + at, bytes);
  }
  count(c.statistics + (<usize>c.NONFINITE << 2), bad);
  recordStore();
}

/** Updates the weights from byte `at` on to `end`. */
function update(c: Adamw, at: usize, end: usize): void {
  const gradient = c.gradient, weight = c.weight, velocity = c.velocity, second = c.second;
  const step = changetype<Step>(c.step);
  const rate = step.learningRate * (c.SCALED ? quantizer(c.quantizers, c.RATE_ROW).rateFactor : 1);
  const decay = f32x4.splat(rate * c.WEIGHT_DECAY), corrected = f32x4.splat(rate * step.firstCorrection);
  const correction = f32x4.splat(step.secondCorrection), epsilon = f32x4.splat(c.EPSILON);
  const beta1 = f32x4.splat(c.BETA_1), rest1 = f32x4.splat(c.REST_1);
  const beta2 = f32x4.splat(c.BETA_2), rest2 = f32x4.splat(c.REST_2);
  const clip = f32x4.splat(c.CLIP ? load<f32>(c.clip) : 1);
  for (; at < end; at += 16) {
    const g = f32x4.mul(v128.load(gradient + at), clip);
    let w = v128.load(weight + at);
    w = f32x4.sub(w, f32x4.mul(decay, w));
    const m = f32x4.add(f32x4.mul(beta1, v128.load(velocity + at)), f32x4.mul(rest1, g));
    const v = f32x4.add(f32x4.mul(beta2, v128.load(second + at)), f32x4.mul(rest2, f32x4.mul(g, g)));
    v128.store(velocity + at, m);
    v128.store(second + at, v);
    const below = f32x4.add(f32x4.mul(f32x4.sqrt(v), correction), epsilon);
    v128.store(weight + at, f32x4.sub(w, f32x4.mul(corrected, f32x4.div(m, below))));
  }
}
