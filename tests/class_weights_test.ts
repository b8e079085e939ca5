/**
 * `data.class_weights`: the weights of classes in the loss and its gradient.
 *
 * @module
 */
import assert from "node:assert/strict";
import { classWeights } from "../lib/data/class_weights.ts";
import { memorySplit } from "../lib/data/in_memory.ts";
import { METRICS } from "../lib/quant/layouts.ts";
import { parseRecipe } from "../lib/recipe/load.ts";
import { ReferenceExecutor } from "../lib/runtime/reference_executor.ts";
import { microBatchOf } from "../lib/train/network/micro_batch.ts";
import { Network } from "../lib/train/network/network.ts";
import { prepareTraining } from "../lib/train/prepare.ts";
import type { Batch } from "../lib/data/batch.ts";
import { batchOf } from "./support/fill.ts";
import { type Case, dataOf, programOf, recipeOf } from "./support/networks.ts";
import { inFolder, runOf, SHORT } from "./support/runs.ts";

const WEIGHTS = [0.25, 1, 1.75];
const SMALL: Case = {
  name: "small",
  image: [2, 2, 1],
  batch: 4,
  classes: 3,
  weights: WEIGHTS,
  layers: [{ type: "linear", features: 5 }, "relu", { type: "linear", features: 3 }],
};

function networkOf(test: Case) {
  const program = programOf(test, "float32"), cpu = new ReferenceExecutor(program.buffers);
  const { quantize, seed } = recipeOf(test, "float32");
  const classWeights = test.weights && Float32Array.from(test.weights);
  const network = new Network(program, cpu, seed, quantize, dataOf(test), { classWeights });
  network.initialize();
  return { program, cpu, network };
}

/** Loss and gradient of given logits, [n, 3]. */
function lossOf(test: Case, batch: Batch, logits: readonly (readonly number[])[]) {
  const { program, cpu, network } = networkOf(test), { loss } = program.sections;
  const settings = { step: 0, learningRate: 0, normWeight: 0 };
  for (const [name, data] of Object.entries(microBatchOf(network, batch, settings, 0))) {
    cpu.write(name, data);
  }
  const { logits: from, dlogits: to } = loss[0]!.buffers, at = cpu.memory.get(from!)!.f32;
  logits.forEach((row, n) => at.set(row, 4 * n));
  cpu.run(loss);
  const gradient = cpu.memory.get(to!)!.f32;
  return {
    loss: METRICS.get(cpu.memory.get("metrics")!, 0, "loss") / batch.samples,
    gradient: logits.map((_, n) => [...gradient.subarray(4 * n, 4 * n + 3)]),
  };
}

function near(got: readonly number[], expected: readonly number[], bound: number): void {
  assert.equal(got.length, expected.length);
  got.forEach((g, i) =>
    assert.ok(Math.abs(g - expected[i]!) < bound, `${i}: ${g}, ${expected[i]}`)
  );
}

const LOGITS = [[0.5, -1, 2], [1.5, 0.25, -0.75], [-0.5, 0, 0.75], [3, -2, 1]];
const LABELS = Uint32Array.of(0, 1, 2, 0);
const BATCH: Batch = { images: new Uint8Array(16), labels: LABELS, samples: 4 };

// torch.nn.functional.cross_entropy(logits, labels, weight=…, label_smoothing=…), PyTorch 1.13, float64.
const PYTORCH = [
  {
    smoothing: 0,
    loss: 0.9345810185,
    gradient: [
      [-0.063439201, 0.003008659, 0.060430541],
      [0.221058567, -0.244357968, 0.023299401],
      [0.087710687, 0.144610475, -0.232321161],
      [-0.009569185, 0.000453827, 0.009115358],
    ],
  },
  {
    smoothing: 0.1,
    loss: 1.0660819361,
    gradient: [
      [-0.054265833, -0.006345153, 0.060610986],
      [0.218494464, -0.223845147, 0.005350684],
      [0.081387555, 0.128156473, -0.209544027],
      [0.015765188, -0.009666435, -0.006098752],
    ],
  },
];

for (const { smoothing, loss, gradient } of PYTORCH) {
  Deno.test(`weighted classes give PyTorch's loss and gradient, label_smoothing ${smoothing}`, () => {
    const got = lossOf({ ...SMALL, train: { label_smoothing: smoothing } }, BATCH, LOGITS);
    near([got.loss], [loss], 1e-6);
    near(got.gradient.flat(), gradient.flat(), 1e-7);
  });
}

Deno.test("the gradient of weighted, smoothed and mixed labels equals finite differences of the loss", () => {
  const test: Case = { ...SMALL, mixed: true, train: { label_smoothing: 0.2 } };
  const others = Uint32Array.of(2, 1, 0, 1), weights = Float32Array.of(0.3, 0.5, 1, 0.8);
  const batch: Batch = { ...BATCH, others, weights };
  const { gradient } = lossOf(test, batch, LOGITS), step = 2 ** -6;
  LOGITS.forEach((row, n) =>
    row.forEach((_, k) => {
      const moved = (by: number) =>
        lossOf(test, batch, LOGITS.map((r, i) => r.map((v, j) => i === n && j === k ? v + by : v)))
          .loss;
      near([gradient[n]![k]!], [(moved(step) - moved(-step)) / (2 * step)], 1e-4);
    })
  );
});

