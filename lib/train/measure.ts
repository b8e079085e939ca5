/**
 * Measures a network on a split of a data set: after each epoch of training, and by `qtrain eval`.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { countBatches, countImages } from "../core/image_count.ts";
import type { Batch } from "../data/batch.ts";
import type { Dataset, SplitName } from "../data/dataset.ts";
import type { DataLoader } from "../data/loader.ts";
import { encodePng } from "../image/png_encode.ts";
import { resize } from "../image/resize.ts";
import type { EvaluationRecord } from "../metrics/evaluation_record.ts";
import {
  MAX_MISTAKES,
  type Mistake,
  type PredictionFigures,
  PredictionMetrics,
} from "../metrics/prediction_metrics.ts";
import { classNamesOf } from "../program/input_spec.ts";
import type { Network } from "./network/network.ts";

/** An evaluation that ends within this time is not aborted, as it would have to be done again. */
const MIN_EVALUATION_MS = 1000;
/** Pixels of a picture's longer side: sixteen of them take less than 0.5 MB. */
const MAX_PICTURE_SIDE = 96;

/** What a network is worth on a split. */
export interface Measured extends PredictionFigures {
  /** Mean cross-entropy, in nats. */
  readonly loss: number;
  /** 0–1. */
  readonly accuracy: number;
  /** Number of images. */
  readonly images: number;
  /** The images of the mistakes, by index: u8 of the data's shape. */
  readonly pictures: ReadonlyMap<number, Uint8Array>;
}

/**
 * Measures a network on all images of a split, in their order and without augmentation.
 *
 * @returns the figures; `undefined` where it takes long and `signal` is aborted
 */
export async function measure(
  network: Network,
  loader: DataLoader,
  split: SplitName,
  { signal, progress }: {
    readonly signal?: AbortSignal | undefined;
    readonly progress?: ((text: string) => void) | undefined;
  },
): Promise<Measured | undefined> {
  const { program } = network, images = loader.data[split].count;
  const metrics = new PredictionMetrics(program.classes), pictures = new Pictures(loader.data);
  let first = 0;
  const answered = (batch: Batch, logits: Float32Array, stride: number) => {
    for (let n = 0; n < batch.samples; n++) {
      const scores = logits.subarray(n * stride, n * stride + program.classes);
      if (!metrics.add(first + n, batch.labels[n]!, scores)) continue;
      pictures.keep(first + n, batch, n, metrics);
    }
    first += batch.samples;
  };
  try {
    const batches = untilAborted(loader.batches(split, program.batch), signal);
    const counted = countBatches(batches, countImages("evaluating", images, progress));
    const { loss, accuracy } = await network.evaluate(counted, answered);
    const figures = metrics.figures();
    return { ...figures, loss, accuracy, images, pictures: pictures.of(figures.mistakes) };
  } catch (error) {
    if (error instanceof EvaluationAborted) return undefined;
    throw error;
  }
}

/** The images of mistakes that are, or were for a while, among the worst. */
class Pictures {
  readonly #kept = new Map<number, Uint8Array>();

  constructor(readonly data: Dataset) {}

  keep(index: number, { images }: Batch, at: number, { mistakes }: PredictionMetrics): void {
    const [h, w, c] = this.data.shape, size = h * w * c;
    this.#kept.set(index, images.slice(at * size, (at + 1) * size));
    if (this.#kept.size <= 2 * MAX_MISTAKES) return;
    const worst = new Set(mistakes.map(({ index }) => index));
    for (const old of this.#kept.keys()) if (!worst.has(old)) this.#kept.delete(old);
  }

  of(mistakes: readonly Mistake[]): Map<number, Uint8Array> {
    return new Map(mistakes.map(({ index }) => [index, this.#kept.get(index)!]));
  }
}

/**
 * The figures of an evaluation as `evaluation.json` holds them.
 *
 * @param step training steps done
 */
export async function evaluationRecord(
  step: number,
  data: Dataset,
  { loss, accuracy, images, top5, calibrationError, calibration, confusion, mistakes, pictures }:
    Measured,
): Promise<EvaluationRecord> {
  const { test } = data, classes = classNamesOf(data);
  const ofFiles = test.source?.kind === "folder";
  return {
    step,
    images,
    loss: Number.isFinite(loss) ? loss : null,
    accuracy,
    ...(top5 === undefined ? {} : { top5 }),
    calibration_error: calibrationError,
    calibration,
    classes,
    confusion,
    mistakes: await Promise.all(
      mistakes.map(async ({ index, label, predicted, probability, labelProbability }) => ({
        index,
        ...(ofFiles && test.nameOf ? { file: test.nameOf(index) } : {}),
        label,
        predicted,
        probability,
        label_probability: labelProbability,
        png: Buffer.from(await picture(data.shape, pictures.get(index)!)).toString("base64"),
      })),
    ),
  };
}

/** An image as a small PNG file. Of two channels the first is shown, of four the first three. */
async function picture(
  [height, width, c]: Dataset["shape"],
  pixels: Uint8Array,
): Promise<Uint8Array<ArrayBuffer>> {
  const shown = c >= 3 ? 3 : 1, plane = new Uint8Array(height * width * shown);
  for (let at = 0; at < plane.length; at++) {
    plane[at] = pixels[Math.floor(at / shown) * c + at % shown]!;
  }
  const shrink = Math.min(1, MAX_PICTURE_SIDE / Math.max(height, width));
  const [h, w] = [height, width].map((side) => Math.max(1, Math.round(side * shrink)));
  const whole = { pixels: plane, height, width };
  const small = shrink === 1 ? whole : resize(whole, shown, h!, w!);
  return await encodePng(small.pixels, small.height, small.width, shown);
}

/** Thrown where an evaluation's batches end early. */
class EvaluationAborted extends Error {}

/**
 * Yields batches until the run is interrupted: a large test set on a small device takes minutes.
 *
 * @throws EvaluationAborted when `signal` is aborted and the evaluation has taken a second
 */
export async function* untilAborted<T>(
  batches: AsyncIterable<T>,
  signal: AbortSignal | undefined,
): AsyncGenerator<T> {
  const began = performance.now();
  for await (const batch of batches) {
    if (signal?.aborted && performance.now() - began > MIN_EVALUATION_MS) {
      throw new EvaluationAborted();
    }
    yield batch;
  }
}
