/**
 * The buffers of a micro-batch: its pixels and labels, and the step's uniform block.
 *
 * @module
 */
import { optimizers } from "../../program/optimizers/mod.ts";
import type { Program } from "../../program/program.ts";
import { STEP, wordsOf } from "../../quant/layouts.ts";
import type { Batch } from "../../data/batch.ts";

/** Settings of a step. */
export interface StepSettings {
  /** Counts from 0. */
  readonly step: number;
  /** Learning rate. */
  readonly learningRate: number;
  /** 1: running statistics follow this batch; 0: they stay. */
  readonly normWeight: number;
  /** Whether labels are smoothed and classes weighted, as training has them; true by default. */
  readonly soft?: boolean;
}

/** What the buffers of a batch depend on, beside the batch. */
interface Trained {
  readonly program: Program;
  readonly seed: number;
  /** As many as `program.training.weights`. */
  readonly classWeights: Float32Array<ArrayBuffer>;
}

/**
 * The contents of the buffers, by name, for micro-batch `micro` of a batch.
 *
 * @param at its position among the micro-batches whose images the batch holds: a rank's are only its own
 */
export function microBatchOf(
  { program, seed, classWeights }: Trained,
  batch: Batch,
  { step, learningRate, normWeight, soft = true }: StepSettings,
  micro: number,
  at = micro,
): Readonly<Record<string, ArrayBufferView<ArrayBuffer>>> {
  const { images, labels, samples: total, others = labels, weights } = batch;
  const { batch: size, input: [h, w, c], training: { smoothing, mixed, optimizer } } = program;
  const first = micro * size, samples = Math.max(0, Math.min(total - first, size));
  const block = new Uint8Array(STEP.bytes);
  STEP.write(wordsOf(block), 0, {
    seed,
    step,
    samples,
    first,
    learningRate,
    normWeight,
    total,
    smoothing: soft ? smoothing : 0,
    firstCorrection: 1,
    secondCorrection: 1,
    weightFactor: soft && classWeights.length > 0 ? weightFactor(batch, classWeights) : 0,
    ...optimizers[optimizer.name].corrections?.(optimizer, step),
  });
  return {
    step: block,
    pixels: cutPixels(images, at * size * h * w * c, size * h * w * c),
    labels: withWeights(labels.subarray(first, first + size), classWeights),
    ...(mixed ? { mixes: cutMixes(others, weights, first, size) } : {}),
  };
}

/**
 * Factor of the weights of classes with which those of a batch's labels average 1; a mixed label's is the
 * mean of its two. If all are 0 the factor is 1: without label smoothing no sample counts then, and with it
 * only what it gives to other classes.
 */
function weightFactor(
  { labels, samples, others = labels, weights }: Batch,
  classWeights: Float32Array,
): number {
  let sum = 0;
  for (let n = 0; n < samples; n++) {
    const share = weights?.[n] ?? 1;
    sum += share * classWeights[labels[n]!]! + (1 - share) * classWeights[others[n]!]!;
  }
  return sum > 0 ? samples / sum : 1;
}

/** Labels, and the weights of the classes behind them. */
function withWeights(
  labels: Uint32Array<ArrayBuffer>,
  classWeights: Float32Array<ArrayBuffer>,
): Uint32Array<ArrayBuffer> {
  if (classWeights.length === 0) return labels;
  const both = new Uint32Array(labels.length + classWeights.length);
  both.set(labels);
  new Float32Array(both.buffer).set(classWeights, labels.length);
  return both;
}

/** `bytes` of the pixels of a batch from `first` on, rounded up: WebGPU writes multiples of 4. */
function cutPixels(
  images: Uint8Array<ArrayBuffer>,
  first: number,
  bytes: number,
): Uint8Array<ArrayBuffer> {
  const padded = Math.ceil(bytes / 4) * 4;
  if (first + padded <= images.length) return images.subarray(first, first + padded);
  const cut = new Uint8Array(padded);
  cut.set(images.subarray(first, first + bytes));
  return cut;
}

/** The second labels of `size` samples from `first` on, each with the bits of the first one's weight. */
function cutMixes(
  others: Uint32Array,
  weights: Float32Array | undefined,
  first: number,
  size: number,
): Uint32Array<ArrayBuffer> {
  const mixes = new Uint32Array(2 * size), shares = new Float32Array(mixes.buffer);
  for (let n = 0; n < size; n++) {
    mixes[2 * n] = others[first + n]!;
    shares[2 * n + 1] = weights?.[first + n] ?? 1;
  }
  return mixes;
}
