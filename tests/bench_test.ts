/**
 * Operations and bytes of a benchmark, its clocks, and its tables.
 *
 * @module
 */
import assert from "node:assert/strict";
import { timedSteps } from "../lib/bench/kernels.ts";
import { LAYER_GROUPS, planLayers, timedLayers } from "../lib/bench/layers.ts";
import { recordsStatistics, withBaselineSteps } from "../lib/bench/statistics_cost.ts";
import { type BenchReport, spread } from "../lib/bench/report.ts";
import { SubmitClock, WaitClock } from "../lib/bench/time_breakdown.ts";
import { activationBytes, stepOperations } from "../lib/bench/steps.ts";
import { benchMarkdown, digits } from "../lib/bench/tables.ts";
import type { Executor } from "../lib/runtime/executor.ts";
import { plan } from "../lib/program/plan.ts";
import type { RecipeInput } from "../lib/recipe/recipe.ts";
import { resolveRecipe } from "../lib/recipe/load.ts";
import { boundBytesOf } from "../lib/report/program_traffic.ts";
import { noise, TimedNetwork } from "../lib/report/timed_network.ts";
import { trainingSteps } from "../lib/program/select_steps.ts";
import { golden, HAS_GPU } from "./support/command.ts";

const DATA = { shape: [6, 6, 3], classes: 5, mean: [0.5, 0.5, 0.5], std: [1, 1, 1] } as const;
const LAYER_LIST = [
  { type: "conv2d", channels: 8, kernel: 3, padding: 1, bias: false },
  "batch_norm",
  "relu",
  { type: "conv2d", channels: 8, kernel: 3, stride: 2, padding: 1, groups: 8 },
  { type: "linear", features: 5 },
] as const;

function recipeOf(more: Partial<RecipeInput> = {}) {
  return resolveRecipe({
    data: { format: "glyphs" },
    model: { layers: LAYER_LIST },
    train: { batch: 4 },
    ...more,
  });
}

Deno.test("each product counts as two operations, in depthwise and linear layers too", () => {
  const conv = 2 * 4 * (36 * 8 * 3 * 9), depthwise = 2 * 4 * (9 * 8 * 9), linear = 2 * 4 * 72 * 5;
  const recipe = recipeOf();
  const layers = timedLayers(recipe, DATA);
  assert.deepEqual(layers.map(({ label, operations }) => [label, operations]), [
    ["conv2d 3×3 3→8 at 6×6", conv],
    ["batch_norm + relu 8 at 6×6", 0],
    ["conv2d 3×3 /2 depthwise 8 at 3×3", depthwise],
    ["linear 72→5", linear],
  ]);
  // The first layer has no gradient of its input.
  const { program } = plan(recipe, DATA);
  assert.equal(stepOperations(recipe, program), 2 * conv + 3 * depthwise + 3 * linear);
  // Frozen layers have no weight gradient, and there are no gradients below the lowest trained layer.
  const frozen = recipeOf({ freeze: ["conv1", "norm1", "conv2"] });
  assert.equal(
    stepOperations(frozen, plan(frozen, DATA).program),
    conv + depthwise + 2 * linear,
  );
});

Deno.test("a step of cnn in batches of 64 is 2.83 GOP", () => {
  const { recipe, program } = planLayers(
    LAYER_GROUPS.find(({ group }) => group === "cnn")!,
    "int8",
  );
  assert.equal((stepOperations(recipe, program) / 1e9).toFixed(2), "2.83");
});

Deno.test("every network of the kernel table can be planned in both arithmetics, with the same rows", () => {
  for (const group of LAYER_GROUPS) {
    const [int8, float32] = (["int8", "float32"] as const).map((arithmetic) => {
      const { program, layers } = planLayers(group, arithmetic);
      assert.ok(layers.length > 0, group.group);
      return timedSteps(program, layers).map(({ layer, direction, steps }) => {
        assert.ok(steps.length > 0);
        return `${layer.label} ${direction}`;
      });
    });
    assert.deepEqual(int8, float32);
    assert.equal(new Set(int8).size, int8!.length, `${group.group}: rows of one name`);
    // Only of cnn, all layers are timed, including the first one.
    const without = int8!.filter((row) => row.endsWith("weight gradient")).length -
      int8!.filter((row) => row.endsWith("input gradient")).length;
    assert.equal(without, group.group === "cnn" ? 1 : 0);
  }
});

