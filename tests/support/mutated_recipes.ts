/**
 * Damaged recipes: each is loaded, and planned where it is still one, as `qtrain check` does.
 *
 * @module
 */
import { loadRecipe } from "../../lib/recipe/load.ts";
import { plan } from "../../lib/program/plan.ts";
import { statedShape } from "../../cli/data_shape.ts";
import { ROOT } from "./command.ts";
import { tryAll, type Verdicts } from "./hostile.ts";
import { Dice, mutatedText } from "./mutations.ts";

/** A line and column; of the plan, a field of the recipe or a layer. */
const PLACE = /^\S+recipe\.yaml:\d+:\d+: |^layer \S+: |^[a-z_.0-9]+: /;

/** A recipe with much that the others lack. */
const RICH = `name: rich
seed: 3
data: { format: glyphs, classes: 10, size: [24, 28], train: 100, test: 50, mean: [0.5], std: 0.4,
  augment: [flip, { crop: { padding: 2 } }, { mixup: { alpha: 0.2 } }] }
model:
  layers:
    - &block { type: conv2d, name: first, channels: 8, kernel: 3, padding: 1, bias: false }
    - batch_norm
    - relu
    - { type: max_pool, kernel: 2, stride: [2, 2] }
    - type: residual
      body: [{ type: conv2d, channels: 8, kernel: [3, 3], padding: 1, groups: 8 }, batch_norm]
      shortcut: []
    - relu
    - { type: dropout, rate: 0.1 }
    - global_avg_pool
    - { type: linear, features: 10 }
freeze: [first, "norm*"]
memory: 64MiB
telemetry: full
quantize:
  arithmetic: simulated
  weights: { bits: 6, per_channel: true }
  activations: { bits: 8, estimator: delayed-max, window: 4, margin: 1, momentum: 0.9 }
  gradients: { estimator: fixed, range: [-1, 1], rounding: nearest }
  layers:
    - { match: "conv*|first", activations: { bits: 4 }, gradients: { estimator: dsgc, interval: 5 } }
  scheduler: host
train:
  epochs: 2
  batch: 16
  micro_batch: 8
  optimizer: { name: adamw, lr: 0.001, betas: [0.9, 0.99], epsilon: 1e-8, weight_decay: 0.01 }
  schedule: { name: step, every_epochs: 1, factor: 0.5, warmup_steps: 3 }
  clip_norm: 1
  ema: 0.99
  label_smoothing: 0.1
`;

/** The recipes of configs/, and one more. */
async function recipes(): Promise<string[]> {
  const texts = [RICH, RICH];
  for await (const { name } of Deno.readDir(`${ROOT}configs`)) {
    if (!/imagenet-(vgg|res)/.test(name)) {
      texts.push(await Deno.readTextFile(`${ROOT}configs/${name}`));
    }
  }
  return texts;
}

/** Makes damaged recipes: the text of number `index` of one endless list. */
export async function mutatedRecipes(): Promise<
  (index: number) => ReturnType<typeof mutatedText>
> {
  const texts = await recipes();
  return (index) => {
    const dice = new Dice(index);
    return mutatedText(dice.of(texts), texts, dice);
  };
}

/** Tries `count` damaged recipes; those of `first` on, of one endless list. */
export async function tryRecipes(count: number, first = 0): Promise<Verdicts> {
  const mutated = await mutatedRecipes(),
    folder = await Deno.makeTempDir({ prefix: "qtrain-mutated-" });
  try {
    return await tryAll(count, async (index) => {
      const path = `${folder}/recipe.yaml`;
      await Deno.writeFile(path, mutated(first + index));
      return {
        name: `recipe ${first + index}`,
        run: async () => {
          const recipe = await loadRecipe(path), { data } = recipe, [h, w] = data.size;
          plan(recipe, statedShape(data, [h || 28, w || 28], data.channels || 1, 10));
        },
      };
    }, PLACE);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
