/**
 * What a run tells of its ranges: which quantizer clips most, and with `telemetry: full` how true
 * codes are to real values.
 *
 * @module
 */
import assert from "node:assert/strict";
import { requestAdapter } from "../lib/runtime/gpu/device.ts";
import { quantizationErrorsOf } from "../lib/train/network/in_flight_steps.ts";
import { mostClipped } from "../lib/train/run_folder/metrics_log.ts";
import type { Observation } from "../lib/quant/scheduler.ts";
import { inFolder, runOf, SHORT } from "./support/runs.ts";

const ignore = await requestAdapter() === null;
const test = (name: string, fn: () => Promise<void>) => Deno.test({ name, ignore, fn });

Deno.test("signal to noise and cosine follow from the sums of values and errors", () => {
  // x = (3, 4), x̂ = (3, 4.5): e = (0, 0.5).
  const [one, zero, equal] = quantizationErrorsOf(
    Float32Array.of(25, 2, 0.25, 0, 0, 0, 0, 0, 25, 0, 0, 0),
  );
  assert.ok(Math.abs(one!.sqnr - 20) < 1e-6);
  assert.ok(Math.abs(one!.cosine - 27 / (5 * Math.hypot(3, 4.5))) < 1e-6);
  assert.equal(zero, undefined);
  assert.deepEqual(equal, { sqnr: Infinity, cosine: 1 });
});

Deno.test("the quantizer that clips most is that of the largest share, not of the most values", () => {
  const of = (name: string, clipped: number, elements: number) =>
    ({ quantizer: { name, elements }, clipped }) as Observation;
  assert.deepEqual(mostClipped([of("a", 5, 1000), of("b", 2, 10), of("c", 0, 1)]), {
    quantizer: "b",
    share: 0.2,
  });
  assert.equal(mostClipped([of("a", 0, 10)]), undefined);
});

const lines = async (path: string): Promise<Record<string, unknown>[]> =>
  (await Deno.readTextFile(path)).trim().split("\n").map((line) => JSON.parse(line));

for (const arithmetic of ["int8", "simulated"] as const) {
  test(`telemetry: full changes no bit and logs every quantizer: ${arithmetic}`, async () => {
    const recipe = { ...SHORT, quantize: { arithmetic }, train: { ...SHORT.train, log_every: 5 } };
    const plain = await runOf(recipe);
    await inFolder(async (out) => {
      const full = await runOf({ ...recipe, telemetry: "full" }, { out });
      assert.deepEqual(full.losses, plain.losses);
      assert.deepEqual(full.end.state, plain.end.state);
      const steps = (await lines(`${out}/metrics.jsonl`)).filter((line) => line.kind === "step");
      assert.equal(steps.length, 4);
      for (const { quantizers } of steps) {
        const all = Object.entries(
          quantizers as Record<string, { sqnr_db: number; cosine: number }>,
        );
        assert.equal(all.length, 19);
        for (const [name, { sqnr_db, cosine }] of all) {
          assert.ok(sqnr_db > 10 && sqnr_db < 70, `${name}: ${sqnr_db} dB`);
          assert.ok(cosine > 0.95 && cosine <= 1, `${name}: ${cosine}`);
        }
      }
    });
  });
}

test("ranges.jsonl and metrics.jsonl name the quantizer that clips most", async () => {
  await inFolder(async (out) => {
    await runOf({
      ...SHORT,
      quantize: {
        layers: [{ match: "norm2", activations: { estimator: "fixed", range: [0, 0.1] } }],
      },
    }, { out });
    const [step] = (await lines(`${out}/metrics.jsonl`)).filter((line) => line.kind === "step");
    const { quantizer, share } = step!.most_clipped as { quantizer: string; share: number };
    assert.equal(quantizer, "norm2");
    assert.ok(share > 0.2);
    const most = (await lines(`${out}/ranges.jsonl`)).filter((line) => line.clips_most);
    assert.deepEqual(most.map((line) => line.quantizer), ["norm2", "norm2"]);
    assert.equal(most[0]!.clipped, share);
  });
});

test("telemetry has nothing to say where weights alone are quantized", async () => {
  const none = { estimator: "none" };
  const { end } = await runOf({
    ...SHORT,
    quantize: { arithmetic: "simulated", activations: none, gradients: none },
    train: { ...SHORT.train, max_steps: 2 },
    telemetry: "full",
  });
  assert.equal(end.summary.status, "done");
});
