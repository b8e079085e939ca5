/**
 * Weights that are split by rows because a binding cannot hold them: every kernel equals its
 * reference part by part, and a network trains to the same bits as if nothing were split, but for sums of
 * float32 that cross parts.
 *
 * @module
 */
import assert from "node:assert/strict";
import { ReferenceExecutor } from "../lib/runtime/reference_executor.ts";
import type { Executor } from "../lib/runtime/executor.ts";
import { openGpu, requestAdapter } from "../lib/runtime/gpu/device.ts";
import { GpuExecutor } from "../lib/runtime/gpu/executor.ts";
import { MAX_BYTES, shardsOf } from "../lib/program/shards.ts";
import type { Program } from "../lib/program/program.ts";
import { Network } from "../lib/train/network/network.ts";
import type { NetworkState } from "../lib/train/network/types.ts";
import { CASES, SIMULATED_CASES } from "./support/cases.ts";
import { batchOf } from "./support/fill.ts";
import { lockstepAll } from "./support/lockstep_all.ts";
import { type Arithmetic, type Case, dataOf, programOf, recipeOf } from "./support/networks.ts";

const ignore = await requestAdapter() === null;

/** Small enough that nearly every weight of the small networks has parts, ragged ones too. */
const MOST = 4096;

/** Linear layers of several parts, the last of them ragged; what waits for a gradient meets there. */
const LINEAR: Case = {
  name: "linear layers of many parts",
  image: [4, 3, 3],
  batch: 3,
  classes: 11,
  optimizer: { momentum: 0.9, nesterov: true, weight_decay: 0.01 },
  layers: [
    { type: "conv2d", channels: 8, kernel: 3, padding: 1, bias: false },
    "batch_norm",
    "relu",
    { type: "linear", features: 50 },
    { type: "residual", body: [{ type: "linear", features: 50 }, "relu"] },
    "relu",
    { type: "linear", features: 11 },
  ],
};

/** The same with all that an update can keep beside the weights. */
const KEPT: Case = {
  ...LINEAR,
  name: "linear layers of many parts, AdamW, averaged weights, micro-batches",
  batch: 6,
  optimizer: { name: "adamw" },
  train: { micro_batch: 3, ema: 0.9 },
};

/** Gradients clipped by a norm, which adds the squares of a part before it adds the parts. */
const CLIPPED: Case = {
  ...KEPT,
  name: "linear layers of many parts, AdamW, clipped gradients, averaged weights, micro-batches",
  train: { micro_batch: 3, clip_norm: 0.1, ema: 0.9 },
};

Deno.test("of an output that is made in parts, a dynamic range follows from all of them in each micro-batch", () => {
  const dynamic = { estimator: "current-minmax" } as const;
  const test = { ...KEPT, quantize: { activations: dynamic, gradients: dynamic } };
  const { quantizers, sections } = programOf(test, "simulated", { maxBytes: MOST });
  const kernelsOf = (row: number) =>
    sections.forward.filter((s) => s.quantizer === row && s.pass !== "one-pass").map((s) =>
      s.kernel.name
    );
  const linear = quantizers.flatMap((q, row) =>
    q.role === "activation" && q.name === "linear1" ? [kernelsOf(row)] : []
  );
  assert.ok(linear.length > 0);
  for (const [first, ...rest] of linear) {
    assert.equal(first, "reset_statistics");
    assert.ok(rest.filter((kernel) => kernel === "conv_forward").length > 1, `${rest}`);
    assert.ok(!rest.includes("reset_statistics"), `${rest}`);
  }
});

Deno.test("parts are as even as they can be, and have all quads", () => {
  assert.deepEqual(shardsOf(5, 10, 50), [{ suffix: "", first: 0, quads: 5 }]);
  assert.deepEqual(shardsOf(5, 10, 39), [
    { suffix: ".0", first: 0, quads: 2 },
    { suffix: ".1", first: 2, quads: 2 },
    { suffix: ".2", first: 4, quads: 1 },
  ]);
  assert.equal(shardsOf(5, 10, 1).length, 5);
  // VGG16's first linear layer: 4096 rows of 25,088 values.
  const vgg = shardsOf(1024, 16 * 25088, MAX_BYTES);
  assert.deepEqual(vgg.map((part) => part.quads), [334, 334, 334, 22]);
});

