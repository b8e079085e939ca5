/**
 * From what a tensor held to the quantizer of the next step: statistics, estimator, range, scheduler.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { QuantizerSpec } from "../lib/quant/quantizer.ts";
import { estimators } from "../lib/quant/estimators/mod.ts";
import { hindsightMinmax } from "../lib/quant/estimators/hindsight_minmax.ts";
import { type Words, wordsOf } from "../lib/quant/layouts.ts";
import { MIN_SCALE, quantizerOf, type Range, roundHalfEven } from "../lib/quant/range.ts";
import { Scheduler } from "../lib/quant/scheduler.ts";
import {
  fromOrderedBits,
  orderedBits,
  readStatistics,
  recordStatistics,
  ROW_BYTES,
  type Statistics,
  type UsableStatistics,
} from "../lib/quant/statistics.ts";

const fround = Math.fround;

const NONE = new Float32Array();
/** What one iteration saw, nothing of it clipped. */
const seen = (min: number, max: number): UsableStatistics => ({
  min,
  max,
  clipped: 0,
  nonfinite: 0,
  elements: 1000,
});

Deno.test("an asymmetric quantizer spreads its codes over the range widened to 0", () => {
  assert.deepEqual(quantizerOf({ low: -1, high: 1.55 }, 8, false), {
    scale: fround(fround(1.55 + 1) / 255),
    inverse: fround(1 / fround(fround(2.55) / 255)),
    zero: -28,
    qmin: -128,
    qmax: 127,
  });
  // Of one sign: 0 is the end of the range, so it has a code.
  assert.equal(quantizerOf({ low: 2, high: 5 }, 8, false).zero, -128);
  assert.equal(quantizerOf({ low: 2, high: 5 }, 8, false).scale, fround(5 / 255));
  assert.equal(quantizerOf({ low: -5, high: -2 }, 8, false).zero, 127);
  const { scale, zero, qmin, qmax } = quantizerOf({ low: -1, high: 2 }, 2, false);
  assert.deepEqual({ scale, zero, qmin, qmax }, {
    scale: 1,
    zero: -1,
    qmin: -2,
    qmax: 1,
  });
});

Deno.test("0 has a code exactly, and the range's ends are off by a step at most", () => {
  for (const [low, high] of [[-3, 0.01], [-0.01, 3], [-1e-20, 2e-20], [-1e30, 1e29]] as const) {
    for (let bits = 2; bits <= 8; bits++) {
      const { scale, zero, qmin, qmax } = quantizerOf({ low, high }, bits, false);
      assert.ok(Number.isInteger(zero) && zero >= qmin && zero <= qmax);
      assert.ok(Math.abs(scale * (qmin - zero) - low) <= scale, `${low}, ${bits} bits`);
      assert.ok(Math.abs(scale * (qmax - zero) - high) <= scale, `${high}, ${bits} bits`);
    }
  }
});

Deno.test("a symmetric quantizer has zero point 0 and as many codes on both sides", () => {
  assert.deepEqual(quantizerOf({ low: -0.5, high: 0.25 }, 4, true), {
    scale: fround(0.5 / 7),
    inverse: fround(1 / fround(0.5 / 7)),
    zero: 0,
    qmin: -7,
    qmax: 7,
  });
});

Deno.test("without a range, or with one that says nothing, the scale is 1", () => {
  const nothing: (Range | undefined)[] = [
    undefined,
    { low: 0, high: 0 },
    { low: -0, high: 0 },
    { low: NaN, high: 1 },
    { low: -Infinity, high: 1 },
    { low: -1, high: Infinity },
  ];
  for (const range of nothing) {
    for (const symmetric of [false, true]) {
      const { scale, inverse, zero } = quantizerOf(range, 8, symmetric);
      assert.deepEqual([scale, inverse, zero], [1, 1, 0]);
    }
  }
});

Deno.test("gradients of 1e-20 keep their resolution; the scale never drops below 2^-100", () => {
  const tiny = quantizerOf({ low: -1e-20, high: 1e-20 }, 8, false);
  assert.equal(tiny.scale, fround(fround(2e-20) / 255));
  for (const high of [1e-36, 1e-44, 2 ** -149]) {
    for (const symmetric of [false, true]) {
      const { scale, inverse } = quantizerOf({ low: 0, high }, 8, symmetric);
      assert.equal(scale, MIN_SCALE);
      assert.equal(inverse, 2 ** 100);
    }
  }
  const huge = quantizerOf({ low: -3.4e38, high: 3.4e38 }, 8, false);
  assert.ok(Number.isFinite(huge.scale) && huge.inverse > 0);
});

Deno.test("halves are rounded to even", () => {
  const halves = [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.49, -3.51].map(roundHalfEven);
  assert.deepEqual(halves.map((x) => x + 0), [-2, -2, 0, 0, 2, 2, 3, -4]);
});

/** From the smallest to the largest, with denormals and both zeros. */
const ORDERED = [
  -3.4028234663852886e38,
  -1,
  -(2 ** -126),
  -(2 ** -149),
  0,
  2 ** -149,
  2 ** -127,
  1e-20,
  1,
  3.4028234663852886e38,
].map(fround);

Deno.test("keys order as their numbers do, and -0 has the key of +0", () => {
  const keys = ORDERED.map(orderedBits);
  keys.slice(1).forEach((k, i) => assert.ok(k > keys[i]!, `${ORDERED[i + 1]}`));
  assert.equal(orderedBits(-0), orderedBits(0));
  for (const x of ORDERED) {
    assert.ok(Object.is(fromOrderedBits(orderedBits(x)), x), `${x}`);
    assert.ok(
      orderedBits(x) > 0 && ~orderedBits(x) >>> 0 > 0,
      "0 is below every key: it is the identity",
    );
  }
});