Deno.test("micro-batches give the weighted loss and gradient of the whole batch", async () => {
  const large: Case = { ...SMALL, batch: 12 };
  const whole = networkOf(large), cut = networkOf({ ...large, train: { micro_batch: 4 } });
  const batch = batchOf(whole.program);
  const a = await whole.network.step(batch, 0, 0.1), b = await cut.network.step(batch, 0, 0.1);
  near([b.loss], [a.loss], 1e-6);
  const values = async ({ network }: typeof whole) =>
    (await network.state()).parameters.flatMap(({ data }) => [...data]);
  near(await values(cut), await values(whole), 1e-6);
});

Deno.test("an evaluation counts every image once, whatever the weights", async () => {
  const weighted = networkOf({ ...SMALL, train: { label_smoothing: 0.1 } });
  const { weights: _, ...plain } = SMALL, other = networkOf(plain);
  const batch = batchOf(weighted.program);
  async function* one() {
    yield await Promise.resolve(batch);
  }
  const [a, b] = [await weighted.network.evaluate(one()), await other.network.evaluate(one())];
  near([a.loss, a.accuracy], [b.loss, b.accuracy], 1e-6);
});

Deno.test("a batch of classes that weigh 0 has no loss and moves no weight", async () => {
  const { network } = networkOf({ ...SMALL, weights: [3, 0, 0] });
  const batch = { ...batchOf(network.program), labels: Uint32Array.of(1, 2, 2, 1) };
  const values = async () => (await network.state()).parameters.map(({ data }) => [...data]);
  const before = await values();
  const { loss, nonfinite } = await network.step(batch, 0, 0.1);
  assert.deepEqual([loss, nonfinite], [0, undefined]);
  // Weight decay alone moves weights.
  near((await values()).flat(), before.flat(), 1e-4);
});

const dataWith = (...labels: number[]) => ({
  name: "photos",
  classes: 3,
  train: memorySplit(
    { images: new Uint8Array(labels.length), labels: Uint32Array.from(labels) },
  ),
});

Deno.test("balanced weights are the reciprocal of a class's images, with a mean of 1", () => {
  // scikit-learn: n / (classes · count) = 8/12, 8/6, and 8/18 · … up to a common factor.
  near([...classWeights("balanced", dataWith(0, 0, 1, 1, 1, 1, 2, 2))], [1.2, 0.6, 1.2], 1e-6);
  near([...classWeights("balanced", dataWith(0, 0, 0, 1))], [0.75, 2.25, 0], 1e-6);
  near([...classWeights([2, 0, 4], dataWith(0, 1, 2))], [1, 0, 2], 1e-6);
  near([...classWeights("none", dataWith(0, 0, 0, 1))], [1, 1, 1], 1e-6);
});

Deno.test("a list of weights that does not fit the classes is refused before training, with both counts", async () => {
  const prepare = async (class_weights: string) =>
    await prepareTraining(
      parseRecipe("data: { format: glyphs, size: 12 }\nmodel: { name: cnn, width: 4 }", "r.yaml", [
        `data.class_weights=${class_weights}`,
      ]),
    );
  await assert.rejects(prepare("[1, 2, 3]"), {
    name: "DataError",
    message: "data.class_weights: expected 10 numbers, one for each class of glyphs, got 3; " +
      "correct the list",
  });
  await assert.rejects(prepare("[0, 0, 0, 0, 0, 0, 0, 0, 0, 0]"), /expected a number above 0/);
  for (const wrong of ["equal", "[1, -1]", "[1, .nan]", "{ cat: 1 }", "3"]) {
    await assert.rejects(prepare(wrong), {
      name: "RecipeError",
      message:
        /data\.class_weights.*: expected none, balanced, or a list of numbers from 0 to 1000000/,
    }, wrong);
  }
});

Deno.test("a run with balanced classes resumes to the same bits, and with no other weights", async () => {
  const recipe = { ...SHORT, data: { ...SHORT.data, class_weights: "balanced" as const } };
  const whole = await runOf(recipe, { device: "cpu" });
  const plain = await runOf(SHORT, { device: "cpu" });
  assert.notDeepEqual(whole.losses, plain.losses);
  await inFolder(async (out) => {
    const first = await runOf(recipe, { device: "cpu", out, stopAt: 5 });
    await assert.rejects(
      runOf(SHORT, { device: "cpu", out, resume: true }),
      /data\.class_weights was "balanced", is now "none"/,
    );
    const rest = await runOf(recipe, { device: "cpu", out, resume: true });
    assert.deepEqual([...first.losses, ...rest.losses], whole.losses);
    assert.deepEqual(rest.end.state, whole.end.state);
  });
});
