/**
 * Quantizers that clip much for long are told of, once.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Observation } from "../lib/quant/scheduler.ts";
import { ClippingMonitor } from "../lib/train/loop/clipping_monitor.ts";
import { runOf, SHORT } from "./support/runs.ts";

function observed(name: string, clipped: number, more: object = {}): Observation {
  const settings = {
    estimator: "hindsight-minmax",
    momentum: 0.9,
    window: 16,
    margin: 0,
    interval: 100,
    scale_rate: false,
    ...more,
  };
  return {
    quantizer: {
      name,
      layer: name,
      role: "gradient",
      elements: 1000,
      bits: 8,
      symmetric: false,
      settings,
      dynamic: false,
    },
    range: { low: -1, high: 1 },
    min: -2,
    max: 2,
    clipped,
    nonfinite: 0,
  };
}

Deno.test("a quantizer that clips more than a tenth for 50 steps is reported once, with the remedy", () => {
  const watch = new ClippingMonitor();
  for (let step = 1; step < 50; step++) {
    assert.equal(watch.see([observed("a", 101), observed("b", 100)]), undefined);
  }
  assert.equal(
    watch.see([observed("a", 340), observed("b", 1000)]),
    "quantizer a has clipped more than 10% of its values for 50 steps, now 34%: lower " +
      "quantize.gradients.momentum (0.9), or take quantize.gradients.estimator: " +
      "hindsight-guarded, which opens at once",
  );
  for (let step = 0; step < 48; step++) {
    assert.equal(watch.see([observed("a", 900), observed("b", 500)]), undefined);
  }
  assert.match(watch.see([observed("a", 900), observed("b", 500)])!, /^quantizer b has /);
});

Deno.test("a step that clips little begins the count anew, and those of one step share a line", () => {
  const watch = new ClippingMonitor();
  const settings = { estimator: "delayed-max", margin: 1 };
  for (let step = 0; step < 49; step++) watch.see([observed("a", 500)]);
  assert.equal(watch.see([observed("a", 0)]), undefined);
  for (let step = 0; step < 49; step++) {
    assert.equal(watch.see([observed("a", 500, settings), observed("b", 500)]), undefined);
  }
  assert.match(
    watch.see([observed("a", 500, settings), observed("b", 500)])!,
    /^quantizer a \(and 1 other\) has .*: raise quantize.gradients.margin \(1\), or take /,
  );
});

Deno.test("a run warns of a fixed range that is too narrow, and goes on", async () => {
  const { warnings, end } = await runOf({
    ...SHORT,
    quantize: { activations: { estimator: "fixed", range: [-0.05, 0.05] } },
    train: { ...SHORT.train, epochs: 6 },
  }, { device: "cpu" });
  assert.equal(end.summary.status, "done");
  assert.ok(warnings.length > 0);
  assert.match(
    warnings[0]!,
    /^step 50: quantizer \S+ \(and \d+ others\) has clipped more than 10% .*: widen quantize.activations.range/,
  );
});
