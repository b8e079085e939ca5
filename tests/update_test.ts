/**
 * The end of a step: AdamW, gradients clipped by their norm, averaged weights; and the labels that the
 * loss goes by.
 *
 * @module
 */
import assert from "node:assert/strict";
import { STEP } from "../lib/quant/layouts.ts";
import { ReferenceExecutor } from "../lib/runtime/reference_executor.ts";
import { decodeSafetensors } from "../lib/core/safetensors.ts";
import type { RecipeInput } from "../lib/recipe/recipe.ts";
import { resolveRecipe } from "../lib/recipe/load.ts";
import { adamw } from "../kernels/adamw/reference.ts";
import { gradientClipScale } from "../kernels/gradient_clip_scale/reference.ts";
import { HostBuffer } from "../kernels/include/host_buffer.ts";
import { gradientNormPartials } from "../kernels/gradient_norm_partials/reference.ts";
import { evaluate } from "../lib/train/evaluate.ts";
import { exportWeights } from "../lib/train/export/weights.ts";
import { Network } from "../lib/train/network/network.ts";
import type { Batch } from "../lib/data/batch.ts";
import { batchOf } from "./support/fill.ts";
import { type Arithmetic, type Case, dataOf, programOf, recipeOf } from "./support/networks.ts";
import { inFolder, runOf, SHORT } from "./support/runs.ts";

function floats(...values: number[]): HostBuffer {
  const buffer = new HostBuffer(4 * values.length);
  buffer.f32.set(values);
  return buffer;
}

function near(got: ArrayLike<number>, expected: readonly number[], bound = 1e-6): void {
  for (const [i, e] of expected.entries()) {
    assert.ok(
      Math.abs(got[i]! - e) <= bound * Math.max(1, Math.abs(e)),
      `${i}: ${got[i]}, not ${e}`,
    );
  }
}

const SMALL: Case = {
  name: "small",
  image: [4, 4, 1],
  batch: 6,
  classes: 3,
  layers: [
    { type: "conv2d", channels: 5, kernel: 3, bias: false },
    "batch_norm",
    "relu",
    { type: "linear", features: 3 },
  ],
};

function networkOf(test: Case, arithmetic: Arithmetic = "float32") {
  const program = programOf(test, arithmetic), cpu = new ReferenceExecutor(program.buffers);
  const { quantize, seed } = recipeOf(test, arithmetic);
  const network = new Network(program, cpu, seed, quantize, dataOf(test));
  network.initialize();
  return { program, cpu, network };
}

async function* one(batch: Batch) {
  yield batch;
}

Deno.test("adamw is PyTorch's: averages corrected by the step, decay apart from the gradient", () => {
  const [rate, b1, b2, epsilon, decay] = [0.1, 0.8, 0.95, 1e-3, 0.05];
  const weight = floats(1, -2, 0, 4), velocity = floats(0, 0, 0, 0), second = floats(0, 0, 0, 0);
  const w = [1, -2, 0, 4], m = [0, 0, 0, 0], v = [0, 0, 0, 0];
  for (let t = 1; t <= 3; t++) {
    const slopes = [0.5, 0.25 * t, 0, -1 / t];
    const step = new HostBuffer(48);
    STEP.write(step, 0, {
      learningRate: rate,
      firstCorrection: 1 / (1 - b1 ** t),
      secondCorrection: 1 / Math.sqrt(1 - b2 ** t),
    });
    adamw({
      INT8: 0,
      STORE: 0,
      STOCHASTIC: 0,
      SIZE: 1,
      BETA_1: b1,
      BETA_2: b2,
      REST_1: 1 - b1,
      REST_2: 1 - b2,
      EPSILON: epsilon,
      WEIGHT_DECAY: decay,
      SCALED: 0,
      RATE_ROW: 0,
      W_ROW: 0,
      CLIP: 0,
      NONFINITE: 64,
    }, {
      quantizers: new HostBuffer(32),
      statistics: new HostBuffer(512),
      found_nonfinite: new HostBuffer(16),
      step,
      gradient: floats(...slopes),
      weight,
      velocity,
      second,
      clip: floats(1),
    });
    slopes.forEach((g, i) => {
      w[i]! -= rate * decay * w[i]!;
      m[i] = b1 * m[i]! + (1 - b1) * g;
      v[i] = b2 * v[i]! + (1 - b2) * g * g;
      const below = Math.sqrt(v[i]!) / Math.sqrt(1 - b2 ** t) + epsilon;
      w[i]! -= rate / (1 - b1 ** t) * m[i]! / below;
    });
  }
  near(weight.f32, w);
  near(velocity.f32, m);
  near(second.f32, v);
});