Deno.test("the steps of a layer are grouped by direction; updates and packing are one group each", () => {
  const recipe = recipeOf({ quantize: { scheduler: "device" } });
  const { program } = plan(recipe, DATA), timed = timedSteps(program, timedLayers(recipe, DATA));
  assert.deepEqual(timed.map(({ layer, direction }) => `${layer.name} ${direction}`), [
    "conv1 forward",
    "conv1 weight gradient",
    "norm1 forward",
    "norm1 backward",
    "conv2 forward",
    "conv2 weight gradient",
    "conv2 input gradient",
    "linear1 forward",
    "linear1 weight gradient",
    "linear1 input gradient",
    " update",
    " pack weights",
  ]);
  // Every step is in a group except those of the input, the loss and the ranges.
  const found = new Set(timed.flatMap(({ steps }) => steps));
  const missing = trainingSteps(program)
    .filter((step) => (step.phase ?? "train") === "train" && !found.has(step));
  assert.deepEqual(missing.map(({ layer }) => layer), ["input", "loss", "scheduler"]);
});

Deno.test("a step's bytes are those of the buffers that it binds, once each", () => {
  const { program } = plan(recipeOf(), DATA), bytesOf = boundBytesOf(program);
  const step = program.sections.forward.find(({ kernel }) => kernel.name === "norm_forward")!;
  // Each channel has six coefficients and the running statistics before the step.
  const codes = 4 * 36 * 8, coefficients = (6 + 2) * 8 * 4;
  assert.equal(bytesOf(step), 2 * codes + coefficients);
});

Deno.test("stored activations in int8 are about a quarter of those in float32", () => {
  const bytes = (arithmetic: "int8" | "float32") => {
    const { program } = plan(recipeOf({ quantize: { arithmetic } }), DATA);
    return activationBytes(program);
  };
  assert.ok(bytes("int8") / bytes("float32") < 0.3);
});

Deno.test("a spread is median, minimum and maximum", () => {
  assert.deepEqual(spread([5, 1, 3]), { median: 3, min: 1, max: 5 });
  assert.deepEqual(spread([2, 4]), { median: 3, min: 2, max: 4 });
});

Deno.test("a baseline step follows each step that records statistics and differs in nothing else", () => {
  const { program } = plan(recipeOf(), DATA);
  const changed = withBaselineSteps(program, recordsStatistics);
  const kernels = [...changed.baselines.keys()].map(({ kernel }) => kernel.name);
  assert.deepEqual(kernels, [
    "conv_forward",
    "depthwise_forward",
    "conv_backward_input",
    "depthwise_backward_input",
  ]);
  for (const [step, baseline] of changed.baselines) {
    assert.deepEqual(baseline, { ...step, constants: { ...step.constants, QUIET: 1 } });
    const steps = [...changed.program.sections.forward, ...changed.program.sections.backward];
    assert.equal(steps.indexOf(baseline), steps.indexOf(step) + 1);
  }
  const none = plan(recipeOf({ quantize: { arithmetic: "float32" } }), DATA).program;
  assert.equal(withBaselineSteps(none, recordsStatistics).baselines.size, 0);
});

for (const kind of ["gpu", "cpu"] as const) {
  Deno.test(`a baseline step writes the same codes and no statistics, on the ${kind}`, {
    ignore: kind === "gpu" && !HAS_GPU,
  }, async () => {
    const recipe = recipeOf(), planned = plan(recipe, DATA, { reuse: false }).program;
    const { program, baselines } = withBaselineSteps(planned, recordsStatistics);
    const network = await TimedNetwork.open({ recipe, program }, DATA, { kind });
    try {
      const { executor } = network;
      await network.network.step(noise(program), 0, 0.01);
      const times = await network.time([...baselines.keys()]);
      assert.equal(times.length, baselines.size);
      assert.ok(times.every((ns) => ns > 0));
      for (const [step, baseline] of baselines) {
        const written = step.buffers.y ?? step.buffers.dx!;
        executor.run([step], ["statistics"]);
        const [codes, seen] = await executor.read([written, "statistics"]);
        executor.run([baseline], ["statistics"]);
        const [same, nothing] = await executor.read([written, "statistics"]);
        assert.deepEqual(same, codes);
        assert.ok(seen!.some((byte) => byte !== 0), step.kernel.name);
        assert.ok(nothing!.every((byte) => byte === 0), step.kernel.name);
      }
    } finally {
      network.close();
    }
  });
}

