/**
 * Predicts the classes of images with a trained run, from its folder alone, or with a network in a file
 * of ONNX or TFLite: the forward pass with fixed ranges, so the prediction of an image does not depend
 * on the others.
 *
 * @module
 */
import { DataError, UsageError } from "../core/errors.ts";
import { countImages } from "../core/image_count.ts";
import { FileWarnings } from "../data/file_warnings.ts";
import { listImages } from "../data/image_folder/list.ts";
import { FolderSplit } from "../data/image_folder/split.ts";
import { DataLoader, workersFor } from "../data/loader.ts";
import { stat } from "../data/paths/stat.ts";
import { WorkerError } from "../data/workers/worker_pool.ts";
import { classNameOf, type InputSpec } from "../program/input_spec.ts";
import type { TrainedRunOptions } from "./open_network.ts";
import { loadScorer, type Scorer } from "./scorer.ts";

/** Images of a batch: the next one is read meanwhile, and its answers come together. */
const MAX_BATCH = 64;
/** Bytes of a batch, so that large images take no more memory than small ones. */
const MAX_BATCH_BYTES = 2 ** 24;
/** Images that a worker reads at once: few, so that all workers share a batch. */
const IMAGES_PER_READ = 8;

/** Options of a prediction. */
export interface PredictOptions extends TrainedRunOptions {
  /** Number of classes to return for each image, likeliest first; 1 by default. */
  readonly top?: number;
  /** Called now and then with how far it is, once it takes a few seconds. */
  readonly progress?: (text: string) => void;
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
 * Predicts the class of each image, and yields the answers as they are computed.
 *
 * Images of any size are prepared as for evaluation: scaled so that they just cover the
 * network's input, and cropped at the center; colour becomes grey by its luma if the input is grey.
 *
 * @example
 * ```ts
 * for await (const answer of predict("runs/photos", ["holiday.jpg"])) {
 *   if (!("error" in answer)) console.log(answer.image, answer.class, answer.probability);
 * }
 * ```
 * @param path the run's folder, whose data is not needed; or an ONNX or TFLite file that `exportRun`
 * wrote, or another one of the same operators: its classes are numbers then
 * @param images paths of images, or of folders, which stand for all images in them and below
 * @returns an answer for each image, in order; that of a missing or damaged image has an `error`
 * @throws DataError when the folder holds no run or no intact checkpoint, or the file is damaged or has
 * an operator that is not known; DeviceError when no device can run it
 */
export async function* predict(
  path: string,
  images: readonly string[],
  options: PredictOptions = {},
): AsyncGenerator<Prediction | PredictionError, void, void> {
  const { top = 1, progress } = options;
  if (!Number.isInteger(top) || top < 1) {
    throw new UsageError(`top: expected a whole number of at least 1, got ${top}`);
  }
  const loaded = await loadScorer(path, options), { spec } = loaded;
  const found = await findImages(images, options), { paths, errors } = found, count = paths.length;
  if (errors.size === count) {
    for (const [index, image] of paths.entries()) yield { image, error: errors.get(index)! };
    return;
  }
  const wanted = Math.min(count, MAX_BATCH, loaded.maxBatch, most(spec));
  const opening = openLoader(paths, spec, options.warn);
  opening.catch(() => {}); // Avoids an unhandled rejection; who awaits it gets the error.
  let scorer: Scorer | undefined;
  try {
    scorer = await loaded.open(wanted);
    const loader = await opening, { batch } = scorer;
    const report = countImages("predicting", count, progress);
    let next = readImages(loader, found, 0, batch);
    for (let first = 0; first < count; first += batch) {
      const read = await next;
      // Read while the network computes.
      next = readImages(loader, found, first + batch, batch);
      next.catch(() => {});
      yield* await answersOf(scorer, spec, read, top);
      report(first + read.length);
    }
  } finally {
    (await opening.catch(() => undefined))?.close();
    scorer?.close();
  }
}

/** The images that were asked for. */
interface FoundImages {
  /** Paths of images, and of folders that hold none. */
  readonly paths: readonly string[];
  /** By index: why a folder has no images. */
  readonly errors: ReadonlyMap<number, string>;
}

/** The pixels of an image at the shape of the network's input, or why there are none. */
type ReadImage = { readonly image: string; readonly pixels: Uint8Array } | PredictionError;

/** Images of a batch that stay below the limit of bytes. */
function most({ shape: [h, w, c] }: InputSpec): number {
  return Math.max(1, Math.floor(MAX_BATCH_BYTES / (h * w * c)));
}

/** A loader whose test images are those at the paths. */
function openLoader(
  paths: readonly string[],
  spec: InputSpec,
  warn: (text: string) => void = () => {},
): Promise<DataLoader> {
  const labels = new Uint32Array(paths.length);
  const fileWarnings = new FileWarnings(warn);
  const files = { paths, labels, shape: spec.shape, onBadImage: "tell" } as const;
  const split = new FolderSplit(files, fileWarnings.add);
  const data = { ...spec, name: "images", train: split, test: split, fileWarnings };
  const reads = Math.ceil(paths.length / IMAGES_PER_READ);
  const workers = reads === 1 ? 0 : Math.min(reads, workersFor(data, { workers: "auto" }));
  return DataLoader.open(data, { workers, warn });
}

/** Reads the images from index `first` on, at most a batch of them. */
async function readImages(
  loader: DataLoader,
  found: FoundImages,
  first: number,
  batch: number,
): Promise<ReadImage[]> {
  const end = Math.min(first + batch, found.paths.length), reads: Promise<ReadImage[]>[] = [];
  // A thread decodes one photo at a time: several would take as many times the memory.
  const size = loader.ahead > 0 ? IMAGES_PER_READ : batch;
  for (let at = first; at < end; at += size) {
    const indices = Array.from({ length: Math.min(size, end - at) }, (_, i) => at + i);
    reads.push(readSome(loader, found, indices));
  }
  return (await Promise.all(reads)).flat();
}

/** Reads images together; if one of them cannot be read, each by itself. */
async function readSome(
  loader: DataLoader,
  found: FoundImages,
  indices: readonly number[],
): Promise<ReadImage[]> {
  const { paths, errors } = found, image = paths[indices[0]!]!;
  const known = indices.map((index) => errors.get(index)).find((error) => error !== undefined);
  if (known === undefined) {
    try {
      const request = { indices: Uint32Array.from(indices), batch: indices.length };
      const { images } = await loader.read("test", request);
      const [h, w, c] = loader.data.shape, size = h * w * c;
      return indices.map((index, i) => {
        return { image: paths[index]!, pixels: images.subarray(i * size, (i + 1) * size) };
      });
    } catch (error) {
      if (error instanceof WorkerError) {
        throw new DataError(`a worker that reads images ${error.what}; leave that one out`);
      }
      if (!(error instanceof DataError)) throw error;
      if (indices.length === 1) return [{ image, error: error.message }];
    }
  } else if (indices.length === 1) return [{ image, error: known }];
  const each: ReadImage[] = [];
  for (const index of indices) each.push(...await readSome(loader, found, [index]));
  return each;
}

/** The answers for images that have been read. */
async function answersOf(
  { batch, score }: Scorer,
  spec: InputSpec,
  read: readonly ReadImage[],
  top: number,
): Promise<(Prediction | PredictionError)[]> {
  const [h, w, c] = spec.shape, size = h * w * c;
  const images = new Uint8Array(Math.ceil(batch * size / 4) * 4);
  let samples = 0;
  for (const item of read) if ("pixels" in item) images.set(item.pixels, samples++ * size);
  const scores = samples > 0 ? await score(images, samples) : [];
  let at = 0;
  return read.map((item) => {
    if ("error" in item) return item;
    const likeliest = likeliestClasses(scores[at++]!, spec, top);
    return { image: item.image, ...likeliest[0]!, top: likeliest };
  });
}

/** The likeliest classes, at most `top`; among equals the lower label first. */
function likeliestClasses(
  probabilities: ArrayLike<number>,
  spec: InputSpec,
  top: number,
): ClassProbability[] {
  return Array.from(probabilities, (probability, label) => {
    return { class: classNameOf(spec, label), label, probability };
  }).sort((a, b) => b.probability - a.probability || a.label - b.label).slice(0, top);
}

/**
 * Finds the images at paths: a path stands for itself, a folder for all images in it and below it.
 * Warns of what is left out.
 */
async function findImages(
  images: readonly string[],
  options: PredictOptions,
): Promise<FoundImages> {
  const paths: string[] = [], errors = new Map<number, string>();
  for (const path of images) {
    const info = await stat(path).catch(() => null);
    if (info?.isDirectory) {
      const { found, error } = await imagesIn(path, options);
      for (const image of found) paths.push(image);
      if (error === undefined) continue;
      errors.set(paths.length, error);
    } else if (info === undefined && /[*?[]/.test(path)) {
      errors.set(paths.length, `${path}: no file matches this pattern; give the folder instead`);
    }
    paths.push(path);
  }
  return { paths, errors };
}

/** The images in a folder and below it, or why there are none. */
async function imagesIn(
  path: string,
  { warn, progress }: PredictOptions,
): Promise<{ readonly found: readonly string[]; readonly error?: string }> {
  try {
    const { images: found, leftOut } = await listImages(path, { progress });
    const left = leftOut.describe(path);
    if (found.length > 0) {
      if (left) warn?.(`${path}: left out ${left}`);
      return { found };
    }
    const only = left ? `only ${left}` : "none";
    return { found, error: `${path}: expected images in this folder, found ${only}; give another` };
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    return { found: [], error: error.message };
  }
}
