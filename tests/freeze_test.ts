/**
 * Frozen layers: what they cost no more, and that they stay as they are.
 *
 * @module
 */
import assert from "node:assert/strict";
import { plan } from "../lib/program/plan.ts";
import { parameterCount } from "../lib/program/summary.ts";
import type { Program } from "../lib/program/program.ts";
import type { RecipeInput } from "../lib/recipe/recipe.ts";
import { resolveRecipe } from "../lib/recipe/load.ts";
import { ReferenceExecutor } from "../lib/runtime/reference_executor.ts";
import { Network } from "../lib/train/network/network.ts";
import type { NetworkState } from "../lib/train/network/types.ts";
import { batchOf } from "./support/fill.ts";
import { inFolder, runOf, SHORT } from "./support/runs.ts";

const DATA = { shape: [16, 16, 1], classes: 10, mean: [0.5], std: [0.5] } as const;
const BODY = ["conv*", "norm*"];

const planned = (freeze: readonly string[], more: Partial<RecipeInput> = {}): Program =>
  plan(resolveRecipe({ ...SHORT, ...more, freeze }), DATA).program;
const bytes = ({ buffers }: Program) => buffers.reduce((sum, b) => sum + b.bytes, 0);
const steps = ({ sections }: Program) => Object.values(sections).flat().length;

Deno.test("with all but the last layer frozen, only its weight gradient is left of the backward pass", () => {
  const all = planned([]), { sections, buffers } = planned(BODY);
  assert.deepEqual(
    sections.backward.map(({ layer, kernel }) => `${layer} ${kernel.name}`),
    ["linear conv_backward_weight"],
  );
  const updates = sections.update.filter((s) => s.kernel.name === "sgd");
  assert.deepEqual(updates.map((s) => s.buffers.weight), ["linear.weight", "linear.bias"]);
  assert.deepEqual(
    buffers.map((b) => b.name).filter((name) =>
      /\.(gradient|velocity|backward|partial)$/.test(name)
    ),
    [
      "linear.gradient",
      "linear.partial",
      "linear.weight.gradient",
      "linear.weight.velocity",
      "linear.bias.gradient",
      "linear.bias.velocity",
    ],
  );
  // No batch statistics either: batch norm goes by the running ones.
  const left = sections.forward.map((s) => s.kernel.name);
  assert.equal(left.includes("norm_coefficients"), false);
  assert.equal(all.sections.forward.some((s) => s.kernel.name === "norm_coefficients"), true);
});

Deno.test("every layer frozen from the input upward takes bytes and steps away, in every arithmetic", () => {
  for (const arithmetic of ["int8", "simulated", "float32"] as const) {
    const programs = [[], ["conv1", "norm1"], ["conv[12]|conv1|conv2", "norm1|norm2"], BODY]
      .map((freeze) => planned(freeze, { quantize: { arithmetic } }));
    const all = programs[0]!;
    programs.slice(1).forEach((program, i) => {
      assert.ok(bytes(program) < bytes(programs[i]!), `${arithmetic}: bytes ${i}`);
      assert.ok(steps(program) < steps(programs[i]!), `${arithmetic}: steps ${i}`);
      assert.equal(parameterCount(program), parameterCount(all));
    });
    assert.ok(bytes(programs.at(-1)!) < 0.6 * bytes(all), arithmetic);
  }
});

Deno.test("a frozen layer above one that trains passes the gradient on and keeps no gradient of its own", () => {
  const { sections, buffers } = planned(["conv2", "norm2"]);
  const of = (layer: string) =>
    sections.backward.filter((s) => s.layer === layer).map((s) => s.kernel.name);
  assert.deepEqual(of("norm2"), ["norm_backward"]);
  assert.deepEqual(of("conv2"), ["conv_backward_input"]);
  assert.equal(of("norm1").includes("norm_backward_sums"), true);
  const names = new Set(buffers.map((b) => b.name));
  for (const name of ["conv2.weight.gradient", "conv2.weight.velocity", "conv2.partial"]) {
    assert.equal(names.has(name), false, name);
  }
  assert.equal(names.has("norm2.affine.gradient"), false);
  assert.equal(names.has("conv2.backward"), true);
});

Deno.test("a program for inference holds no gradient, no momentum and no step of training", () => {
  for (const estimator of ["hindsight-minmax", "current-minmax"]) {
    const recipe = resolveRecipe({
      ...SHORT,
      quantize: { activations: { estimator }, gradients: { estimator } },
      telemetry: "full",
    });
    const { program } = plan(recipe, DATA, { inference: true });
    const { backward, update, schedule } = program.sections;
    assert.deepEqual([backward, update, schedule], [[], [], []]);
    assert.deepEqual(program.buffers.filter((b) => b.kind === "optimizer"), []);
    assert.deepEqual(
      program.buffers.filter((b) => b.kind === "gradient").map((b) => b.name),
      ["linear.gradient"],
    );
    assert.equal(program.buffers.some((b) => b.name === "f32_scratch"), false);
    assert.ok(bytes(program) < bytes(plan(recipe, DATA).program) / 2);
  }
});

