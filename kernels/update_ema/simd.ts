import { firstOf } from "../include/quantize.simd";
import { UpdateEma } from "../include/records.simd";

/** The moving average of a parameter. A part is a range of vectors of four weights. */
export function update_ema(c: UpdateEma, phase: i32, part: i32, parts: i32, scratch: usize): void {
  if (load<i32>(c.found_nonfinite)) return;
  const kept = f32x4.splat(c.KEPT), taken = f32x4.splat(c.TAKEN), weight = c.weight, average = c.average;
  const end = <usize>firstOf(c.SIZE, part + 1, parts) << 4;
  for (let at = <usize>firstOf(c.SIZE, part, parts) << 4; at < end; at += 16) {
    const old = f32x4.mul(kept, v128.load(average + at));
    v128.store(average + at, f32x4.add(old, f32x4.mul(taken, v128.load(weight + at))));
  }
}
