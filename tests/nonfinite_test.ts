/**
 * A number that is not finite: it is noticed in its step, named with its layer, and handled as the
 * recipe says. Steps in flight behind it change nothing.
 *
 * @module
 */
import assert from "node:assert/strict";
import { ReferenceExecutor } from "../lib/runtime/reference_executor.ts";
import type { EstimatorMakers } from "../lib/quant/estimator.ts";
import { NONFINITE_COUNTS } from "../lib/quant/layouts.ts";
import { estimators } from "../lib/quant/estimators/mod.ts";
import type { Executor } from "../lib/runtime/executor.ts";
import { openDevice } from "../lib/runtime/device.ts";
import type { Program } from "../lib/program/program.ts";
import type { RecipeInput } from "../lib/recipe/recipe.ts";
import { decodeCheckpoint, encodeCheckpoint } from "../lib/train/checkpoint/checkpoint.ts";
import { Network } from "../lib/train/network/network.ts";
import type { Batch } from "../lib/data/batch.ts";
import { locateNonfinite } from "../lib/train/network/divergence.ts";
import { batchOf } from "./support/fill.ts";
import { type Arithmetic, type Case, dataOf, programOf, recipeOf } from "./support/networks.ts";
import { type Plant, Planted, plantedDevice } from "./support/planted.ts";
import { inFolder, runOf, SHORT } from "./support/runs.ts";

const ARITHMETICS: readonly Arithmetic[] = ["int8", "simulated", "float32"];

/** Norms, biases, a depthwise convolution; cut into micro-batches of two. */
const SMALL: Case = {
  name: "small",
  image: [6, 6, 3],
  batch: 4,
  classes: 3,
  train: { micro_batch: 2, ema: 0.9, clip_norm: 1 },
  layers: [
    { type: "conv2d", channels: 8, kernel: 3, padding: 1, bias: false },
    "batch_norm",
    "relu",
    { type: "conv2d", channels: 8, kernel: 3, padding: 1, groups: 8 },
    "relu",
    { type: "conv2d", channels: 5, kernel: 3 },
    "batch_norm",
    "relu",
    { type: "linear", features: 3 },
  ],
};

/** In place of `running-minmax`: one that keeps count, and runs on the host within the step. */
const COUNTS: EstimatorMakers = {
  ...estimators,
  "running-minmax": () => ({
    kind: "dynamic",
    memory: 1,
    next: (_, { min, max }, memory) => {
      memory[0]! += 1;
      return { low: min * memory[0]!, high: max * memory[0]! };
    },
  }),
};

/** Ways to set ranges, by who sets them and whether they change within a step. */
const WAYS: readonly (readonly [
  string,
  NonNullable<RecipeInput["quantize"]>,
  EstimatorMakers?,
])[] = [
  ["on the host", { scheduler: "host" }],
  ["on the device", {
    scheduler: "device",
    activations: { estimator: "delayed-max" },
    gradients: { estimator: "hindsight-guarded" },
  }],
  ["within the step", {
    activations: { estimator: "running-minmax" },
    gradients: { estimator: "dsgc", interval: 1, scale_rate: true },
  }],
  ["within the step, by the host", {
    scheduler: "host",
    activations: { estimator: "running-minmax" },
  }, COUNTS],
];

/** A batch of two micro-batches. */
function wholeBatch(program: Program): Batch {
  const { images, labels } = batchOf(program), samples = SMALL.batch;
  return {
    images: new Uint8Array([...images, ...images.map((v) => 255 - v)]),
    labels: new Uint32Array([...labels, ...labels]),
    samples,
  };
}

function planted(
  test: Case,
  program: Program,
  plant: Plant,
  makers: EstimatorMakers = {},
  inner: Executor = new ReferenceExecutor(program.buffers, program.layout),
) {
  const { quantize, seed } = recipeOf(test, program.arithmetic);
  const executor = new Planted(inner, plant);
  const network = new Network(program, executor, seed, quantize, dataOf(test), {
    estimators: { ...estimators, ...makers },
  });
  network.initialize();
  return network;
}

