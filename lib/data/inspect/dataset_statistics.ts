/**
 * Figures of a data set, to check it before hours of training.
 *
 * @module
 */
import { countImages } from "../../core/image_count.ts";
import { largest, smallest } from "../../core/min_max.ts";
import { listed } from "../../core/text.ts";
import type { Dataset, Split, SplitName } from "../dataset.ts";
import type { DataLoader } from "../loader.ts";
import { epochOrder } from "../sampler.ts";

/**
 * Maximum number of training images that pixels are measured on if they must be decoded for it, and of
 * test images that are decoded to find those that cannot be.
 */
const MOST = { train: 2000, test: 500 } as const;
/** Images read at a time. */
const CHUNK = 64;

/** Mean and standard deviation of pixel / 255, per channel. */
interface Measured {
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** Number of images measured. */
  readonly images: number;
}

/** Figures of a data set. */
export interface DatasetStatistics {
  /** Number of images by label. */
  readonly counts: { readonly train: readonly number[]; readonly test: readonly number[] };
  /** Training images of the largest class / those of the smallest; null if a class has none. */
  readonly imbalance: number | null;
  /** Pixels of the training images. */
  readonly measured: Measured;
  /** Warnings with their remedies, a line each. */
  readonly notes: readonly string[];
}

/**
 * Counts images by class and measures pixels: all of those in memory, 2,000 training images of those in
 * files. Of these, 500 test images are decoded too, for the warnings.
 *
 * @param progress called now and then with how far the decoding is
 * @param decode other numbers of images to decode
 * @throws {DataError} when an image cannot be read
 */
export async function datasetStatistics(
  loader: DataLoader,
  seed: number,
  progress?: (text: string) => void,
  decode: Readonly<Record<SplitName, number>> = MOST,
): Promise<DatasetStatistics> {
  const { data } = loader;
  const counts = {
    train: countsOf(data.train, data.classes),
    test: countsOf(data.test, data.classes),
  };
  const least = smallest(counts.train), most = largest(counts.train);
  const measured = await measure(loader, seed, decode, progress);
  return {
    counts,
    imbalance: least > 0 ? most / least : null,
    measured,
    notes: [...normalizationNotes(data, measured), ...balanceNotes(data, counts)],
  };
}

function countsOf({ labels }: Split, classes: number): number[] {
  const counts = Array<number>(classes).fill(0);
  for (const label of labels) counts[label]!++;
  return counts;
}

async function measure(
  loader: DataLoader,
  seed: number,
  decode: Readonly<Record<SplitName, number>>,
  progress?: (text: string) => void,
): Promise<Measured> {
  const { train, test, shape: [h, w, c] } = loader.data, { source } = train;
  if (source?.kind === "memory") {
    return { ...pixelStatistics(source.images, c), images: train.count };
  }
  const reads = [
    ...readsOf("train", epochOrder(train.count, seed, 0).slice(0, decode.train)),
    ...readsOf("test", epochOrder(test.count, seed, 0).slice(0, decode.test)),
  ];
  const total = reads.reduce((sum, { indices }) => sum + indices.length, 0);
  const count = countImages("decoding", total, progress), sums = newSums(c);
  let done = 0, images = 0;
  const read = async ({ split, indices }: typeof reads[0]) => {
    const batch = await loader.read(split, { indices, batch: indices.length });
    count(done += indices.length);
    if (split === "test") return;
    images += indices.length;
    addPixels(sums, batch.images.subarray(0, indices.length * h * w * c));
  };
  if (loader.ahead > 0) await Promise.all(reads.map(read));
  else for (const each of reads) await read(each);
  return { ...statisticsOf(sums), images };
}

/** Parts of the indices of a split. */
function readsOf(
  split: SplitName,
  indices: Uint32Array<ArrayBuffer>,
): { readonly split: SplitName; readonly indices: Uint32Array<ArrayBuffer> }[] {
  return Array.from({ length: Math.ceil(indices.length / CHUNK) }, (_, i) => {
    return { split, indices: indices.slice(i * CHUNK, (i + 1) * CHUNK) };
  });
}

/**
 * Normalized pixels should be of the order of 1 around 0. A rough 0.5 and 0.5 does for most images,
 * so only what is far off is reported: a mean beyond 1, or a deviation off by a factor of 3.
 */
function normalizationNotes(data: Dataset, { mean, std }: Measured): string[] {
  const off = mean.some((value, channel) => {
    const ratio = std[channel]! / data.std[channel]!;
    const constant = std[channel] === 0;
    return Math.abs(value - data.mean[channel]!) > data.std[channel]! ||
      (!constant && (ratio > 3 || ratio < 1 / 3));
  });
  const list = (values: readonly number[]) => `[${values.map((v) => v.toFixed(3)).join(", ")}]`;
  const notes = std.flatMap((value, channel) =>
    value === 0 ? [`every training pixel of channel ${channel} is the same`] : []
  );
  if (!off) return notes;
  const better = std.map((value) => value || 1);
  return [
    ...notes,
    `mean and std are far from those of the images; write data.mean: ${list(mean)} and ` +
    `data.std: ${list(better)}`,
  ];
}

function balanceNotes(data: Dataset, { train, test }: DatasetStatistics["counts"]): string[] {
  const names = (counts: readonly number[]) =>
    counts.flatMap((count, label) =>
      count === 0 ? [data.classNames?.[label] ?? String(label)] : []
    );
  const notes: string[] = [];
  const unmeasured = names(test); // Opening the data warns of missing training images.
  if (unmeasured.length > 0) {
    const noun = unmeasured.length === 1 ? "class" : "classes";
    notes.push(`no test image of ${noun} ${listed(unmeasured)}: never measured`);
  }
  const least = smallest(train), most = largest(train);
  if (least > 0 && most / least >= 10) {
    notes.push(
      `the largest class has ${Math.round(most / least)} times the images of the smallest: ` +
        `accuracy says little about the small ones; data.class_weights=balanced weighs all alike`,
    );
  }
  return notes;
}

/** Sums of pixels and of their squares per channel; exact, as 2^53 / 255² is more than anyone measures. */
interface Sums {
  readonly sum: Float64Array;
  readonly squares: Float64Array;
  pixels: number;
}

function newSums(channels: number): Sums {
  return { sum: new Float64Array(channels), squares: new Float64Array(channels), pixels: 0 };
}

function addPixels(sums: Sums, images: Uint8Array): void {
  const channels = sums.sum.length;
  for (let channel = 0; channel < channels; channel++) {
    let sum = 0, squares = 0;
    for (let at = channel; at < images.length; at += channels) {
      const value = images[at]!;
      sum += value;
      squares += value * value;
    }
    sums.sum[channel]! += sum;
    sums.squares[channel]! += squares;
  }
  sums.pixels += images.length / channels;
}

function statisticsOf({ sum, squares, pixels }: Sums): { mean: number[]; std: number[] } {
  const mean = Array.from(sum, (value) => value / pixels / 255);
  const std = Array.from(sum, (value, channel) => {
    const average = value / pixels;
    return Math.sqrt(Math.max(squares[channel]! / pixels - average * average, 0)) / 255;
  });
  return { mean, std };
}

/** Mean and standard deviation of pixel / 255 per channel. */
export function pixelStatistics(
  images: Uint8Array,
  channels: number,
): { mean: number[]; std: number[] } {
  const sums = newSums(channels);
  addPixels(sums, images);
  return statisticsOf(sums);
}
