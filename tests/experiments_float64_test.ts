import "./support/isolate.ts";
import assert from "node:assert/strict";
import { Float64Executor } from "../experiments/float64/executor.ts";
import { plan } from "../lib/program/plan.ts";
import { resolveRecipe } from "../lib/recipe/load.ts";
import { noise } from "../lib/report/timed_network.ts";
import { ReferenceExecutor } from "../lib/runtime/reference_executor.ts";
import { Network } from "../lib/train/network/network.ts";

const DATA = { shape: [6, 6, 3], classes: 5, mean: [0.5, 0.5, 0.5], std: [1, 1, 1] } as const;

Deno.test("steps in float64 have the losses of float32, up to rounding", async () => {
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