/** What goes wrong, and the layer and tensor that must be named; in f32 another tensor. */
const PLANTS: readonly (readonly [string, Omit<Plant, "steps">, string, RegExp])[] = [
  [
    "the data",
    { kernel: "normalize_input", layer: "input", buffer: "normalization", passes: true },
    "input",
    /^(quantizer input: \d+ of 432 values are|tensor input.output:) not finite$/,
  ],
  [
    "a gradient of a weight",
    {
      kernel: "conv_backward_weight",
      layer: "conv3",
      later: true,
      buffer: "conv3.weight.gradient",
    },
    "conv3",
    /^tensor conv3.weight.gradient: not finite$/,
  ],
  [
    "a gradient of a bias",
    {
      kernel: "conv_backward_weight",
      layer: "conv3",
      later: true,
      buffer: "conv3.bias.gradient",
    },
    "conv3",
    /^tensor conv3.bias.gradient: not finite$/,
  ],
  [
    "a gradient of a depthwise weight",
    {
      kernel: "reduce_depthwise_weight_gradient",
      layer: "conv2",
      later: true,
      buffer: "conv2.weight.gradient",
    },
    "conv2",
    /^tensor conv2.weight.gradient: not finite$/,
  ],
  [
    "a gradient of a norm",
    {
      kernel: "norm_backward_coefficients",
      layer: "norm1",
      later: true,
      buffer: "norm1.affine.gradient",
    },
    "norm1",
    /^tensor norm1.affine.gradient: not finite$/,
  ],
  [
    "what a norm normalizes by",
    { kernel: "norm_forward", layer: "norm2", buffer: "norm2.coefficients" },
    "norm2",
    // A ReLU on a GPU may make 0 of NaN: the norm's backward pass then shows it.
    /^(quantizer (norm2|conv3.gradient): \d+ of \d+ values are|tensor (norm2.output|conv3.gradient):) not finite$/,
  ],
  [
    "scores",
    { kernel: "softmax_cross_entropy", layer: "loss", buffer: "linear1.output" },
    "linear1",
    /^tensor linear1.output: not finite$/,
  ],
];

for (const device of ["cpu", "gpu"] as const) {
  for (const arithmetic of ARITHMETICS) {
    Deno.test(`a NaN is named in its step, with its layer: ${arithmetic} (${device})`, async (t) => {
      const program = programOf(SMALL, arithmetic), batch = wholeBatch(program);
      const inner = await (await openDevice(device)).createExecutor(program);
      for (const [what, plant, layer, tensor] of PLANTS) {
        await t.step(`in ${what}`, async () => {
          const network = planted(SMALL, program, { ...plant, steps: [1] }, {}, inner);
          await network.calibrate([batch]);
          assert.equal((await network.step(batch, 0, 0.05)).nonfinite, undefined);
          let { nonfinite } = await network.step(batch, 1, 0.05);
          // Without quantizers what is made on the way is looked through in a second pass.
          if (arithmetic === "float32") {
            nonfinite = (await locateNonfinite(network, batch, 1))?.nonfinite ?? nonfinite;
          }
          const end = `${arithmetic}: ${nonfinite?.where}`;
          assert.equal(nonfinite?.layer, layer, end);
          assert.match(nonfinite!.where.slice(`layer ${layer}, `.length), tensor, end);
          assert.equal((await network.step(batch, 2, 0.05)).nonfinite, undefined);
        });
      }
      inner.close();
    });
  }
}

const POSITION = { step: 3, epochLoss: 0, epochCorrect: 0, last: null, bests: [] };

for (const [how, quantize, makers] of WAYS) {
  Deno.test(`a step that is not finite changes nothing, nor do those behind it: ranges set ${how}`, async () => {
    for (const arithmetic of ARITHMETICS) {
      for (const name of ["sgd", "adamw"] as const) {
        const test: Case = { ...SMALL, quantize, optimizer: { name } };
        const program = programOf(test, arithmetic), batch = wholeBatch(program);
        const plant = { ...PLANTS[5]![1], steps: [2], once: true };
        const [network, other] = [plant, { ...plant, steps: [] }].map((p) =>
          planted(test, program, p, makers)
        ) as [Network, Network];
        for (const each of [network, other]) await each.calibrate([batch]);
        for (let step = 0; step < 2; step++) await network.step(batch, step, 0.05);
        const before = await network.state();
        // As many in flight as may be.
        for (let at = 0; at < network.maxInFlight; at++) await network.submit(batch, 2 + at, 0.05);
        const results = await network.collect();
        assert.equal(results.length, 1);
        assert.ok(results[0]!.nonfinite);
        const after = await network.state();
        assert.deepEqual(after, before, `${arithmetic}, ${name}`);
        // And it goes on as a network that has not met it.
        await network.step(batch, 3, 0.05);
        const saved = decodeCheckpoint(encodeCheckpoint(after, "", POSITION), "it");
        other.load(saved);
        await other.step(batch, 3, 0.05);
        assert.deepEqual(await network.state(), await other.state(), `${arithmetic}, ${name}`);
      }
    }
  });
}

