/**
 * What a trained run says of images, from its folder alone: the forward pass with the ranges of its
 * checkpoint, so that the answer for an image does not depend on the others.
 *
 * @module
 */
import { DataError, UsageError } from "../core/errors.ts";
import { unreadable } from "../data/paths/stat.ts";
import { readImageFile } from "../data/image_folder/split.ts";
import { decodeImage } from "../image/decode.ts";
import { resizeAndCrop } from "../image/resize.ts";
import { plan } from "../program/plan.ts";
import type { Tiles } from "../runtime/gpu/autotune.ts";
import type { DeviceChoice } from "../runtime/device.ts";
import type { EstimatorMakers } from "../quant/estimator.ts";
import { openTestedDevice } from "../runtime/open_tested_device.ts";
import { classNameOf, type InputSpec } from "./checkpoint/input_spec.ts";
import { Network } from "./network/network.ts";
import { loadRun, type TrainedRun } from "./checkpoint/load.ts";

/** How to predict. */
export interface PredictOptions {
  /** How many classes of each image are told, likeliest first: 1 by default. */
  readonly top?: number;
  /** Where: `auto` by default. */
  readonly device?: DeviceChoice;
  /** Which tiles kernels run with: `default` by default. */
  readonly tiles?: Tiles;
  /** Hears of things that are odd but no reason to stop. */
  readonly warn?: (text: string) => void;
  /** Estimators of one's own, by the names that the recipe uses for them. */
  readonly estimators?: EstimatorMakers;
  /** Take the checkpoint with the best test accuracy, not the newest. */
  readonly best?: boolean;
}

/** How likely a class is. */
export interface ClassProbability {
  /** What the data calls it; its label as text where that has no names. */
  readonly class: string;
  /** Its number, from 0. */
  readonly label: number;
  /** 0–1: softmax of the scores. */
  readonly probability: number;
}

/** What a network says of an image. */
export interface Prediction extends ClassProbability {
  /** The image's path. */
  readonly image: string;
  /** The likeliest classes, this one first. */
  readonly top: readonly ClassProbability[];
}

/** An image that could not be answered. */
export interface PredictionError {
  /** The image's path. */
  readonly image: string;
  /** Why, with what to do about it. */
  readonly error: string;
}

/**
 * Says of each image how likely it is of which class.
 *
 * JPEG and PNG images of any size are brought to the network's as for evaluation: scaled so that
 * they just cover it, and cut in the middle; colour becomes grey by its luma where the network is grey.
 *
 * @param path the run's folder; its data need not exist
 * @param images paths; of a folder, all images in it
 * @returns a line for each image in their order; an image that is missing or damaged has an `error`
 * @throws DataError when the folder holds no run or no whole checkpoint; DeviceError
 */
export async function predict(
  path: string,
  images: readonly string[],
  options: PredictOptions = {},
): Promise<(Prediction | PredictionError)[]> {
  const { top = 1, warn } = options;
  if (!Number.isInteger(top) || top < 1) {
    throw new UsageError(`top: expected a whole number of at least 1, got ${top}`);
  }
  const run = await loadRun(path, options), facts = inputSpecOf(run);
  const asked = (await Promise.all(images.map(imagesIn))).flat();
  // What has an error already is a folder without images.
  const readable = asked.flatMap((a, index) => "error" in a ? [] : [{ index, image: a.image }]);
  const answers = [...asked] as (Prediction | PredictionError)[];
  if (readable.length === 0) return answers;
  const most = Math.min(readable.length, run.recipe.train.batch);
  const network = await openNetwork(run, facts, most, options);
  const { batch } = network.program; // `memory:` may have cut it.
  try {
    const [h, w, c] = facts.shape, size = h * w * c;
    const pixels = new Uint8Array(Math.ceil(batch * size / 4) * 4);
    let waiting: typeof readable = [];
    const answer = async () => {
      const labels = new Uint32Array(batch), samples = waiting.length;
      const scores = await network.logits({ images: pixels, labels, samples });
      waiting.forEach(({ index, image }, n) => {
        const likeliest = classProbabilities(scores[n]!, facts).slice(0, top);
        answers[index] = { image, ...likeliest[0]!, top: likeliest };
      });
      waiting = [];
    };
    for (const { index, image } of readable) {
      try {
        pixels.set(await pixelsOf(image, facts, warn), waiting.length * size);
        waiting.push({ index, image });
      } catch (error) {
        if (!(error instanceof DataError)) throw error;
        answers[index] = { image, error: error.message };
      }
      if (waiting.length === batch) await answer();
    }
    if (waiting.length > 0) await answer();
  } finally {
    network.executor.close();
  }
  return answers;
}

