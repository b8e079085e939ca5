/**
 * Predicts the classes of images with a trained run, from its folder alone: the forward pass with the
 * ranges of its checkpoint, so the prediction of an image does not depend on the others.
 *
 * @module
 */
import { DataError, UsageError } from "../core/errors.ts";
import { cannotRead } from "../data/paths/stat.ts";
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

/** Options of a prediction. */
export interface PredictOptions {
  /** Number of classes to return for each image, likeliest first; 1 by default. */
  readonly top?: number;
  /** Device to run on; `auto` by default. */
  readonly device?: DeviceChoice;
  /** Threads of the CPU, 1–256; by default one for each core. */
  readonly threads?: number;
  /** Tiles of the kernels; `default` by default. */
  readonly tiles?: Tiles;
  /** Called with each warning. */
  readonly warn?: (text: string) => void;
  /** Custom estimators, by the names that the recipe uses. */
  readonly estimators?: EstimatorMakers;
  /** Uses the checkpoint with the best test accuracy instead of the latest. */
  readonly best?: boolean;
}

/** A class and its probability. */
export interface ClassProbability {
  /** Name of the class; its label as text if the data has no names. */
  readonly class: string;
  /** Label of the class, from 0. */
  readonly label: number;
  /** Probability, 0–1: softmax of the scores. */
  readonly probability: number;
}

/** Prediction for an image: its likeliest class. */
export interface Prediction extends ClassProbability {
  /** Path of the image. */
  readonly image: string;
  /** The likeliest classes, starting with this one. */
  readonly top: readonly ClassProbability[];
}

/** An image without a prediction. */
export interface PredictionError {
  /** Path of the image. */
  readonly image: string;
  /** Why there is none, and what to do about it. */
  readonly error: string;
}

/**
 * Predicts the class of each image.
 *
 * JPEG and PNG images of any size are prepared as for evaluation: scaled so that they just cover the
 * network's input, and cropped at the center; colour becomes grey by its luma if the input is grey.
 *
 * @param path the run's folder; its data is not needed
 * @param images paths of images, or of folders, which stand for all images in them
 * @returns an item for each image, in order; a missing or damaged image has an `error`
 * @throws DataError when the folder holds no run or no intact checkpoint; DeviceError when no device
 * can run it
 */
export async function predict(
  path: string,
  images: readonly string[],
  options: PredictOptions = {},
): Promise<(Prediction | PredictionError)[]> {
  const { top = 1 } = options;
  if (!Number.isInteger(top) || top < 1) {
    throw new UsageError(`top: expected a whole number of at least 1, got ${top}`);
  }
  const run = await loadRun(path, options), spec = inputSpecOf(run);
  const found = (await Promise.all(images.map(imagesIn))).flat();
  // A folder without images has an error already.
  const paths = found.flatMap((item) => "error" in item ? [] : [item.image]);
  if (paths.length === 0) return found as PredictionError[];
  const batch = Math.min(paths.length, run.recipe.train.batch);
  const network = await openNetwork(run, spec, batch, options);
  try {
    const predictions = new Map<string, Prediction | PredictionError>();
    const { batch } = network.program; // `memory` may have reduced it.
    for (let first = 0; first < paths.length; first += batch) {
      const some = paths.slice(first, first + batch);
      for (const each of await predictBatch(network, spec, some, options)) {
        predictions.set(each.image, each);
      }
    }
    return found.map((item) => "error" in item ? item : predictions.get(item.image)!);
  } finally {
    network.executor.close();
  }
}

/** Predicts at most a batch of images. */
async function predictBatch(
  network: Network,
  spec: InputSpec,
  images: readonly string[],
  { top = 1, warn }: PredictOptions,
): Promise<(Prediction | PredictionError)[]> {
  const { batch } = network.program, [h, w, c] = spec.shape, size = h * w * c;
  const pixels = new Uint8Array(Math.ceil(batch * size / 4) * 4), labels = new Uint32Array(batch);
  const readable: string[] = [], errors: PredictionError[] = [];
  for (const image of images) {
    try {
      pixels.set(await pixelsOf(image, spec, warn), readable.length * size);
      readable.push(image);
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      errors.push({ image, error: error.message });
    }
  }
  if (readable.length === 0) return errors;
  const scores = await network.logits({ images: pixels, labels, samples: readable.length });
  const predictions = readable.map((image, n) => {
    const likeliest = classProbabilities(scores[n]!, spec).slice(0, top);
    return { image, ...likeliest[0]!, top: likeliest };
  });
  return [...predictions, ...errors];
}

/** @throws DataError when the checkpoint lacks the input spec, or no photo fits the network */
function inputSpecOf({ checkpoint: { data, path } }: TrainedRun): InputSpec {
  if (!data) {
    throw new DataError(
      `${path}: expected the shape, classes, mean and std of its images in the metadata, got none: ` +
        "an earlier version of qtrain wrote it. Train again, or continue for one more epoch with " +
        "--resume",
    );
  }
  const channels = data.shape[2];
  if (channels !== 1 && channels !== 3) {
    throw new DataError(
      `${path}: expected a network for grey (1) or colour images (3 channels), got one for ` +
        `${channels} channels, which no JPEG or PNG image has`,
    );
  }
  return data;
}

async function openNetwork(
  { recipe, checkpoint, makers }: TrainedRun,
  spec: InputSpec,
  batch: number,
  options: PredictOptions,
): Promise<Network> {
  const sized = { ...recipe, train: { ...recipe.train, batch, micro_batch: 0 } };
  const { program } = plan(sized, spec, { estimators: makers, inference: true });
  const before = checkpoint.trainerState.device;
  const device = await openTestedDevice(options.device, program, { ...options, before });
  const executor = await device.createExecutor(program, { memory: recipe.memory });
  try {
    const network = new Network(program, executor, recipe.seed, recipe.quantize, spec, makers);
    network.load(checkpoint, false);
    return network;
  } catch (error) {
    executor.close();
    throw error;
  }
}

/** Reads an image and brings it to the shape of the network's input. */
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

/** All classes, likeliest first; among equals the lower label first. */
function classProbabilities(logits: Float32Array, spec: InputSpec): ClassProbability[] {
  const largest = Math.max(...logits);
  const powers = Array.from(logits, (l) => Math.exp(l - largest));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers
    .map((p, label) => ({ class: classNameOf(spec, label), label, probability: p / sum }))
    .sort((a, b) => b.probability - a.probability || a.label - b.label);
}

/** Returns the path itself, or the paths of the images in a folder, sorted by name. */
async function imagesIn(path: string): Promise<(Pick<Prediction, "image"> | PredictionError)[]> {
  const folder = await Deno.stat(path).then((info) => info.isDirectory, () => false);
  if (!folder) return [{ image: path }];
  const names: string[] = [];
  try {
    for await (const { name, isDirectory } of Deno.readDir(path)) {
      if (!isDirectory && /^[^.].*\.(jpe?g|jpe|png)$/i.test(name)) names.push(name);
    }
  } catch (error) {
    return [{ image: path, error: cannotRead(path, error).message }];
  }
  if (names.length === 0) {
    return [{
      image: path,
      error: `${path}: no JPEG or PNG images in this folder. Give another`,
    }];
  }
  return names.sort().map((name) => ({ image: `${path.replace(/\/+$/, "")}/${name}` }));
}
