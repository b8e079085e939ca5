/**
 * What a step, a calibration and an evaluation may change, and how parameters lie in memory and in
 * files.
 *
 * @module
 */
import assert from "node:assert/strict";
import { fromNamed, initialValues, paddedSize, toNamed } from "../lib/program/parameter_layout.ts";
import type { ParameterSpec, Program } from "../lib/program/program.ts";
import type { LayerInput } from "../lib/recipe/layers.ts";
import { ReferenceExecutor } from "../lib/runtime/reference_executor.ts";
import { Network } from "../lib/train/network/network.ts";
import { batchOf, filled, uniform } from "./support/fill.ts";
import { type Case, dataOf, programOf, recipeOf } from "./support/networks.ts";

/** Ragged everywhere. */
const RAGGED: Case = {
  name: "ragged",
  image: [7, 6, 3],
  batch: 5,
  classes: 3,
  optimizer: { momentum: 0.9, weight_decay: 0.1 },
  layers: [
    { type: "conv2d", channels: 5, kernel: 3, padding: 1, bias: true },
    "relu",
    { type: "residual", body: [{ type: "conv2d", channels: 5, kernel: 1 }, "batch_norm"] },
    "relu",
    { type: "max_pool", kernel: 2 },
    { type: "linear", features: 6 },
    "batch_norm",
    "relu6",
    { type: "linear", features: 3 },
  ],
};

function networkOf(program: Program, test = RAGGED) {
  const cpu = new ReferenceExecutor(program.buffers);
  const { quantize, seed } = recipeOf(test, program.arithmetic);
  const network = new Network(program, cpu, seed, quantize, dataOf(test));
  network.initialize();
  return { cpu, network };
}

Deno.test("calibration changes ranges and nothing else", async () => {
  const program = programOf(RAGGED, "int8"), { network } = networkOf(program);
  const before = await network.state();
  assert.equal(before.ranges.size, 0);
  await network.calibrate([batchOf(program)]);
  const after = await network.state();
  assert.deepEqual(after.parameters, before.parameters);
  assert.deepEqual(after.optimizer, before.optimizer);
  assert.deepEqual(after.running, before.running);
  // Every quantizer that the host sets has one: those of activations and of gradients.
  const own = program.quantizers.slice(program.weightQuantizers).filter((q) => !q.settings.range);
  assert.deepEqual([...after.ranges.keys()], own.map((q) => q.name));
});

Deno.test("calibration takes each range from that batch as its own kernels give it", async () => {
  const program = programOf(RAGGED, "int8"), { cpu, network } = networkOf(program);
  const batch = batchOf(program);
  await network.calibrate([batch]);
  const { ranges } = await network.state();
  // A step of the same batch and number sees the same values; its last quantizers too.
  cpu.memory.get("statistics")!.bytes.fill(0);
  const { observations } = await network.step(batch, 0, 0.1);
  for (const { quantizer: q, min, max, clipped } of observations.slice(program.weightQuantizers)) {
    if (q.settings.range) continue;
    assert.deepEqual({ low: min, high: max }, ranges.get(q.name), q.name);
    // Stochastic rounding may carry an extreme past the last code.
    assert.ok(clipped <= 0.01 * q.elements + 1, `${q.name}: ${clipped} of ${q.elements}`);
  }
});

Deno.test("calibration over batches takes the smallest minimum and the largest maximum", async () => {
  const program = programOf(RAGGED, "int8"), data = batchOf(program);
  const dark = { ...data, images: data.images.map((v) => v / 8) };
  const first = networkOf(program).network, both = networkOf(program).network;
  await first.calibrate([dark]);
  await both.calibrate([dark, data]);
  const [a, b] = [(await first.state()).ranges, (await both.state()).ranges];
  for (const [name, range] of a) {
    if (name.includes("gradient")) continue; // What reaches them depends on the ranges before.
    assert.ok(b.get(name)!.low <= range.low && b.get(name)!.high >= range.high, name);
  }
  assert.ok(b.get("conv1")!.high > a.get("conv1")!.high);
});

Deno.test("evaluation changes no weight, momentum, range or running statistic", async () => {
  for (const arithmetic of ["int8", "float32"] as const) {
    const { network, batch } = await filled(RAGGED, arithmetic);
    const before = await network.state();
    const results = [];
    for (let k = 0; k < 2; k++) {
      results.push(
        await network.evaluate((async function* () {
          yield batch;
          yield { ...batch, samples: 2 };
        })()),
      );
    }
    assert.deepEqual(results[0], results[1]);
    assert.deepEqual(await network.state(), before);
  }
});

Deno.test("images beyond a batch's samples count neither in the loss nor in the accuracy", async () => {
  const { network, batch } = await filled(RAGGED, "float32");
  const of = (samples: number, labels = batch.labels) =>
    network.evaluate((async function* () {
      yield { ...batch, labels, samples };
    })());
  const other = batch.labels.map((label, n) => n < 3 ? label : (label + 1) % 3);
  assert.deepEqual(await of(3), await of(3, other));
  assert.notDeepEqual(await of(5), await of(5, other));
});

Deno.test("padded channels stay zero in weights and momentum through updates", async () => {
  for (const arithmetic of ["int8", "float32"] as const) {
    const program = programOf(RAGGED, arithmetic), { cpu, network } = networkOf(program);
    const batch = batchOf(program);
    await network.calibrate([batch]);
    for (let step = 0; step < 3; step++) {
      await network.step(batch, step, 0.1);
    }
    for (const spec of program.parameters) {
      for (const name of [spec.name, `${spec.name}.velocity`]) {
        const padded = cpu.memory.get(name)!.f32;
        const named = new Map(toNamed(spec, padded).map((t) => [t.name, t.data]));
        const again = fromNamed(spec, (part) => named.get(part)!);
        assert.deepEqual(padded.subarray(0, again.length), again, name);
        assert.ok(padded.some((v) => v !== 0), name);
      }
    }
  }
});

