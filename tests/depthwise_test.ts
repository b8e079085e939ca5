/**
 * Depthwise convolution in whole networks: MobileNetV2 trains, and each channel's weights may have a
 * range of their own. Kernel by kernel it is in the table of networks (support/cases.ts).
 *
 * @module
 */
import assert from "node:assert/strict";
import { requestAdapter } from "../lib/runtime/gpu/device.ts";
import { mobilenetV2 } from "../lib/model/mobilenet.ts";
import type { LayerInput } from "../lib/recipe/layers.ts";
import { trainingSteps } from "../lib/program/select_steps.ts";
import { filled } from "./support/fill.ts";
import { lockstepOf } from "./support/lockstep_all.ts";
import { type Case, programOf } from "./support/networks.ts";

const ignore = await requestAdapter() === null;

/** The first three blocks of MobileNetV2, of every kind that it has, at a quarter of its width. */
const MOBILENET: Case = {
  name: "mobilenet-v2",
  image: [32, 32, 3],
  batch: 2,
  classes: 10,
  quantize: { scheduler: "device" },
  layers: [
    ...mobilenetV2({ width: 8, classes: 10 }).slice(0, 3 + 1 + 8 + 1) as LayerInput[],
    "global_avg_pool",
    { type: "linear", features: 10 },
  ],
};

Deno.test({
  name: "two steps of MobileNetV2 on the GPU are those of the reference, kernel by kernel",
  ignore,
  fn: async () => {
    const { program, cpu } = await filled(MOBILENET, "int8");
    const steps = trainingSteps(program);
    assert.equal(steps.filter((s) => s.kernel.name === "depthwise_backward_input").length, 3);
    await lockstepOf(program, cpu, [...steps, ...steps], "adapter");
  },
});

Deno.test("a norm behind a depthwise convolution has its sums from the convolution", () => {
  const { sections } = programOf(MOBILENET, "int8");
  assert.deepEqual(sections.forward.filter((s) => s.kernel.name === "channel_sums"), []);
  for (const step of sections.forward.filter((s) => s.kernel.name === "depthwise_forward")) {
    assert.equal(step.constants.SUMS, 1, step.layer);
  }
});

const BY_CHANNEL: Case = {
  name: "weights by channel",
  image: [5, 5, 6],
  batch: 1,
  classes: 2,
  layers: [
    { type: "conv2d", name: "each", channels: 6, kernel: 3, groups: 6 },
    { type: "linear", name: "last", features: 2 },
  ],
};
const perChannel = (match: string) => ({
  ...BY_CHANNEL,
  quantize: { layers: [{ match, weights: { per_channel: true } }] },
});

Deno.test("with a range for each channel, the largest weight of each is the largest code", async () => {
  const largest = async (test: Case) => {
    const { cpu } = await filled(test, "int8"), codes = cpu.memory.get("each.forward")!.i8;
    return Array.from(
      { length: 6 },
      (_, c) => Math.max(...Array.from({ length: 9 }, (_, tap) => Math.abs(codes[8 * tap + c]!))),
    );
  };
  assert.deepEqual(await largest(perChannel("each")), [127, 127, 127, 127, 127, 127]);
  assert.equal((await largest(BY_CHANNEL)).filter((code) => code === 127).length, 1);
});

Deno.test("in int8 other layers may not have a range for each channel, and are named", () => {
  for (const match of ["last", "*"]) {
    assert.throws(() => programOf(perChannel(match), "int8"), {
      name: "ModelError",
      message: /^layer last: expected weights with per_channel: false, as in int8 only depthwise /,
    });
  }
  programOf(perChannel("*"), "simulated");
});

Deno.test("a window whose sums f32 could not hold exactly is refused in int8", () => {
  const wide: Case = {
    ...BY_CHANNEL,
    image: [30, 30, 2],
    layers: [{ type: "conv2d", channels: 2, kernel: 23, groups: 2 }, ...BY_CHANNEL.layers.slice(1)],
  };
  assert.throws(() => programOf(wide, "int8"), {
    name: "ModelError",
    message: /^layer conv1: depthwise convolution in int8 takes windows of at most 512 pixels /,
  });
  programOf(wide, "float32");
});
