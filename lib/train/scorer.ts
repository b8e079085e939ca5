/**
 * What answers images with the probabilities of classes: a run's network on a device, or a network
 * that was read from a file for other programs.
 *
 * @module
 */
import { DataError, UsageError } from "../core/errors.ts";
import { readBytes } from "../core/files.ts";
import { checkIsFile, stat } from "../data/paths/stat.ts";
import type { Interpreter } from "../export/model_file.ts";
import { decodeInputSpec, type InputSpec } from "../program/input_spec.ts";
import { inputSpecOf, loadRun } from "./checkpoint/load.ts";
import { openNetwork, type TrainedRunOptions } from "./open_network.ts";
import { probabilitiesOf } from "./probabilities.ts";

/** Images that a network from a file computes at once: more take more memory, and are no faster. */
const MAX_FILE_BATCH = 16;

/** A network that has been read, before it is known how many images there are. */
export interface LoadedNetwork {
  /** Shape, classes and normalization of its images. */
  readonly spec: InputSpec;
  /** The most images that it computes at once. */
  readonly maxBatch: number;
  /** Makes it ready for batches of at most so many images. */
  open(batch: number): Promise<Scorer>;
}

/** A network that answers. */
export interface Scorer {
  /** Images that it computes at once. */
  readonly batch: number;
  /**
   * Computes the probabilities of the classes, for each image.
   *
   * @param images u8 [batch, h, w, c], padded to a multiple of 4 bytes
   * @param samples how many of them are images
   */
  score(images: Uint8Array<ArrayBuffer>, samples: number): Promise<readonly ArrayLike<number>[]>;
  close(): void;
}

/**
 * Loads the network of a run, or of an ONNX or TFLite file.
 *
 * @param path the run's folder, or the file
 * @throws DataError when there is neither, it is damaged, or no image file fits its input; UsageError
 * for options that a file does not take
 */
export async function loadScorer(path: string, options: TrainedRunOptions): Promise<LoadedNetwork> {
  const isFolder = (await stat(path))?.isDirectory === true;
  if (isModelFile(path) && !isFolder) return await loadFile(path, options);
  return await loadFromRun(path, options);
}

/** Whether a path has the name of an ONNX or TFLite file. */
export function isModelFile(path: string): boolean {
  return /\.(onnx|tflite)$/i.test(path);
}

async function loadFromRun(path: string, options: TrainedRunOptions): Promise<LoadedNetwork> {
  const run = await loadRun(path, options), { recipe } = run;
  const spec = expectImageFiles(inputSpecOf(run), run.checkpoint.path);
  return {
    spec,
    maxBatch: recipe.train.batch,
    async open(wanted) {
      const train = { ...recipe.train, batch: wanted, micro_batch: 0 };
      const network = await openNetwork({ ...run, recipe: { ...recipe, train } }, spec, options);
      const { batch } = network.program; // `memory` may have reduced it.
      const labels = new Uint32Array(batch);
      return {
        batch,
        async score(images, samples) {
          return (await network.logits({ images, labels, samples })).map(probabilitiesOf);
        },
        close: () => network.executor.close(),
      };
    },
  };
}

async function loadFile(path: string, options: TrainedRunOptions): Promise<LoadedNetwork> {
  const { device, threads, best } = options;
  const given = { device, threads, best: best || undefined };
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    throw new UsageError(
      `--${name}: expected with the folder of a run, got it with ${path}, which has one network ` +
        "that is computed on the CPU, in one thread; leave it out",
    );
  }
  await checkIsFile(path);
  // Imported when it is needed: predictions of a run start without packages of formats.
  const { MAX_BYTES, openModelFile } = await import("../export/open.ts");
  const { size = 0 } = await stat(path) ?? {};
  if (size > MAX_BYTES) {
    throw new DataError(
      `${path}: expected a network, got a file of more than ${MAX_BYTES} bytes, which no file in ONNX or ` +
        "TFLite has; give another",
    );
  }
  const network = openModelFile(await readBytes(path), path),
    { shape: [h, w, c], classes } = network;
  const spec = specOf(network, path);
  return {
    spec,
    maxBatch: MAX_FILE_BATCH,
    open(batch) {
      const score = (images: Uint8Array, samples: number) => {
        const all = network.run(images.subarray(0, samples * h * w * c), samples);
        const answers = Array.from(
          { length: samples },
          (_, n) => all.subarray(n * classes, (n + 1) * classes),
        );
        return Promise.resolve(answers);
      };
      return Promise.resolve({ batch, score, close() {} });
    },
  };
}

/** What a file says of its images; only their size where another program wrote it. */
function specOf(
  { shape: [h, w, c], classes, metadata: { data, qtrain_version } }: Interpreter,
  path: string,
): InputSpec {
  const each = (value: number) => new Array<number>(c).fill(value);
  const unnamed = { shape: [h, w, c], classes, mean: each(0), std: each(1) } as const;
  const spec = data === undefined || qtrain_version === undefined
    ? unnamed
    : decodeInputSpec(data, path);
  if (`${spec.shape}` !== `${unnamed.shape}` || spec.classes !== classes) {
    throw new DataError(
      `${path}: expected images and classes as the metadata has them, [${spec.shape}] and ` +
        `${spec.classes}, got [${unnamed.shape}] and ${classes} in the network; export it again`,
    );
  }
  return expectImageFiles(spec, path);
}

/** @throws DataError when no image file has the channels of a network's input */
function expectImageFiles(spec: InputSpec, path: string): InputSpec {
  const [, , channels] = spec.shape;
  if (channels === 1 || channels === 3) return spec;
  throw new DataError(
    `${path}: expected a network for grey (1) or colour images (3 channels), got one for ` +
      `${channels} channels, which no image file has`,
  );
}
