/**
 * A batch in micro-batches: the gradient of the whole batch, by smaller pieces.
 *
 * @module
 */
import assert from "node:assert/strict";
import { ReferenceExecutor } from "../lib/runtime/reference_executor.ts";
import { requestAdapter } from "../lib/runtime/gpu/device.ts";
import type { Program } from "../lib/program/program.ts";
import type { RecipeInput } from "../lib/recipe/recipe.ts";
import { Network } from "../lib/train/network/network.ts";
import type { Batch } from "../lib/data/batch.ts";
import { inFolder, type Run, runOf, SHORT } from "./support/runs.ts";
import { uniform } from "./support/fill.ts";
import { type Arithmetic, type Case, dataOf, programOf, recipeOf } from "./support/networks.ts";

const ignore = await requestAdapter() === null;

/** Without batch norm, whose statistics are those of a micro-batch. Pixels do not fill words. */
const WHOLE: Case = {
  name: "whole",
  image: [5, 5, 1],
  batch: 12,
  classes: 3,
  optimizer: { momentum: 0 },
  layers: [
    { type: "conv2d", channels: 5, kernel: 3, padding: 1, bias: true },
    "relu",
    { type: "residual", body: [{ type: "conv2d", channels: 5, kernel: 1, bias: true }] },
    "relu",
    { type: "max_pool", kernel: 2 },
    { type: "conv2d", channels: 6, kernel: 2, stride: 2, bias: false },
    { type: "linear", features: 3 },
  ],
};
const cut = (micro_batch: number): Case => ({ ...WHOLE, train: { micro_batch } });

function networkOf(test: Case, arithmetic: Arithmetic) {
  const program = programOf(test, arithmetic), cpu = new ReferenceExecutor(program.buffers);
  const { quantize, seed } = recipeOf(test, arithmetic);
  const network = new Network(program, cpu, seed, quantize, dataOf(test));
  network.initialize();
  return { program, cpu, network };
}

function batchOf({ image: [h, w, c], batch, classes }: Case): Batch {
  const u = uniform(1), pixels = batch * h * w * c;
  return {
    images: new Uint8Array(Math.ceil(pixels / 4) * 4).map((_, n) => 256 * u(n)),
    labels: new Uint32Array(batch).map((_, n) => classes * u(1e6 + n)),
    samples: batch,
  };
}

/** The largest difference of any parameter's gradient, as a share of its largest value. */
function farthest(program: Program, a: ReferenceExecutor, b: ReferenceExecutor): number {
  return Math.max(...program.parameters.map(({ name }) => {
    const [x, y] = [a, b].map((cpu) => cpu.memory.get(`${name}.gradient`)!.f32);
    const most = x!.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
    assert.ok(most > 0, name);
    return x!.reduce((m, v, n) => Math.max(m, Math.abs(v - y![n]!)), 0) / most;
  }));
}

Deno.test("micro-batches give the gradient and the loss of the whole batch", async () => {
  const whole = networkOf(WHOLE, "float32"), batch = batchOf(WHOLE);
  const want = await whole.network.step(batch, 0, 0.1);
  for (const micro of [1, 3, 6]) {
    const other = networkOf(cut(micro), "float32");
    assert.deepEqual([other.program.batch, other.program.micros], [micro, 12 / micro]);
    const got = await other.network.step(batch, 0, 0.1);
    assert.ok(Math.abs(got.loss - want.loss) < 1e-6);
    assert.equal(got.correct, want.correct);
    assert.ok(farthest(whole.program, whole.cpu, other.cpu) < 1e-6);
  }
});

Deno.test("in int8 the codes of micro-batches are those of the whole batch, rounded alike", async () => {
  // The host sets the ranges, so that both networks can be given the same.
  const quantize = { scheduler: "host" } as const;
  const whole = networkOf({ ...WHOLE, quantize }, "int8");
  const other = networkOf({ ...cut(3), quantize }, "int8");
  const batch = batchOf(WHOLE), { program } = whole;
  await whole.network.calibrate([batch]);
  program.quantizers.forEach((_, row) => {
    other.network.scheduler.table.setRange(row, whole.network.scheduler.table.range(row));
  });
  // What a micro-batch leaves in memory is the whole batch's part: looked at while the last one lies
  // there, which is the batch's end.
  const a = await whole.network.step(batch, 5, 0.1), b = await other.network.step(batch, 5, 0.1);
  for (const { name, kind, bytes } of other.program.buffers) {
    if (kind !== "activation" && kind !== "gradient") continue;
    if (!other.program.quantizers.some((q) => q.name === name || `${q.name}.output` === name)) {
      continue;
    }
    const all = whole.cpu.memory.get(name)!.bytes, image = whole.program.buffers;
    const size = image.find((buffer) => buffer.name === name)!.bytes / 12 * 3;
    if (size !== bytes) continue; // Rounded up to whole words of four.
    assert.deepEqual(other.cpu.memory.get(name)!.bytes, all.slice(-size), name);
  }
  assert.ok(farthest(program, whole.cpu, other.cpu) < 1e-6);
  assert.deepEqual(b.observations, a.observations, "statistics are of the whole batch");
});

