import { firstOf, observeLine, openStore, recordStore } from "../include/quantize.simd";
import { SwapEma } from "../include/records.simd";

/** Swaps a parameter and its moving average. A part is a range of vectors of four weights. */
export function swap_ema(c: SwapEma, phase: i32, part: i32, parts: i32, scratch: usize): void {
  openStore(c.INT8, c.STORE, 0, c.QUIET, 0, c.quantizers, c.statistics, c.step, c.weight, c.W_ROW);
  const first = <usize>firstOf(c.SIZE, part, parts) << 4, end = <usize>firstOf(c.SIZE, part + 1, parts) << 4;
  const weight = c.weight, average = c.average;
  for (let at = first; at < end; at += 16) {
    const w = v128.load(average + at);
    v128.store(average + at, v128.load(weight + at));
    v128.store(weight + at, w);
  }
  observeLine(weight + first, 0, end - first);
  recordStore();
}