Deno.test("inference gives the loss of an evaluation between training steps, whatever sets the ranges", async () => {
  for (const arithmetic of ["int8", "simulated", "float32"] as const) {
    for (const estimator of ["hindsight-minmax", "current-minmax", "dsgc"]) {
      const recipe = resolveRecipe({
        ...SHORT,
        quantize: { arithmetic, activations: { estimator }, gradients: { estimator } },
        telemetry: "full",
        train: { batch: 8 },
      });
      const network = (inference: boolean) => {
        const { program } = plan(recipe, DATA, { inference });
        return new Network(
          program,
          new ReferenceExecutor(program.buffers),
          1,
          recipe.quantize,
          DATA,
        );
      };
      const trains = network(false), answers = network(true), batch = batchOf(trains.program);
      trains.initialize();
      await trains.calibrate([batch]);
      for (let step = 0; step < 2; step++) await trains.step(batch, step, 0.1);
      const { parameters, running, ranges } = await trains.state();
      const tensors = new Map([...parameters, ...running].map((t) => [t.name, t.data]));
      answers.load({ find: (name) => tensors.get(name)!, ranges }, false);
      const batches = () => ReadableStream.from([batch]);
      assert.deepEqual(await answers.evaluate(batches()), await trains.evaluate(batches()));
      assert.deepEqual(await answers.logits(batch), await trains.logits(batch));
    }
  }
});

const refusals: [freeze: string[], message: string][] = [
  [
    ["conv9"],
    "freeze.0: expected a pattern that matches a layer with weights, got " +
    '"conv9" (did you mean conv1?); layers are conv1, norm1, ',
  ],
  [["conv1", "pool"], 'freeze.1: expected a pattern that matches a layer with weights, got "pool"'],
  [
    ["*"],
    "freeze: expected at least one layer that trains, got patterns that match all of conv1, ",
  ],
];
for (const [freeze, message] of refusals) {
  Deno.test(`freeze: ${freeze} is refused by name`, () => {
    assert.throws(() => planned(freeze), (error: Error) => {
      assert.equal(error.name, "ModelError");
      assert.ok(error.message.startsWith(message), error.message);
      return true;
    });
  });
}

Deno.test("freeze with the name of a block says how to name its layers", () => {
  const model = {
    layers: [
      {
        type: "residual",
        name: "block1",
        body: [
          { type: "conv2d", name: "block1-conv1", channels: 1, kernel: 1 },
        ],
      },
      { type: "linear", features: 10 },
    ],
  } as const;
  assert.throws(() => planned(["block1"], { model }), /got "block1" \(did you mean block1-\*\?\)/);
});

/** The tensors of the layers that a state's names start with. */
const tensorsOf = ({ parameters, running }: NetworkState, layers: RegExp) =>
  [...parameters, ...running].filter(({ name }) => layers.test(name));

for (const arithmetic of ["int8", "float32"] as const) {
  Deno.test(`training leaves frozen tensors as they are, to the bit, and moves the others: ${arithmetic}`, async () => {
    // A frozen head, body and middle, so that gradients flow through what stays.
    const freeze = ["*2", "conv3", "norm4"], frozen = /^(\w+2|conv3|norm4)\./;
    const recipe: RecipeInput = {
      ...SHORT,
      freeze,
      quantize: { arithmetic, scheduler: "auto" },
      train: { ...SHORT.train, max_steps: 6 },
    };
    const first = await runOf({ ...recipe, train: { ...recipe.train, max_steps: 1 } });
    const last = await runOf(recipe);
    const before = tensorsOf(first.end.state, frozen), after = tensorsOf(last.end.state, frozen);
    assert.equal(before.length, 2 * 1 + 4 * 2);
    assert.deepEqual(after, before);
    for (const { name, data } of before) {
      if (name.endsWith("running_mean")) assert.ok(data.every((v) => v === 0), name);
    }
    const moved = (run: typeof first) =>
      [...run.end.state.parameters, ...run.end.state.running].filter((t) => !frozen.test(t.name));
    const then = new Map(moved(first).map((t) => [t.name, t.data]));
    for (const { name, data } of moved(last)) assert.notDeepEqual(data, then.get(name), name);
    assert.deepEqual(
      last.end.state.optimizer.get("velocity")!.filter((t) => frozen.test(t.name)),
      [],
    );
  });
}

Deno.test("the range of a frozen weight stays, and a run with frozen layers resumes to the same bits", async () => {
  const recipe: RecipeInput = { ...SHORT, freeze: ["conv1", "norm1", "conv3"] };
  const whole = await runOf(recipe);
  const ranges = whole.events.flatMap((event) =>
    event.type === "step"
      ? [event.observations.find((o) => o.quantizer.name === "conv3.weight")!.range]
      : []
  );
  assert.ok(ranges[0]!.high > 0);
  for (const range of ranges) assert.deepEqual(range, ranges[0]);
  await inFolder(async (out) => {
    await runOf(recipe, { out, stopAt: 7 });
    const rest = await runOf(recipe, { out, resume: true });
    assert.deepEqual(rest.end.state, whole.end.state);
  });
});