Deno.test("a network loaded from another's state goes on with the same bits", async () => {
  const program = programOf(RAGGED, "int8");
  const one = networkOf(program).network, two = networkOf(program).network;
  const batch = batchOf(program);
  const steps = async (network: Network, from: number, to: number) => {
    for (let step = from; step < to; step++) {
      await network.step(batch, step, 0.1);
    }
  };
  await one.calibrate([batch]);
  await steps(one, 0, 2);
  const { parameters, optimizer, running, ranges } = await one.state();
  const tensors = new Map([
    ...[...parameters, ...running].map((t) => [t.name, t.data] as const),
    ...optimizer.get("velocity")!.map((t) => [`velocity.${t.name}`, t.data] as const),
  ]);
  await steps(two, 0, 1); // Whatever it held before is gone.
  two.load({ find: (name) => tensors.get(name)!, ranges });
  await steps(one, 2, 4);
  await steps(two, 2, 4);
  assert.deepEqual(await two.state(), await one.state());
});

const PARAMETERS: readonly ParameterSpec[] = [
  { name: "c.weight", layer: "c", role: "weight", dims: [5, 3, 2, 3] },
  { name: "l.weight", layer: "l", role: "weight", dims: [7, 5, 3, 2], linear: true },
  { name: "c.bias", layer: "c", role: "bias", dims: [5, 1, 1, 1] },
  { name: "n.affine", layer: "n", role: "norm", dims: [2, 6, 1, 1] },
];

Deno.test("parameters go to files and back unchanged, under PyTorch's names and shapes", () => {
  const found = PARAMETERS.flatMap((spec, index) => {
    const u = uniform(index);
    const values = fromNamed(
      spec,
      (_, shape) => new Float32Array(shape.reduce((a, b) => a * b, 1)).map((_, n) => u(n)),
    );
    assert.equal(values.length, paddedSize(spec));
    const named = toNamed(spec, values);
    const again = fromNamed(spec, (name) => named.find((t) => t.name === name)!.data);
    assert.deepEqual(again, values);
    return named.map(({ name, shape }) => `${name} [${shape}]`);
  });
  assert.deepEqual(found, [
    "c.weight [5,3,2,3]",
    "l.weight [7,30]",
    "c.bias [5]",
    "n.weight [6]",
    "n.bias [6]",
  ]);
});

Deno.test("a linear layer's weights lie in files in the order in which PyTorch flattens: c, h, w", async () => {
  const test: Case = {
    name: "flatten",
    image: [3, 2, 3],
    batch: 2,
    classes: 2,
    layers: [{ type: "linear", features: 2 }],
  };
  const program = programOf(test, "float32"), { cpu, network } = networkOf(program, test);
  const [weight] = program.parameters, batch = batchOf(program);
  await network.step(batch, 0, 0);
  const [h, w, c] = test.image, { mean, std } = dataOf(test);
  const { data } = toNamed(weight!, cpu.memory.get(weight!.name)!.f32)[0]!;
  for (let n = 0; n < test.batch; n++) {
    for (let feature = 0; feature < 2; feature++) {
      let expected = 0;
      for (let channel = 0; channel < c; channel++) {
        for (let pixel = 0; pixel < h * w; pixel++) {
          const value = batch.images[(n * h * w + pixel) * c + channel]! / 255;
          expected += (value - mean[channel]!) / std[channel]! *
            data[feature * c * h * w + channel * h * w + pixel]!;
        }
      }
      const got = cpu.memory.get("linear1.output")!.f32[4 * n + feature]!;
      assert.ok(Math.abs(got - expected) < 1e-5, `${got}, ${expected}`);
    }
  }
});

Deno.test("first weights have the variance of their fan-in, and each parameter its own draws", () => {
  const conv: ParameterSpec = { ...PARAMETERS[0]!, dims: [64, 16, 3, 3] };
  const linear: ParameterSpec = { ...PARAMETERS[1]!, dims: [64, 16, 3, 3] };
  const spread = (spec: ParameterSpec) => {
    const { data } = toNamed(spec, initialValues(spec, 1, 0))[0]!;
    const mean = data.reduce((a, b) => a + b, 0) / data.length;
    assert.ok(Math.abs(mean) < 0.002);
    return data.reduce((a, b) => a + b * b, 0) / data.length * 144;
  };
  assert.ok(Math.abs(spread(conv) - 2) < 0.1);
  assert.ok(Math.abs(spread(linear) - 1 / 3) < 0.02);
  assert.notDeepEqual(initialValues(conv, 1, 0), initialValues(conv, 1, 1));
  assert.notDeepEqual(initialValues(conv, 1, 0), initialValues(conv, 2, 0));
  assert.deepEqual(initialValues(conv, 1, 0), initialValues(conv, 1, 0));
});

Deno.test("a layer may not take a name that checkpoints use themselves", () => {
  for (const name of ["ema", "input", "memory", "range", "second_moment", "velocity"]) {
    const layers: LayerInput[] = [{ type: "linear", name, features: 2 }];
    assert.throws(
      () => programOf({ name, image: [2, 2, 1], batch: 1, classes: 2, layers }, "int8"),
      { name: "ModelError", message: /this name is reserved/ },
    );
  }
});
