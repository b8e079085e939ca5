/**
 * Every estimator against sequences worked out by hand: the first call, growth, a drop, zeros, values
 * that are not finite. Ranges go through the scheduler, as in training.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { EstimatorSettings } from "../lib/quant/estimator.ts";
import type { Estimator } from "../lib/quant/estimator.ts";
import { definitions, estimatorOfRule, estimators } from "../lib/quant/estimators/mod.ts";
import type { Range } from "../lib/quant/range.ts";
import { Scheduler } from "../lib/quant/scheduler.ts";
import type { Statistics } from "../lib/quant/statistics.ts";

const fround = Math.fround;
const SETTINGS: EstimatorSettings = {
  estimator: "",
  momentum: 0.75,
  window: 3,
  margin: 1,
  interval: 100,
  scale_rate: false,
  range: [-2, 6],
};

type Sight = readonly [min: number, max: number, clipped?: number];

/** The ranges after each sight, the host asking the estimator. */
function follow(
  name: keyof typeof estimators,
  sights: readonly (Sight | "zero" | "nan" | "infinite" | "nothing")[],
  settings: Partial<EstimatorSettings> = {},
): (readonly [number, number] | undefined)[] {
  const estimator: Estimator = estimators[name]!({ ...SETTINGS, ...settings });
  const scheduler = new Scheduler(
    [{
      name: "a",
      layer: "a",
      role: "activation",
      elements: 1024,
      bits: 8,
      symmetric: false,
      settings: SETTINGS,
      dynamic: estimator.kind === "dynamic",
    }],
    [estimator],
    false,
  );
  const special: Record<string, Statistics> = {
    zero: { min: 0, max: 0, clipped: 0, nonfinite: 0 },
    nan: { min: -1e6, max: 1e6, clipped: 9, nonfinite: 1 },
    infinite: { min: -Infinity, max: 1, clipped: 0, nonfinite: 0 },
    nothing: { min: undefined, max: undefined, clipped: 0, nonfinite: 0 },
  };
  return sights.map((sight) => {
    const [min, max, clipped = 0] = typeof sight === "string" ? [0, 0] : sight;
    scheduler.updateRange(
      0,
      typeof sight === "string" ? special[sight]! : { min, max, clipped, nonfinite: 0 },
    );
    const range: Range | undefined = scheduler.table.range(0);
    return range && [range.low, range.high] as const;
  });
}

Deno.test("hindsight-minmax: first the extremes, then a quarter of what is new", () => {
  assert.deepEqual(
    follow("hindsight-minmax", [
      "zero",
      [-1, 2],
      [-5, 10],
      "nan",
      "infinite",
      "nothing",
      "zero",
      [0, 4],
    ]),
    [undefined, [-1, 2], [-2, 4], [-2, 4], [-2, 4], [-2, 4], [-2, 4], [-1.5, 4]],
  );
});

Deno.test("running-minmax follows the same average, with the tensor at hand", () => {
  const sights: Sight[] = [[-1, 2], [-5, 10], [-0.5, 4]];
  assert.deepEqual(follow("running-minmax", sights), follow("hindsight-minmax", sights));
  assert.equal(estimators["running-minmax"]!(SETTINGS).kind, "dynamic");
  assert.equal(estimators["hindsight-minmax"]!(SETTINGS).kind, "static");
});

Deno.test("current-minmax is what was seen, and what it was where that says nothing", () => {
  assert.deepEqual(
    follow("current-minmax", [[-1, 2], [-8, 0.5], "zero", "nan", "infinite", [0, 1e-30]]),
    [[-1, 2], [-8, 0.5], [-8, 0.5], [-8, 0.5], [-8, 0.5], [0, fround(1e-30)]],
  );
});

