/**
 * Answers to test images: by the run, by qtrain's interpreter of a file, by other runtimes; and how two
 * compare.
 *
 * @module
 */
import { largest } from "../../lib/core/min_max.ts";
import { DataLoader } from "../../lib/data/loader.ts";
import type { Interpreter } from "../../lib/export/model_file.ts";
import { loadRun } from "../../lib/train/checkpoint/load.ts";
import { sampleTestImages } from "../../lib/train/export/test_images.ts";
import { openNetwork } from "../../lib/train/open_network.ts";
import { openTestData } from "../../lib/train/test_data.ts";

/** Images that an interpreter gets at once. */
const BATCH = 16;

/** Test images with what the run answers. */
export interface TestImages {
  readonly shape: readonly [h: number, w: number, c: number];
  readonly classes: number;
  readonly count: number;
  /** uint8 [count, h, w, c]. */
  readonly images: Uint8Array<ArrayBuffer>;
  readonly labels: Uint32Array;
  /** Scores of the run, [count, classes]. */
  readonly scores: Float32Array;
}

/** Reads test images of a run, and answers them in the run's arithmetic. */
export async function answerByRun(path: string, wanted: number): Promise<TestImages> {
  const run = await loadRun(path, {}), { data } = await openTestData(path, run, {});
  const loader = await DataLoader.open(data, { workers: run.recipe.data.workers });
  const network = await openNetwork(run, data, { device: "cpu" });
  const { shape, classes } = data, count = Math.min(wanted, data.test.count);
  const size = shape[0] * shape[1] * shape[2];
  const images = new Uint8Array(count * size), labels = new Uint32Array(count);
  const scores = new Float32Array(count * classes);
  try {
    let first = 0;
    for await (const batch of sampleTestImages(loader, count, network.program.batch)) {
      images.set(batch.images.subarray(0, batch.samples * size), first * size);
      labels.set(batch.labels.subarray(0, batch.samples), first);
      for (const own of await network.logits(batch)) scores.set(own, first++ * classes);
    }
  } finally {
    loader.close();
    network.executor.close();
  }
  return { shape, classes, count, images, labels, scores };
}

/** Answers images by qtrain's interpreter of a file. @returns scores, [count, classes] */
export function answerByFile(
  file: Interpreter,
  { images, count, classes, shape: [h, w, c] }: TestImages,
): Float32Array {
  const scores = new Float32Array(count * classes), size = h * w * c;
  for (let first = 0; first < count; first += BATCH) {
    const n = Math.min(BATCH, count - first);
    let last = new Float32Array(0);
    file.run(images.subarray(first * size, (first + n) * size), n, ({ values }) => {
      last = Float32Array.from(values);
    });
    scores.set(last, first * classes);
  }
  return scores;
}

/** The class with the highest score of each image, of equals the first. */
export function likeliest(scores: Float32Array, classes: number): Uint32Array {
  return Uint32Array.from({ length: scores.length / classes }, (_, n) => {
    const own = scores.subarray(n * classes, (n + 1) * classes);
    return own.indexOf(largest(own));
  });
}

/** Share of the answers that are right. */
export function accuracyOf(answers: Uint32Array, { labels }: TestImages): number {
  return countWhere(answers, (answer, n) => answer === labels[n]) / answers.length;
}

/** Number of images that two answer in another way. */
export function differing(a: Uint32Array, b: Uint32Array): number {
  return countWhere(a, (answer, n) => answer !== b[n]);
}

/** How scores differ from others, in codes: 1/255 of the range of the others. */
export interface CodeDifference {
  /** Number of scores. */
  readonly scores: number;
  /** Number that differ by half a code or more. */
  readonly off: number;
  /** Largest difference, in codes. */
  readonly largest: number;
}

/** Compares scores with those of a reference. */
export function codeDifference(scores: Float32Array, reference: Float32Array): CodeDifference {
  const code = (largest(reference) + largest(reference.map((v) => -v))) / 255;
  const codes = scores.map((score, i) => Math.abs(score - reference[i]!) / code);
  return {
    scores: scores.length,
    off: countWhere(codes, (d) => !(d < 0.5)),
    largest: largest(codes),
  };
}

function countWhere(
  list: Uint32Array | Float32Array,
  test: (value: number, at: number) => boolean,
): number {
  let count = 0;
  list.forEach((value, at) => count += Number(test(value, at)));
  return count;
}