Deno.test("overlapping waits count once, and submits are counted", async () => {
  const later = () => new Promise<[]>((resolve) => setTimeout(() => resolve([]), 20));
  const inner = { device: "gpu", adapter: "", read: later, run: () => later };
  const clock = new WaitClock(inner as unknown as Executor);
  const copies = [clock.run([]), clock.run([])];
  await new Promise((resolve) => setTimeout(resolve, 30)); // Nothing is waited for.
  await Promise.all(copies.map((wait) => wait()));
  await clock.read([]);
  assert.equal(clock.waits, 2);
  assert.ok(clock.waited >= 39 && clock.waited < 2000, String(clock.waited));
  let passed = 0;
  const queue = { submit: () => void passed++ } as unknown as GPUQueue;
  const submits = new SubmitClock(queue);
  queue.submit([]);
  queue.submit([]);
  assert.deepEqual([passed, submits.submits], [2, 2]);
  assert.ok(submits.spent >= 0);
});

Deno.test("figures have three digits", () => {
  const texts = [0.0421, 0.99951, 4.256, 9.996, 38.64, 99.96, 412.4, NaN].map(digits);
  assert.deepEqual(texts, ["0.042", "1.00", "4.26", "10.0", "38.6", "100", "412", "–"]);
});

const one = (median: number) => ({ median, min: median * 0.9, max: median * 1.2 });
const REPORT: BenchReport = {
  qtrain: "0.1.0",
  device: "gpu",
  adapter: "a card",
  packed_dot_product: true,
  timestamps: true,
  os: "linux",
  arch: "x86_64",
  cores: 2,
  rounds: 5,
  peak_rates: {
    int8: one(130),
    float32: one(84),
    copy: one(9.9),
    dots: { native: one(11), unsigned: one(130), emulated: one(30) },
  },
  kernels: (["int8", "float32"] as const).flatMap((arithmetic, i) => {
    const row = { group: "cnn", batch: 64, arithmetic, ms: one(20 * (1 + i)) };
    return [
      {
        ...row,
        layer: "conv2d 3×3 32→64 at 14×14",
        direction: "weight gradient",
        operations: 2e9,
        bytes: 4e6,
        gop_per_second: 100 / (1 + i),
        gb_per_second: 0.2,
        share_of_peak: 0.77,
        share_of_copy: 0.02,
      },
      {
        ...row,
        layer: "batch_norm + relu 64 at 14×14",
        direction: "backward",
        operations: 0,
        bytes: 4e6,
        gop_per_second: null,
        gb_per_second: 8,
        share_of_peak: null,
        share_of_copy: 0.81,
      },
    ];
  }),
  statistics: [{
    group: "cnn",
    layer: "conv2d 3×3 32→64 at 14×14",
    batch: 64,
    direction: "forward",
    ms: one(20),
    ms_without: one(19.2),
    share: 0.04,
  }],
  steps: [{
    model: "cnn",
    batch: 64,
    input: [28, 28, 1],
    classes: 10,
    parameters: 65834,
    operations: 2.83e9,
    variants: ["int8", "float32"].map((arithmetic, i) => ({
      variant: ["int8 static", "float32"][i]!,
      arithmetic,
      estimator: i === 0 ? "hindsight-minmax" : null,
      scheduler: i === 0 ? "device" : "host",
      steps_per_round: 8,
      in_flight: 8,
      ms: one(50 * (1 + i)),
      ratio: one(1 + i),
      device_ms: 46,
      host_ms: 1,
      data_ms: 1.5,
      readback_ms: 1.5,
      host_share: 0.02,
      kernels_ms: i === 0 ? 45 : null,
      sections_ms: null,
      by_kernel_ms: i === 0 ? { sgd: 3, conv_forward: 42 } : null,
      images_per_second: 1280,
      gop_per_second: 56.6,
      first_step_ms: 900,
      activation_bytes: 2 ** 20 * (1 + 3 * i),
      activation_ratio: i === 0 ? 0.25 : 1,
      moved_bytes: 2 ** 24,
      device_bytes: 2 ** 23,
    })),
  }],
};

Deno.test("the Markdown report has both arithmetics of a layer in one row", async () => {
  await golden("bench.md", benchMarkdown(REPORT));
});

Deno.test("the report of a CPU has the rates of one thread too, and no words of GPUs", async () => {
  const { packed_dot_product: _, timestamps: __, ...report } = REPORT;
  const rates = { int8: one(113), float32: one(57), copy: one(18) };
  const markdown = benchMarkdown({
    ...report,
    device: "cpu",
    adapter: "CPU (WASM SIMD, 2 threads)",
    threads: 2,
    processor: "a processor",
    peak_rates: rates,
    peak_rates_one_thread: { int8: one(57), float32: one(29), copy: one(12) },
  });
  assert.doesNotMatch(markdown, /GPU|packed|adapter|uploads/);
  await golden("bench_cpu.md", markdown);
});