Deno.test("every gradient of a parameter has its alarm, and none has another's", () => {
  for (const arithmetic of ["int8", "float32"] as const) {
    const program = programOf(SMALL, arithmetic), alarms = new Set<number>();
    const writes = program.sections.backward.filter(({ kernel: { name } }) =>
      ["conv_backward_weight", "reduce_depthwise_weight_gradient", "norm_backward_coefficients"]
        .includes(name)
    );
    for (const { constants: { NONFINITE, BIAS_NONFINITE, BIAS } } of writes) {
      alarms.add(NONFINITE!);
      if (BIAS) alarms.add(BIAS_NONFINITE!);
    }
    assert.equal(alarms.size, program.parameters.length);
    const updates = program.sections.update.filter(({ kernel }) => kernel.name === "sgd");
    assert.deepEqual(
      updates.map(({ constants }) =>
        constants.NONFINITE! - NONFINITE_COUNTS.word("update") + NONFINITE_COUNTS.word("gradient")
      ).toSorted(),
      [...alarms].toSorted(),
    );
  }
});

/** Ten steps an epoch, two epochs; ranges on the device, so that steps are in flight. */
const RUN: RecipeInput = { ...SHORT, quantize: { scheduler: "device" } };
const withTrain = (train: NonNullable<RecipeInput["train"]>): RecipeInput => ({
  ...RUN,
  train: { ...RUN.train, ...train },
});
const DATA = {
  kernel: "normalize_input",
  layer: "input",
  buffer: "normalization",
  passes: true,
} as const;
const weightsOf = (path: string) => Deno.readFile(`${path}/checkpoints/step-00000020.safetensors`);
const linesOf = async (path: string) => {
  const text = await Deno.readTextFile(`${path}/metrics.jsonl`);
  return text.trimEnd().split("\n").map((line) => JSON.parse(line)).map(({ kind, step, ...more }) =>
    kind === "skip" ? { kind, step, ...more } : { kind, step }
  );
};

for (const device of ["cpu", "gpu"] as const) {
  Deno.test(`skip: a run leaves steps out, logs them, and is the same when resumed (${device})`, async () => {
    const recipe = withTrain({ on_nonfinite: "skip", log_every: 1 });
    const run = async (out: string, more: object = {}) =>
      runOf(recipe, {
        opened: await plantedDevice({ ...DATA, steps: [4, 12] }, device),
        out,
        ...more,
      });
    await inFolder(async (path) => {
      const whole = await run(path);
      assert.equal(whole.end.summary.status, "done");
      assert.equal(whole.end.summary.skipped_steps, 2);
      assert.deepEqual(whole.warnings, [
        "step 5: layer input, quantizer input: 2304 of 2304 values are not finite: " +
        "update skipped (9 skips left)",
        "step 13: layer input, quantizer input: 2304 of 2304 values are not finite: " +
        "update skipped (8 skips left)",
      ]);
      const skips = whole.events.filter((e) => e.type === "skip");
      assert.deepEqual(skips[0], {
        type: "skip",
        step: 5,
        layer: "input",
        tensor: "input",
        steps: 20,
        epoch: 1,
        left: 9,
      });
      const lines = await linesOf(path);
      const expected = Array.from({ length: 20 }, (_, i) => i + 1).flatMap((step): object[] => [
        step === 5 || step === 13
          ? { kind: "skip", step, epoch: Math.ceil(step / 10), layer: "input", tensor: "input" }
          : { kind: "step", step },
        ...(step % 10 === 0 ? [{ kind: "epoch", step }] : []),
      ]);
      assert.deepEqual(lines, expected);
      const losses = whole.losses.slice(0, 9), epoch = whole.events.find((e) => e.type === "epoch");
      const mean = losses.reduce((a, b) => a + b) / 9;
      assert.ok(epoch?.type === "epoch" && Math.abs(epoch.trainLoss - mean) < 1e-6);
      const bytes = await weightsOf(path);
      const { trainerState: position } = decodeCheckpoint(bytes, "it");
      assert.deepEqual(position.skipped?.map(({ step }) => step), [5, 13]);
      await inFolder(async (other) => {
        assert.equal((await run(other, { stopAt: 7 })).end.summary.status, "interrupted");
        const resumed = await run(other, { resume: true });
        assert.equal(resumed.end.summary.skipped_steps, 2);
        assert.deepEqual(await weightsOf(other), bytes);
        assert.deepEqual(await linesOf(other), expected);
      });
    });
  });
}