Deno.test("the norm is that of all gradients together, and one that is not finite clips nothing", () => {
  const tiles = floats(0, 0, 0), clip = floats(0, 0, 0, 0);
  const sums = (gradient: HostBuffer, FIRST: number, TILES: number) =>
    gradientNormPartials(
      { R: 1, SIZE: gradient.f32.length / 4, TILES, FIRST },
      { gradient, square_tiles: tiles },
    );
  const long = new HostBuffer(4 * 4 * 65); // A vector more than a tile.
  long.f32[0] = 3;
  long.f32[259] = -4;
  sums(long, 0, 2);
  sums(floats(0, 12, 0, 0), 2, 1);
  assert.deepEqual([...tiles.f32], [9, 16, 144]);
  const of = (CLIP_NORM: number) => {
    gradientClipScale({ TILES: 3, CLIP_NORM }, { square_tiles: tiles, clip });
    return [...clip.f32.subarray(0, 2)];
  };
  assert.deepEqual(of(6.5), [0.5, 13]);
  assert.deepEqual(of(13), [1, 13]);
  assert.deepEqual(of(100), [1, 13]);
  tiles.f32[1] = NaN;
  assert.deepEqual(of(1), [1, NaN]);
  tiles.f32[1] = Infinity;
  assert.deepEqual(of(1), [1, Infinity]);
});

Deno.test("a step with clipped gradients moves the weights by no more than the norm allows", async () => {
  const plain: Case = { ...SMALL, optimizer: { momentum: 0, weight_decay: 0 } };
  const clipped: Case = { ...plain, train: { clip_norm: 0.01 } };
  const moved = async (test: Case) => {
    const { network, program } = networkOf(test), before = await network.state();
    const { gradientNorm } = await network.step(batchOf(program), 0, 1);
    const after = await network.state();
    const moves = after.parameters.flatMap(({ data }, i) =>
      [...data].map((v, n) => v - before.parameters[i]!.data[n]!)
    );
    return { moves, norm: Math.hypot(...moves), gradientNorm };
  };
  const [a, b] = [await moved(plain), await moved(clipped)];
  assert.equal(a.gradientNorm, undefined);
  near([b.gradientNorm!, b.norm], [a.norm, 0.01], 1e-5);
  near(b.moves, a.moves.map((v) => v * 0.01 / a.norm), 1e-6);
});

Deno.test("smoothed and mixed labels give the loss and the gradient of their distribution", async () => {
  const smoothing = 0.1,
    test: Case = {
      ...SMALL,
      mixed: true,
      train: { label_smoothing: smoothing },
    };
  const { network, program, cpu } = networkOf(test), batch = batchOf(program);
  const others = batch.labels.map((label) => (label + 1) % 3);
  const weights = Float32Array.from(others, (_, n) => n / 5);
  const { loss } = await network.step({ ...batch, others, weights }, 0, 0);
  const name = program.sections.loss[0]!.buffers.logits!;
  let expected = 0;
  for (let n = 0; n < 6; n++) {
    const logits = [...cpu.memory.get(name)!.f32.subarray(4 * n, 4 * n + 3)];
    const total = Math.log(logits.reduce((sum, l) => sum + Math.exp(l), 0));
    logits.forEach((l, k) => {
      const hot = weights[n]! * (k === batch.labels[n] ? 1 : 0) +
        (1 - weights[n]!) * (k === others[n] ? 1 : 0);
      const wanted = (1 - smoothing) * hot + smoothing / 3;
      expected += wanted * (total - l) / 6;
      const got = cpu.memory.get(program.sections.loss[0]!.buffers.dlogits!)!.f32[4 * n + k]!;
      near([got], [(Math.exp(l - total) - wanted) / 6]);
    });
  }
  near([loss], [expected]);
});

Deno.test("labels are whole in an evaluation, and mixed with nothing where no second one is given", async () => {
  const soft = networkOf({ ...SMALL, mixed: true, train: { label_smoothing: 0.3 } });
  const hard = networkOf(SMALL), batch = batchOf(hard.program);
  near(
    Object.values(await soft.network.evaluate(one(batch))),
    Object.values(await hard.network.evaluate(one(batch))),
  );
  const unmixed = networkOf({ ...SMALL, mixed: true });
  const a = await unmixed.network.step(batch, 0, 0.1), b = await hard.network.step(batch, 0, 0.1);
  near([a.loss, a.correct], [b.loss, b.correct]);
});