Deno.test("delayed-max: the largest magnitude of three iterations, doubled by a margin of 1", () => {
  assert.deepEqual(
    follow("delayed-max", [
      "nan",
      [-1, 2],
      [-5, 3],
      [-0.5, 1],
      "zero",
      [-0.25, 0.5],
      [0, 0.5],
      [-3, -1],
    ]),
    [
      undefined,
      [-4, 4],
      [-10, 10],
      [-10, 10],
      [-10, 10],
      [-10, 10], // -5 is the oldest of three.
      [-2, 2], // A side that was open stays so.
      [-6, 6],
    ],
  );
  assert.deepEqual(follow("delayed-max", [[0, 2], [0, 0.5], [-1, 0]], { window: 1, margin: 0 }), [
    [0, 2],
    [0, 0.5], // Nothing was ever seen below zero.
    [-1, 1],
  ]);
});

Deno.test("hindsight-guarded is hindsight-minmax where little is clipped and nothing is much too wide", () => {
  const sights: Sight[] = [[-1, 2, 0], [-1.5, 3, 4], [-0.75, 1.5, 1], [-1, 2, 4]];
  assert.deepEqual(follow("hindsight-guarded", sights), follow("hindsight-minmax", sights));
});

Deno.test("hindsight-guarded opens at once when more than 1/256 is clipped, each side for itself", () => {
  assert.deepEqual(
    follow("hindsight-guarded", ["zero", [-1, 2], [-8, 2, 5], "nan", [-8, 6, 5], "infinite"]),
    [undefined, [-1, 2], [-8, 2], [-8, 2], [-8, 6], [-8, 6]],
  );
});

Deno.test("hindsight-guarded is never more than four times as wide as what was just seen", () => {
  assert.deepEqual(
    follow("hindsight-guarded", [[-100, 100], [-1, 0.5], [-0.5, 0.5], "zero"]),
    [[-100, 100], [-4, 4], [-2, 2], [-2, 2]],
  );
});

Deno.test("fixed is what the recipe says, whatever is seen", () => {
  assert.deepEqual(follow("fixed", [[-1, 2], [-9, 9, 500], "nan"]), [[-2, 6], [-2, 6], [-2, 6]]);
});

Deno.test("dsgc takes its first range from the calibration and leaves the rest to its search", () => {
  assert.deepEqual(follow("dsgc", ["zero", [-1, 2], [-9, 9], "nan"]), [
    undefined,
    [-1, 2],
    [-1, 2],
    [-1, 2],
  ]);
  assert.deepEqual(estimators.dsgc!({ ...SETTINGS, interval: 7, scale_rate: true }).search, {
    interval: 7,
    scaleRate: true,
  });
});

Deno.test("after a jump of ten, hindsight covers 53% of it after 7 steps, guarded all after one", () => {
  const jump = (name: "hindsight-minmax" | "hindsight-guarded", steps: number) => {
    const sights: Sight[] = [[-1, 1, 0]];
    for (let t = 0; t < steps; t++) sights.push([-10, 10, t === 0 ? 900 : 0]);
    return follow(name, sights, { momentum: 0.9 }).at(-1)![1] / 10;
  };
  assert.ok(Math.abs(jump("hindsight-minmax", 7) - (1 - 0.9 * 0.9 ** 7)) < 1e-6);
  assert.equal(jump("hindsight-guarded", 1), 1);
});

Deno.test("a rule's number and settings, as the device gets them, give the same estimator", () => {
  for (const [name, { make, rule }] of Object.entries(definitions)) {
    const estimator = make(SETTINGS), { device } = estimator;
    if (!device) continue;
    if (rule) assert.equal(device.rule, rule.number, name);
    const same = estimatorOfRule(device.rule, device.settings)!;
    const seen = { min: -3, max: 5, clipped: 40, nonfinite: 0, elements: 1000 };
    const next = (e: Estimator) => e.next({ low: -1, high: 2 }, seen, new Float32Array(32));
    assert.deepEqual(next(same), next(estimator), name);
  }
  const numbers = Object.values(definitions).flatMap(({ rule }) => rule?.number ?? []);
  assert.equal(new Set(numbers).size, numbers.length);
});