Deno.test("stop: the run ends with the state from before the step, and names the layer", async () => {
  const stopped = await runOf(RUN, {
    opened: await plantedDevice({ ...DATA, steps: [6] }),
  });
  assert.equal(stopped.end.summary.status, "diverged");
  assert.equal(stopped.end.summary.steps, 6);
  assert.match(stopped.end.summary.reason!, /^step 7: layer input, quantizer input: /);
  assert.ok(stopped.end.state.parameters.every(({ data }) => data.every(Number.isFinite)));
  assert.equal(stopped.losses.length, 6);
});

Deno.test("skip: no more than train.max_skipped_steps, and none where the weights are lost", async () => {
  const all = Array.from({ length: 20 }, (_, i) => i);
  const { end } = await runOf(withTrain({ on_nonfinite: "skip", max_skipped_steps: 3 }), {
    opened: await plantedDevice({ ...DATA, steps: all.slice(2) }),
  });
  assert.equal(end.summary.status, "diverged");
  assert.equal(end.summary.skipped_steps, 3);
  assert.match(
    end.summary.reason!,
    /^step 6: .* after train.max_skipped_steps \(3\) skipped steps/,
  );
  for (const arithmetic of ["int8", "float32"] as const) {
    const weight: Plant = {
      kernel: "conv_forward",
      layer: "conv1",
      buffer: "conv3.weight",
      steps: [3],
    };
    const lost = await runOf({
      ...withTrain({ on_nonfinite: "skip" }),
      quantize: { arithmetic },
    }, { opened: await plantedDevice(weight) });
    assert.equal(lost.end.summary.status, "diverged");
    assert.match(
      lost.end.summary.reason!,
      /^step [45]: layer conv3, tensor conv3.weight: not finite.*skipping cannot repair/,
    );
  }
});

for (const arithmetic of ["int8", "float32"] as const) {
  Deno.test(`rollback: weights that are lost come back from the last checkpoint (${arithmetic})`, async () => {
    const recipe = {
      ...withTrain({ on_nonfinite: "rollback", log_every: 1 }),
      quantize: { arithmetic },
    };
    const weight = { kernel: "conv_forward", layer: "conv1", buffer: "conv3.weight" };
    const plant = { ...weight, steps: [13], once: true };
    const run = async (out?: string, steps: readonly number[] = [13], more: object = {}) =>
      runOf(recipe, {
        opened: await plantedDevice({ ...plant, steps }),
        ...(out === undefined ? {} : { out }),
        ...more,
      });
    await inFolder(async (path) => {
      const { end, events, warnings } = await run(path);
      assert.equal(end.summary.status, "done");
      assert.equal(warnings.length, 1);
      assert.match(
        warnings[0]!,
        /^step 1[45]: layer conv3, tensor conv3.weight: .*: back to the checkpoint of step 10; this step /,
      );
      const back = events.find((e) => e.type === "rollback")!;
      assert.equal(back.type === "rollback" && back.to, 10);
      const steps = (await linesOf(path)).filter(({ kind }) => kind !== "epoch");
      assert.deepEqual(steps.map(({ step }) => step), Array.from({ length: 20 }, (_, i) => i + 1));
      assert.equal(steps.filter(({ kind }) => kind === "skip").length, 1);
      // Interrupted on its way back to the step, it still leaves it out, though all is well now.
      await inFolder(async (other) => {
        const stopped = await run(other, [13], { stopAt: 12, stopFrom: "rollback" });
        assert.equal(stopped.end.summary.status, "interrupted");
        const resumed = await run(other, [], { resume: true });
        assert.deepEqual(resumed.end.state.parameters, end.state.parameters);
        assert.deepEqual(await linesOf(other), await linesOf(path));
      });
      // In memory alone it is the same.
      const alone = await run();
      assert.deepEqual(alone.end.state.parameters, end.state.parameters);
    });
    const early = await run(undefined, [2]);
    assert.equal(early.end.summary.status, "done");
    assert.match(
      early.warnings[0]!,
      /back to the start; this step will be skipped \(9 skips left\)/,
    );
  });
}

Deno.test("rollback and skip of the same step give the same weights", async () => {
  const [skip, rollback] = await Promise.all(
    (["skip", "rollback"] as const).map(async (how) =>
      await runOf(withTrain({ on_nonfinite: how }), {
        opened: await plantedDevice({ ...DATA, steps: [14] }),
      })
    ),
  );
  assert.deepEqual(skip!.end.state, rollback!.end.state);
  assert.equal(skip!.end.summary.train_loss, rollback!.end.summary.train_loss);
});