for (const arithmetic of ["int8", "simulated", "float32"] as const) {
  Deno.test(`averaged weights are what an evaluation uses, and change no bit of training: ${arithmetic}`, async () => {
    const averaged = networkOf({ ...SMALL, train: { ema: 0.5 } }, arithmetic);
    const plain = networkOf(SMALL, arithmetic), batch = batchOf(plain.program);
    await averaged.network.calibrate([batch]);
    await plain.network.calibrate([batch]);
    const wanted = (await plain.network.state()).parameters.map(({ data }) => [...data]);
    for (let step = 0; step < 4; step++) {
      const [a, b] = [averaged, plain].map(({ network }) => network.step(batch, step, 0.1));
      assert.deepEqual(await a, await b);
      if (step === 1) await averaged.network.evaluate(one(batch)); // Leaves everything as it was.
      const { parameters } = await plain.network.state();
      parameters.forEach(({ data }, i) =>
        data.forEach((v, n) => wanted[i]![n] = 0.5 * wanted[i]![n]! + 0.5 * v)
      );
    }
    const before = await averaged.network.state(), { parameters, averages } = before;
    const same = await plain.network.state();
    assert.deepEqual({ ...before, averages: [] }, same);
    averages.forEach(({ data, name }, i) => {
      assert.equal(name, parameters[i]!.name);
      near(data, wanted[i]!);
    });
    // The same as a network whose weights are the averages.
    const other = networkOf(SMALL, arithmetic).network;
    const tensors = new Map([...averages, ...before.running].map((t) => [t.name, t.data]));
    other.load({ find: (name) => tensors.get(name)!, ranges: before.ranges }, false);
    const result = await averaged.network.evaluate(one(batch));
    assert.deepEqual(result, await other.evaluate(one(batch)));
    assert.notDeepEqual(result, await plain.network.evaluate(one(batch)));
    assert.deepEqual(await averaged.network.state(), before);
  });
}

Deno.test("averaged weights leave frozen ones as they are, also when an evaluation comes between", async () => {
  const [layer] = programOf(SMALL, "int8").parameters;
  const frozen = { ...SMALL, freeze: [layer!.layer] };
  const averaged = networkOf({ ...frozen, train: { ema: 0.5 } }, "int8"),
    plain = networkOf(frozen, "int8");
  const batch = batchOf(plain.program);
  await averaged.network.calibrate([batch]);
  await plain.network.calibrate([batch]);
  for (let step = 0; step < 3; step++) {
    const [a, b] = [averaged, plain].map(({ network }) => network.step(batch, step, 0.1));
    assert.deepEqual(await a, await b);
    await averaged.network.evaluate(one(batch));
  }
  assert.deepEqual(
    { ...await averaged.network.state(), averages: [] },
    await plain.network.state(),
  );
});

const ALL: RecipeInput = {
  ...SHORT,
  train: {
    ...SHORT.train,
    max_steps: 12,
    log_every: 2,
    optimizer: { name: "adamw", lr: 0.01 },
    clip_norm: 0.5,
    ema: 0.7,
    label_smoothing: 0.1,
    micro_batch: 8,
  },
};

Deno.test("a run with all of it, interrupted and resumed, gives the same bits, and eval and export the averages", async () => {
  await inFolder(async (out) => {
    const whole = await runOf(ALL, { device: "cpu" });
    const first = await runOf(ALL, { device: "cpu", out, stopAt: 5 });
    const rest = await runOf(ALL, { device: "cpu", out, resume: true });
    assert.deepEqual([...first.losses, ...rest.losses], whole.losses);
    assert.deepEqual(rest.end.state, whole.end.state);
    assert.ok(whole.losses.at(-1)! < whole.losses[0]!);
    const { averages, optimizer } = whole.end.state;
    assert.ok(optimizer.get("second_moment")!.some(({ data }) => data.some((v) => v > 0)));

    const { test_loss, test_accuracy } = rest.end.summary;
    const { loss, accuracy } = await evaluate(out, { device: "cpu" });
    assert.deepEqual([loss, accuracy], [test_loss, test_accuracy]);

    const { tensors } = decodeSafetensors(await exportWeights(out), "export");
    assert.deepEqual(
      Object.keys(tensors).filter((n) => /^(second_moment|ema|velocity)\./.test(n)),
      [],
    );
    for (const { name, data } of averages) {
      assert.deepEqual(new Float32Array(tensors[name]!.data.slice().buffer), data, name);
    }

    const lines = (await Deno.readTextFile(`${out}/metrics.jsonl`)).trim().split("\n");
    const norms = lines.map((l) => JSON.parse(l)).filter((l) => l.kind === "step");
    assert.ok(norms.length === 6 && norms.every((l) => l.gradient_norm > 0));
  });
});

Deno.test("each optimizer has its own defaults, and takes the other's fields", () => {
  const of = (optimizer: object) =>
    resolveRecipe({ data: { format: "glyphs" }, model: { name: "cnn" }, train: { optimizer } })
      .train.optimizer;
  const both = { momentum: 0.9, nesterov: false, betas: [0.9, 0.999], epsilon: 1e-8 };
  assert.deepEqual(of({}), { name: "sgd", lr: 0.05, ...both, weight_decay: 1e-4 });
  assert.deepEqual(of({ name: "adamw" }), { name: "adamw", lr: 1e-3, ...both, weight_decay: 0.01 });
  assert.deepEqual(of({ name: "adamw", lr: 1, momentum: 0.5, weight_decay: 0 }), {
    name: "adamw",
    lr: 1,
    ...both,
    momentum: 0.5,
    weight_decay: 0,
  });
});
