/**
 * Measures a network on a split of a data set: after each epoch of training, and by `qtrain eval`.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { countBatches, countImages } from "../core/image_count.ts";
import type { Dataset, SplitName } from "../data/dataset.ts";
import type { DataLoader } from "../data/loader.ts";
import { encodePng } from "../image/png_encode.ts";
import { resize } from "../image/resize.ts";
import type { Ranks } from "../distributed/ranks.ts";
import type { EvaluationRecord } from "../metrics/evaluation_record.ts";
import {
  type Mistake,
  type PredictionFigures,
  PredictionMetrics,
} from "../metrics/prediction_metrics.ts";
import { classNamesOf } from "../program/input_spec.ts";
import { type AddAnswer, measureShares } from "./measure_shares.ts";
import type { Network } from "./network/network.ts";
import { EvaluationAborted, untilAborted } from "./until_aborted.ts";

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

/** How to measure. */
interface MeasureOptions {
  readonly signal?: AbortSignal | undefined;
  readonly progress?: ((text: string) => void) | undefined;
  /** The ranks that measure together, each its share; they all call {@linkcode measure}. */
  readonly distributed?: Ranks | undefined;
}

/**
 * Measures a network on all images of a split, in their order and without augmentation.
 *
 * @returns the figures, the same on all ranks; `undefined` where it takes long and `signal` is aborted, on
 * all ranks where that of one is
 */
export async function measure(
  network: Network,
  loader: DataLoader,
  split: SplitName,
  { signal, progress, distributed }: MeasureOptions,
): Promise<Measured | undefined> {
  const { count: images, labels } = loader.data[split];
  const metrics = new PredictionMetrics(network.program.classes);
  const add: AddAnswer = (index, scores) => metrics.add(index, labels[index]!, scores);
  const options = { signal, progress, add };
  try {
    const { loss, accuracy } = distributed
      ? await measureShares(network, loader, split, { ...options, ranks: distributed })
      : await measureAlone(network, loader, split, options);
    const figures = metrics.figures();
    const pictures = await picturesOf(loader, split, figures.mistakes);
    return { ...figures, loss, accuracy, images, pictures };
  } catch (error) {
    if (error instanceof EvaluationAborted) return undefined;
    throw error;
  }
}

/** Measures on one machine. */
async function measureAlone(
  network: Network,
  loader: DataLoader,
  split: SplitName,
  { signal, progress, add }: MeasureOptions & { readonly add: AddAnswer },
): Promise<{ loss: number; accuracy: number }> {
  const { batch: size, classes } = network.program;
  const count = countImages("evaluating", loader.data[split].count, progress);
  const batches = countBatches(untilAborted(loader.batches(split, size), signal), count);
  let first = 0;
  return await network.evaluate(batches, ({ samples }, logits, stride) => {
    for (let n = 0; n < samples; n++) {
      add(first + n, logits.subarray(n * stride, n * stride + classes));
    }
    first += samples;
  });
}

/** The images of mistakes, by their index. */
async function picturesOf(
  loader: DataLoader,
  split: SplitName,
  mistakes: readonly Mistake[],
): Promise<ReadonlyMap<number, Uint8Array>> {
  if (mistakes.length === 0) return new Map();
  const indices = Uint32Array.from(mistakes, ({ index }) => index), [h, w, c] = loader.data.shape;
  const { images } = await loader.read(split, { indices, batch: indices.length });
  const size = h * w * c;
  return new Map(
    [...indices].map((index, at) => [index, images.subarray(at * size, (at + 1) * size)]),
  );
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
