/**
 * The traffic of a program, computed by hand for a small network; its static and dynamic plans; times.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Gpu } from "../lib/runtime/gpu/device.ts";
import type { GpuExecutor } from "../lib/runtime/gpu/executor.ts";
import { StepTimer } from "../lib/runtime/gpu/timing.ts";
import { resolveRecipe } from "../lib/recipe/load.ts";
import { measureLayers } from "../lib/report/measure.ts";
import { programTraffic } from "../lib/report/program_traffic.ts";
import { planStaticAndDynamic, withEstimator } from "../lib/report/static_dynamic.ts";
import { HAS_GPU } from "./support/command.ts";

const DATA = { shape: [4, 4, 3], classes: 5, mean: [0.5, 0.5, 0.5], std: [1, 1, 1] } as const;

function recipeOf(batch: number, groups = 1) {
  return resolveRecipe({
    data: { format: "glyphs" },
    model: {
      layers: [
        { type: "conv2d", channels: 6, kernel: 3, padding: 1, groups },
        "relu",
        { type: "linear", features: 5 },
      ],
    },
    quantize: { arithmetic: "float32" },
    train: { batch },
  });
}

Deno.test("a program's traffic is the bytes of the buffers that its steps bind, for one image", () => {
  const { program } = planStaticAndDynamic(recipeOf(4), DATA).static!;
  const { layers, sections } = programTraffic(program);
  // Codes of x (3 channels in 4 bytes) and y (6 in 8), packed weights and their sums, the bias. The
  // last two are f32 and shared by four images, like the weights.
  const x = 16 * 4, y = 16 * 8, weights = 9 * 8 * 4, sums = 4 * 8, bias = 4 * 8;
  assert.equal(layers.get("conv1")!.forward, x + y + (weights + sums + bias) / 4);
  assert.equal(layers.get("relu1")!.forward, 2 * y);
  assert.equal(layers.get("input")!.forward, 16 * 3 + x);
  for (const section of ["forward", "backward"] as const) {
    const total = [...layers.values()].reduce((n, layer) => n + layer[section], 0);
    assert.ok(Math.abs(sections[section]! - total) < 1e-6);
  }
  // Weights are updated once a step, for any batch.
  const { sections: one } = programTraffic(planStaticAndDynamic(recipeOf(1), DATA).static!.program);
  assert.equal(one.update, 4 * sections.update!);
});

Deno.test("a dynamic range costs four bytes out and four back for each value of its tensor", () => {
  const { static: once, dynamic: twice } = planStaticAndDynamic(recipeOf(4), DATA);
  const of = (v: typeof once) => programTraffic(v!.program).layers;
  const y = 16 * 8;
  assert.equal(of(once).get("relu1")!.forward, 2 * y);
  assert.equal(of(twice).get("relu1")!.forward, 2 * y + 2 * 4 * y);
  assert.equal(of(twice).get("conv1")!.forward, of(once).get("conv1")!.forward + 2 * 4 * y);
  // The gradient of relu1 is that of the linear layer's input, in 4 bytes like its codes.
  const linear = (v: typeof once) => of(v).get("linear1")!.backward;
  assert.equal(linear(twice), linear(once) + 2 * 4 * y);
  assert.equal(of(twice).get("conv1")!.backward, of(once).get("conv1")!.backward);
});

Deno.test("withEstimator() gives the recipe in int8 with one estimator for activations and gradients", () => {
  const recipe = resolveRecipe({
    ...recipeOf(4),
    quantize: {
      weights: { bits: 4 },
      activations: { estimator: "fixed", range: [0, 1], bits: 6 },
      layers: [{ match: "conv1", gradients: { estimator: "dsgc", interval: 3 } }],
    },
    telemetry: "full",
  });
  const { quantize, telemetry, ...rest } = withEstimator(recipe, "current-minmax");
  const { quantize: given, telemetry: _, ...same } = recipe;
  assert.deepEqual(rest, same);
  assert.equal(telemetry, "basic");
  assert.deepEqual(quantize, {
    ...given,
    arithmetic: "int8",
    activations: { ...given.activations, estimator: "current-minmax" },
    gradients: { ...given.gradients, estimator: "current-minmax" },
    layers: [{ match: "conv1", gradients: { estimator: "current-minmax", interval: 3 } }],
    scheduler: "auto",
  });
});

Deno.test("a recipe that int8 rejects has no plan, and the reason is given", () => {
  const recipe = resolveRecipe({
    ...recipeOf(4),
    quantize: { arithmetic: "simulated", activations: { bits: 12 } },
  });
  const { static: missing, problems } = planStaticAndDynamic(recipe, DATA);
  assert.equal(missing, undefined);
  assert.match(problems.join("; "), /quantize\.activations\.bits: expected/);
});

Deno.test("a recipe that cannot be planned has no plan, and the reason is given", () => {
  const { static: missing, problems } = planStaticAndDynamic(recipeOf(4, 3), DATA);
  assert.equal(missing, undefined);
  assert.match(problems.join(), /^layer conv1: expected groups: 1, or groups: 3 with channels: 3/);
});

Deno.test("every layer takes time on the device", {
  ignore: !HAS_GPU,
}, async () => {
  const { static: once, dynamic: twice } = planStaticAndDynamic(recipeOf(4), DATA);
  const { times, adapter } = await measureLayers([once!, twice!], DATA);
  assert.ok(adapter.length > 0);
  assert.equal(times.length, 2);
  for (const layers of times) {
    assert.deepEqual([...layers.keys()], ["input", "conv1", "relu1", "linear1", "loss"]);
    for (const [layer, { forward, backward }] of layers) {
      // Nanoseconds: above 0 and below a second.
      assert.ok(forward > 0 && forward < 1e9, `${layer} ${forward}`);
      const none = ["input", "relu1", "loss"].includes(layer);
      assert.equal(backward > 0, !none, `${layer} ${backward}`);
    }
  }
});

Deno.test("an adapter without timestamps is reported by name", () => {
  const gpu = { name: "an old card", device: { features: new Set() } } as unknown as Gpu;
  assert.throws(() => new StepTimer(gpu, {} as GpuExecutor), {
    name: "DeviceError",
    message: "cannot time kernels: adapter an old card lacks timestamp-query, a feature of WebGPU",
  });
});
