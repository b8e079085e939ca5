import "./support/isolate.ts";
import assert from "node:assert/strict";
import { Float64Executor } from "../experiments/float64/executor.ts";
import { plan } from "../lib/program/plan.ts";
import { resolveRecipe } from "../lib/recipe/load.ts";
import { noise } from "../lib/report/timed_network.ts";
import { ReferenceExecutor } from "../lib/runtime/reference_executor.ts";
import { Network } from "../lib/train/network/network.ts";

const DATA = { shape: [6, 6, 3], classes: 5, mean: [0.5, 0.5, 0.5], std: [1, 1, 1] } as const;

const recipe = resolveRecipe({
  data: { format: "glyphs" },
  model: {
    layers: [
      { type: "conv2d", channels: 8, kernel: 3, padding: 1 },
      "batch_norm",
      "relu",
      { type: "linear", features: 5 },
    ],
  },
  quantize: { arithmetic: "float32" },
  train: { batch: 4 },
});
const { program } = plan(recipe, DATA, { reuse: false });

Deno.test("steps in float64 have the losses of float32, up to rounding", async () => {
  const losses = async (executor: ReferenceExecutor | Float64Executor) => {
    try {
      const network = new Network(program, executor, recipe.seed, recipe.quantize, DATA);
      network.initialize();
      const batch = noise(program), found = [];
      for (let i = 0; i < 3; i++) found.push((await network.step(batch, i, 0.05)).loss);
      return found;
    } finally {
      executor.close();
    }
  };
  const single = await losses(new ReferenceExecutor(program.buffers));
  const double = await losses(await Float64Executor.create(program.buffers));
  assert.ok(single[2]! < single[0]!);
  assert.notDeepEqual(double, single);
  single.forEach((loss, i) => assert.ok(Math.abs(loss - double[i]!) < 1e-5 * loss));
});

Deno.test("nothing is rounded to f32 on the way: scores and their weights' gradient, summed here", async () => {
  const executor = await Float64Executor.create(program.buffers);
  try {
    const network = new Network(program, executor, recipe.seed, recipe.quantize, DATA);
    network.initialize();
    await network.step(noise(program), 0, 0);
    const { x, weight, bias, y } = program.sections.forward.at(-1)!.buffers;
    const { dlogits } = program.sections.loss[0]!.buffers;
    const read = async (name?: string) => (await executor.values([name!]))[0]!;
    const input = await read(x), w = await read(weight), offset = await read(bias);
    const scores = await read(y), slopes = await read(dlogits);
    const gradient = await read(`${weight}.gradient`);
    const inputs = input.length / 4,
      same = (got: number, want: number) =>
        assert.ok(Math.abs(got - want) < 1e-12 && Math.fround(want) !== want, `${got}, ${want}`);
    for (let n = 0; n < 4; n++) {
      let sum = offset[1]!;
      for (let i = 0; i < inputs; i++) sum += input[n * inputs + i]! * w[inputs + i]!;
      same(scores[8 * n + 1]!, sum);
    }
    for (const i of [...input.keys()].slice(0, inputs).filter((i) => input[i] !== 0)) {
      let sum = 0;
      for (let n = 0; n < 4; n++) sum += input[n * inputs + i]! * slopes[8 * n + 1]!;
      same(gradient[inputs + i]!, sum);
    }
  } finally {
    executor.close();
  }
});
