import { count, firstOf, observeLine, openStore, quantizer, recordStore } from "../include/quantize.simd";
import { Sgd, Step } from "../include/records.simd";

/** Bytes of a parameter that are updated, then observed while they are in the first cache. */
const BLOCK: usize = 4096;

/** SGD. A part is a range of vectors of four weights. */
export function sgd(c: Sgd, phase: i32, part: i32, parts: i32, scratch: usize): void {
  if (load<i32>(c.found_nonfinite)) return;
  openStore(c.INT8, c.STORE, 0, c.QUIET, 0, c.quantizers, c.statistics, c.step, c.weight, c.W_ROW);
  const end = <usize>firstOf(c.SIZE, part + 1, parts) << 4;
  let bad: i32 = 0;
  for (let at = <usize>firstOf(c.SIZE, part, parts) << 4; at < end; at += BLOCK) {
    const bytes = min(BLOCK, end - at);
    update(c, at, at + bytes);
    bad += observeLine(c.weight + at, 0, bytes);
  }
  count(c.statistics + (<usize>c.NONFINITE << 2), bad);
  recordStore();
}

/** Updates the weights from byte `at` on to `end`. */
function update(c: Sgd, at: usize, end: usize): void {
  const gradient = c.gradient, weight = c.weight, velocity = c.velocity, nesterov = c.NESTEROV != 0;
  const factor = c.SCALED ? quantizer(c.quantizers, c.RATE_ROW).rateFactor : 1;
  const rate = f32x4.splat(changetype<Step>(c.step).learningRate * factor);
  const momentum = f32x4.splat(c.MOMENTUM), decay = f32x4.splat(c.WEIGHT_DECAY);
  const clip = f32x4.splat(c.CLIP ? load<f32>(c.clip) : 1);
  for (; at < end; at += 16) {
    const w = v128.load(weight + at);
    const g = f32x4.add(f32x4.mul(v128.load(gradient + at), clip), f32x4.mul(decay, w));
    const m = f32x4.add(f32x4.mul(momentum, v128.load(velocity + at)), g);
    v128.store(velocity + at, m);
    const d = nesterov ? f32x4.add(g, f32x4.mul(momentum, m)) : m;
    v128.store(weight + at, f32x4.sub(w, f32x4.mul(rate, d)));
  }
}