/** A row of the statistics buffer with one slot filled for each entry. */
function rowOf(...slots: Partial<Statistics>[]) {
  const words = wordsOf(new Uint8Array(2 * ROW_BYTES));
  slots.forEach((slot, i) => recordStatistics(words, 1, slot, (5 * i) % 16));
  return words;
}

Deno.test("a statistic joins its slots; slots that saw nothing do not count", () => {
  const words = rowOf({ min: 0.5, max: 0.75, clipped: 2 }, {
    min: 0.25,
    max: 0.5,
    clipped: 3,
    nonfinite: 1,
  });
  assert.deepEqual(readStatistics(words, 1), { min: 0.25, max: 0.75, clipped: 5, nonfinite: 1 });
  assert.deepEqual(readStatistics(words, 0), {
    min: undefined,
    max: undefined,
    clipped: 0,
    nonfinite: 0,
  });
  const { min, max } = readStatistics(rowOf({ min: -3, max: -2 }), 1);
  assert.deepEqual([min, max], [-3, -2]);
});

Deno.test("hindsight-minmax averages what earlier steps saw, in f32", () => {
  const estimator = hindsightMinmax(0.75);
  let range = estimator.next(undefined, seen(-1, 2), NONE);
  assert.deepEqual(range, { low: -1, high: 2 });
  range = estimator.next(range, seen(-3, 6), NONE);
  assert.deepEqual(range, { low: -1.5, high: 3 });
  range = estimator.next(range, seen(0.5, 1), NONE);
  assert.deepEqual(range, { low: -1, high: 2.5 });
  const at09 = hindsightMinmax(0.9).next({ low: -1, high: 1 }, seen(-1 / 3, 1 / 3), NONE);
  const kept = fround(0.9), taken = fround(1 - kept);
  assert.equal(at09.high, fround(fround(taken * (1 / 3)) + fround(kept * 1)));
  assert.deepEqual(hindsightMinmax(0).next({ low: -9, high: 9 }, seen(-1, 1), NONE), {
    low: -1,
    high: 1,
  });
  assert.deepEqual(fixed([0, 1]).next(undefined, seen(-9, 9), NONE), {
    low: 0,
    high: 1,
  });
});

Deno.test("hindsight-minmax lags a jump and a drop of the range as an average with η = 0.9 must", () => {
  const after = (steps: number, from: number, to: number) => {
    let range: Range = { low: -from, high: from };
    for (let t = 0; t < steps; t++) {
      range = hindsightMinmax(0.9).next(range, seen(-to, to), NONE);
    }
    return range.high / to;
  };
  const round = (x: number, digits: number) => Number(x.toFixed(digits));
  assert.deepEqual([1, 5, 10].map((steps) => round(after(steps, 1, 4), 2)), [0.33, 0.56, 0.74]);
  assert.deepEqual([5, 10].map((steps) => round(after(steps, 1, 0.1), 1)), [6.3, 4.1]);
});

/** The estimator `fixed`. */
const fixed = (range: readonly [low: number, high: number]) =>
  estimators.fixed!({ ...spec("").settings, range });

const spec = (name: string, more: Partial<QuantizerSpec> = {}): QuantizerSpec => ({
  name,
  layer: name,
  role: "activation",
  elements: 10,
  bits: 8,
  symmetric: false,
  settings: {
    estimator: "hindsight-minmax",
    momentum: 0.9,
    window: 16,
    margin: 0,
    interval: 100,
    scale_rate: false,
  },
  dynamic: false,
  ...more,
});

Deno.test("the scheduler's table holds a row for each quantizer that the host sets", () => {
  const quantizers = [
    spec("w", { role: "weight", symmetric: true }),
    spec("x", { role: "input" }),
    spec("a", { bits: 4, symmetric: true }),
  ];
  const scheduler = new Scheduler(quantizers, [
    undefined,
    fixed([-1, 1]),
    hindsightMinmax(0.9),
  ], false);
  scheduler.table.setRange(1, { low: -5, high: 5 });
  scheduler.table.setRange(2, { low: -14, high: 7 });
  const [first, ...more] = scheduler.hostRows(), { data, offset } = first!;
  assert.deepEqual([data.length, offset, more.length], [16, 32, 0]);
  assert.deepEqual([...data.subarray(0, 8)], [
    fround(2 / 255),
    fround(1 / fround(2 / 255)),
    -1,
    -128,
    127,
    -1,
    1,
    1,
  ]);
  assert.deepEqual([...data.subarray(8, 16)], [2, 0.5, 0, -7, 7, -14, 7, 1]);
});

Deno.test("zeros, values that are not finite, and tensors not seen leave a range as it was", () => {
  const quantizers = [spec("w"), spec("a")];
  const scheduler = new Scheduler(quantizers, [undefined, hindsightMinmax(0.5)], false);
  const see = (words: Words) => {
    scheduler.updateRanges(scheduler.observations(words));
    return scheduler.table.range(1);
  };
  assert.equal(see(rowOf({ min: 0, max: 0 })), undefined);
  assert.equal(see(rowOf({ min: -1, max: 1, nonfinite: 1 })), undefined);
  assert.equal(see(rowOf()), undefined);
  assert.deepEqual(see(rowOf({ min: -1, max: 1 })), { low: -1, high: 1 });
  assert.deepEqual(see(rowOf({ min: -3, max: 2 })), { low: -2, high: 1.5 });
  for (
    const words of [rowOf({ min: 0, max: 0 }), rowOf({ min: -9, max: 9, nonfinite: 2 }), rowOf()]
  ) {
    assert.deepEqual(see(words), { low: -2, high: 1.5 });
  }
  assert.equal(scheduler.table.range(0), undefined);
});