/** @throws DataError where the checkpoint does not say enough of its images, or no photo fits them */
function inputSpecOf({ checkpoint: { data, path } }: TrainedRun): InputSpec {
  if (!data) {
    throw new DataError(
      `${path}: expected the shape, classes, mean and std of its images in the metadata, found ` +
        "none: an earlier version of qtrain wrote it; train again, or go on for an epoch more with " +
        "--resume",
    );
  }
  const channels = data.shape[2];
  if (channels !== 1 && channels !== 3) {
    throw new DataError(
      `${path}: expected a network for grey (1) or colour images (3 channels), found one for ` +
        `${channels} channels, which no JPEG or PNG image has`,
    );
  }
  return data;
}

async function openNetwork(
  { recipe, checkpoint, makers }: TrainedRun,
  facts: InputSpec,
  batch: number,
  options: PredictOptions,
): Promise<Network> {
  const sized = { ...recipe, train: { ...recipe.train, batch, micro_batch: 0 } };
  const { program } = plan(sized, facts, { estimators: makers, inference: true });
  const device = await openTestedDevice(options.device, program, options);
  const executor = await device.createExecutor(program);
  try {
    const network = new Network(program, executor, recipe.seed, recipe.quantize, facts, makers);
    network.load(checkpoint, false);
    return network;
  } catch (error) {
    executor.close();
    throw error;
  }
}

/** An image as the network sees it. */
async function pixelsOf(
  path: string,
  { shape: [h, w, c] }: InputSpec,
  warn?: (text: string) => void,
): Promise<Uint8Array> {
  const channels = c === 1 ? 1 : 3;
  const image = await decodeImage(await readImageFile(path), path, { channels });
  if (image.warning) warn?.(`${path}: ${image.warning}`);
  return resizeAndCrop(image, channels, h, w).pixels;
}

/** All classes, likeliest first; of equals the one of the lower label. */
function classProbabilities(logits: Float32Array, facts: InputSpec): ClassProbability[] {
  const largest = Math.max(...logits);
  const powers = Array.from(logits, (l) => Math.exp(l - largest));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers
    .map((p, label) => ({ class: classNameOf(facts, label), label, probability: p / sum }))
    .sort((a, b) => b.probability - a.probability || a.label - b.label);
}

/** The path itself, or those of the images in a folder, by name. */
async function imagesIn(path: string): Promise<(Pick<Prediction, "image"> | PredictionError)[]> {
  const folder = await Deno.stat(path).then((info) => info.isDirectory, () => false);
  if (!folder) return [{ image: path }];
  const names: string[] = [];
  try {
    for await (const { name, isDirectory } of Deno.readDir(path)) {
      if (!isDirectory && /^[^.].*\.(jpe?g|jpe|png)$/i.test(name)) names.push(name);
    }
  } catch (error) {
    return [{ image: path, error: unreadable(path, error).message }];
  }
  if (names.length === 0) {
    return [{
      image: path,
      error: `${path}: expected JPEG or PNG images in this folder, found none; give another`,
    }];
  }
  return names.sort().map((name) => ({ image: `${path.replace(/\/+$/, "")}/${name}` }));
}
