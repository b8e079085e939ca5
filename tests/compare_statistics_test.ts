/**
 * Statistics of a comparison against values computed by hand and from printed tables.
 *
 * @module
 */
import assert from "node:assert/strict";
import {
  mean,
  median,
  pairedDifference,
  standardDeviation,
  studentT95,
} from "../lib/report/statistics.ts";

const close = (actual: number, expected: number, within = 1e-12) =>
  assert.ok(Math.abs(actual - expected) <= within, `${actual} is not ${expected}`);

Deno.test("studentT95() agrees with tables of Student's t for 0.975", () => {
  const printed: [freedom: number, t: number][] = [
    [1, 12.706],
    [2, 4.303],
    [3, 3.182],
    [4, 2.776],
    [5, 2.571],
    [9, 2.262],
    [10, 2.228],
    [29, 2.045],
    [30, 2.042],
    [120, 1.980],
  ];
  for (const [freedom, t] of printed) close(studentT95(freedom), t, 5e-4);
  // The two that have a closed form: tan(0.475π), and 0.95 √(2 / (1 − 0.95²)).
  close(studentT95(1), Math.tan(0.475 * Math.PI), 1e-9);
  close(studentT95(2), 0.95 * Math.sqrt(2 / (1 - 0.95 ** 2)), 1e-9);
});

Deno.test("mean, deviation and median", () => {
  close(mean([1, 2, 6]), 3);
  close(standardDeviation([2, 4, 4, 4, 5, 5, 7, 9]), Math.sqrt(32 / 7));
  assert.deepEqual([median([3, 1, 2]), median([4, 1, 3, 2])], [2, 2.5]);
  for (const nothing of [mean([]), median([]), standardDeviation([1])]) assert.ok(isNaN(nothing));
});

Deno.test("pairedDifference() is the mean with t·s/√n on both sides", () => {
  // Mean 0.02, s = 0.01, n = 3: half-width 4.30265 · 0.01 / √3.
  const found = pairedDifference([0.01, 0.02, 0.03])!;
  assert.equal(found.pairs, 3);
  close(found.mean, 0.02);
  close(found.low!, 0.02 - 0.0248414, 1e-7);
  close(found.high!, 0.02 + 0.0248414, 1e-7);
});

Deno.test("pairedDifference() has no interval for fewer than two pairs, and one of width 0 without spread", () => {
  assert.equal(pairedDifference([]), undefined);
  assert.deepEqual(pairedDifference([-0.5]), { pairs: 1, mean: -0.5, low: null, high: null });
  assert.deepEqual(pairedDifference([0.5, 0.5]), { pairs: 2, mean: 0.5, low: 0.5, high: 0.5 });
});