for (const arithmetic of ["int8", "simulated", "float32"] as const) {
  const others = { int8: CASES[1]!, simulated: SIMULATED_CASES[0]!, float32: CLIPPED };
  for (const test of [LINEAR, others[arithmetic]]) {
    const name = `kernels equal their references in parts: ${test.name} (${arithmetic})`;
    const options = { maxBytes: test.layers === LINEAR.layers ? 2 * MOST : MOST };
    Deno.test({ name, ignore, fn: () => lockstepAll(test, arithmetic, "adapter", options) });
  }
}

/** Three steps of training, from a calibration. */
async function trained(
  test: Case,
  arithmetic: Arithmetic,
  device: "gpu" | "cpu",
  maxBytes?: number,
): Promise<{ program: Program; state: NetworkState; losses: number[] }> {
  const program = programOf(test, arithmetic, maxBytes ? { maxBytes } : {});
  const executor: Executor = device === "gpu"
    ? await GpuExecutor.create(await openGpu(), program)
    : new ReferenceExecutor(program.buffers);
  try {
    const { quantize, seed } = recipeOf(test, arithmetic);
    const network = new Network(program, executor, seed, quantize, dataOf(test));
    network.initialize();
    const images = { ...program, batch: program.batch * program.micros };
    const batch = batchOf(images), losses: number[] = [];
    await network.calibrate([batch]);
    for (let step = 0; step < 3; step++) {
      losses.push((await network.step(batch, step, 0.05)).loss);
    }
    return { program, state: await network.state(), losses };
  } finally {
    executor.close();
  }
}

for (const arithmetic of ["int8", "simulated", "float32"] as const) {
  Deno.test({
    name: `linear layers in parts train to the same bits on the GPU: ${arithmetic}`,
    ignore,
    fn: async () => {
      const test = arithmetic === "int8" ? KEPT : LINEAR;
      const whole = await trained(test, arithmetic, "gpu");
      const parts = await trained(test, arithmetic, "gpu", MOST);
      assert.ok(parts.program.parameters.filter((p) => p.parts).length >= 2);
      assert.deepEqual(parts.losses, whole.losses);
      assert.deepEqual(parts.state, whole.state);
    },
  });
}

for (const device of ["gpu", "cpu"] as const) {
  Deno.test({
    name: `convolutions in parts train to the same bits in int8, and are saved whole: ${device}`,
    ignore: ignore && device === "gpu",
    fn: async () => {
      const whole = await trained(CASES[2]!, "int8", device);
      const parts = await trained(CASES[2]!, "int8", device, MOST);
      assert.ok(parts.program.parameters.filter((p) => p.parts).length >= 3);
      assert.deepEqual(parts.losses, whole.losses);
      assert.deepEqual(parts.state, whole.state);
    },
  });
}

for (
  const [name, test, arithmetic] of [
    ["convolutions in parts sum in another order in float32", CASES[2]!, "float32"],
    ["a norm of parts sums squares in another order", CLIPPED, "int8"],
  ] as const
) {
  Deno.test({
    name: `${name}: the same to 1e-5`,
    ignore,
    fn: async () => {
      const whole = await trained(test, arithmetic, "gpu");
      const parts = await trained(test, arithmetic, "gpu", MOST);
      parts.state.parameters.forEach(({ name, data }, i) => {
        const want = whole.state.parameters[i]!.data;
        const largest = want.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
        data.forEach((v, at) => assert.ok(Math.abs(v - want[at]!) <= 1e-5 * largest, name));
      });
    },
  });
}

Deno.test("what is saved in parts is loaded whole, and the other way round", async () => {
  const { state } = await trained(LINEAR, "int8", "cpu", MOST);
  const tensors = new Map([...state.parameters, ...state.running].map((t) => [t.name, t.data]));
  for (const { name, data } of state.optimizer.get("velocity")!) {
    tensors.set(`velocity.${name}`, data);
  }
  const { quantize, seed } = recipeOf(LINEAR, "int8");
  for (const options of [{}, { maxBytes: MOST }]) {
    const program = programOf(LINEAR, "int8", options);
    const network = new Network(
      program,
      new ReferenceExecutor(program.buffers),
      seed,
      quantize,
      dataOf(LINEAR),
    );
    network.load({ find: (name) => tensors.get(name)!, ranges: state.ranges });
    const { parameters, optimizer } = await network.state();
    assert.deepEqual({ parameters, optimizer }, {
      parameters: state.parameters,
      optimizer: state.optimizer,
    });
  }
});