Deno.test("a dynamic estimator sees each micro-batch by itself", async () => {
  const quantize = {
    activations: { estimator: "current-minmax" },
    gradients: { estimator: "current-minmax" },
  };
  const { program, network } = networkOf({ ...cut(6), quantize }, "int8");
  const batch = batchOf(WHOLE), images = batch.images.slice();
  images.fill(128, 6 * 25); // The second micro-batch is grey all over.
  const { observations } = await network.step({ ...batch, images }, 0, 0);
  const alone = networkOf({ ...WHOLE, batch: 6, quantize }, "int8");
  const second = { images: images.slice(150), labels: batch.labels.slice(6), samples: 6 };
  const want = await alone.network.step(second, 0, 0);
  for (const [row, { quantizer: q, min, max, range }] of observations.entries()) {
    if (q.role !== "activation") continue;
    const { min: low, max: high, range: other } = want.observations[row]!;
    assert.deepEqual([min, max, range], [low, high, other], q.name);
  }
  assert.equal(program.micros, 2);
});

Deno.test("calibration in micro-batches gives the ranges of the whole batch", async () => {
  const whole = networkOf(WHOLE, "int8").network, other = networkOf(cut(4), "int8").network;
  for (const network of [whole, other]) await network.calibrate([batchOf(WHOLE)]);
  const [a, b] = [(await whole.state()).ranges, (await other.state()).ranges];
  assert.deepEqual([...b.keys()], [...a.keys()]);
  // The first layer's range decides what the next one sees: only that one is surely the same.
  assert.deepEqual(b.get("conv1"), a.get("conv1"));
});

const MICRO: RecipeInput = { ...SHORT, train: { ...SHORT.train, micro_batch: 4, max_steps: 12 } };
const observed = ({ events }: Run) =>
  events.flatMap((event) => event.type === "step" ? [event.observations] : []);

Deno.test("a run in micro-batches, interrupted and resumed, gives the same bits", {
  ignore,
}, async () => {
  const whole = await runOf(MICRO);
  assert.equal(whole.losses.length, 12);
  await inFolder(async (out) => {
    const first = await runOf(MICRO, { out, stopAt: 5 });
    assert.equal(first.end.summary.status, "interrupted");
    const rest = await runOf(MICRO, { out, resume: true });
    assert.deepEqual([...first.losses, ...rest.losses], whole.losses);
    assert.deepEqual(rest.end.state, whole.end.state);
  });
});

Deno.test("host and device set the same ranges in micro-batches", { ignore }, async () => {
  const mixed = {
    layers: [
      { match: "norm1", activations: { estimator: "current-minmax" } },
      { match: "norm2", activations: { estimator: "hindsight-guarded" } },
      { match: "conv4", gradients: { estimator: "dsgc", interval: 5 } },
    ],
  };
  const host = await runOf({ ...MICRO, quantize: mixed });
  const device = await runOf({ ...MICRO, quantize: { ...mixed, scheduler: "device" } });
  assert.deepEqual(device.losses, host.losses);
  assert.deepEqual(observed(device), observed(host));
  assert.deepEqual(device.end.state, host.end.state);
});

Deno.test(
  "the CPU trains in micro-batches as the GPU does, up to rounding",
  { ignore },
  async () => {
    const recipe = { ...MICRO, quantize: { arithmetic: "float32" as const } };
    const [gpu, cpu] = [await runOf(recipe), await runOf(recipe, { device: "cpu" })];
    gpu.losses.forEach((loss, step) => assert.ok(Math.abs(loss - cpu.losses[step]!) < 1e-3));
  },
);
