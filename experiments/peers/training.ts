/**
 * The training that every peer does: `cnn` on glyphs, from the same initial weights, with the same
 * batches in the same order. The parent process writes it to a file that all peers can read.
 *
 * @module
 */
import { openDataset } from "../../lib/data/open.ts";
import {
  decodeSafetensors,
  encodeSafetensors,
  floatValues,
  type TensorInput,
} from "../../lib/core/safetensors.ts";
import { initialValues, toNamed } from "../../lib/program/parameter_layout.ts";
import { plan } from "../../lib/program/plan.ts";
import { resolveRecipe } from "../../lib/recipe/load.ts";
import type { RecipeInput } from "../../lib/recipe/recipe.ts";
import { DataLoader } from "../../lib/data/loader.ts";

/** Images of a batch. */
export const BATCH = 64;
/** Height and width of an image, which has one channel. */
export const SIZE = 28;
/** Classes of glyphs. */
export const CLASSES = 10;
/** Different batches, repeated in turn. */
const BATCHES = 16;
/** Settings of SGD, without weight decay. */
export const RATE = 0.05, MOMENTUM = 0.9;
/** Batch norm: added to the variance, and the share of a batch in running statistics. */
export const EPSILON = 1e-5, NORM_MOMENTUM = 0.1;
/** Strides of the four convolutions. */
export const STRIDES: readonly number[] = [1, 2, 1, 2];
const SEED = 1;

/** The recipe of qtrain. */
export function recipeOf(quantize: NonNullable<RecipeInput["quantize"]>) {
  return resolveRecipe({
    seed: SEED,
    data: { format: "glyphs", train: BATCHES * BATCH, test: BATCH, mean: [0.5], std: [0.5] },
    model: { name: "cnn" },
    train: {
      batch: BATCH,
      optimizer: { name: "sgd", lr: RATE, momentum: MOMENTUM, weight_decay: 0 },
    },
    quantize,
  });
}

/** The dataset of a recipe, and its batches in order. */
export async function batchesOf(recipe: ReturnType<typeof recipeOf>) {
  const data = await openDataset(recipe);
  const loader = new DataLoader(data, { batch: BATCH, seed: SEED });
  const batches = [];
  for (let i = 0; i < BATCHES; i++) batches.push(await loader.trainBatch(i));
  return { data, batches };
}

/**
 * Writes a safetensors file: `images.I` [n, c, h, w], normalized, `labels.I` [n], and the initial
 * weights with PyTorch's names and shapes.
 */
export async function writeTraining(file: string): Promise<void> {
  const recipe = recipeOf({ arithmetic: "float32" });
  const { data, batches } = await batchesOf(recipe);
  const tensors: Record<string, TensorInput> = {};
  const [mean] = data.mean, [std] = data.std;
  batches.forEach(({ images, labels }, i) => {
    const values = Float32Array.from(images, (v) => (v / 255 - mean!) / std!);
    tensors[`images.${i}`] = { dtype: "F32", shape: [BATCH, 1, SIZE, SIZE], data: values };
    tensors[`labels.${i}`] = { dtype: "I32", shape: [BATCH], data: Int32Array.from(labels) };
  });
  plan(recipe, data).program.parameters.forEach((spec, i) => {
    for (const { name, shape, data } of toNamed(spec, initialValues(spec, SEED, i))) {
      tensors[name] = { dtype: "F32", shape, data };
    }
  });
  await Deno.writeFile(file, encodeSafetensors(tensors));
}

/** A batch in float32. */
interface FloatBatch {
  /** [n, 28, 28], normalized. */
  readonly images: Float32Array<ArrayBuffer>;
  /** [n] */
  readonly labels: Int32Array<ArrayBuffer>;
}

/** The content of the file of {@link writeTraining}. */
export interface Training {
  /** The batch of a step, from 0. */
  batch(step: number): FloatBatch;
  /** Initial values, row-major, e.g. of `conv1.weight` [o, i, h, w]. */
  weight(name: string): { shape: readonly number[]; data: Float32Array<ArrayBuffer> };
}

/** Reads the file of {@link writeTraining}. */
export async function readTraining(file: string): Promise<Training> {
  const { tensors } = decodeSafetensors(await Deno.readFile(file), file);
  const batches = Array.from({ length: BATCHES }, (_, i) => ({
    images: floatValues(tensors[`images.${i}`]!)!,
    labels: new Int32Array(tensors[`labels.${i}`]!.data.slice().buffer),
  }));
  return {
    batch: (step) => batches[step % BATCHES]!,
    weight: (name) => ({ shape: tensors[name]!.shape, data: floatValues(tensors[name]!)! }),
  };
}
