/**
 * Test images to measure an exported file with: all of them, or some spread evenly over them, as
 * folders come class by class.
 *
 * @module
 */
import { DataError } from "../../core/errors.ts";
import type { Batch } from "../../data/batch.ts";
import { DataLoader } from "../../data/loader.ts";
import type { TrainedRun } from "../checkpoint/load.ts";
import { openTestData } from "../test_data.ts";

/** The test images of a run, and how many of them to check a file with. */
export interface TestImages {
  readonly loader: DataLoader;
  readonly count: number;
}

/**
 * Opens the test images of a run.
 *
 * @param options `check`: how many to use, by default all; `needed`: the file cannot be written without
 * @returns `undefined` where none are wanted; else the caller closes the loader
 * @throws DataError when they are missing, with how to do without them
 */
export async function openTestImages(
  path: string,
  run: TrainedRun,
  { check = Infinity, needed, ...messages }: {
    readonly check?: number;
    readonly needed: boolean;
    readonly warn?: (text: string) => void;
    readonly progress?: (text: string) => void;
  },
): Promise<TestImages | undefined> {
  if (check === 0 && !needed) return undefined;
  try {
    const { data } = await openTestData(path, run, messages);
    const loader = await DataLoader.open(data, { workers: run.recipe.data.workers, ...messages });
    return { loader, count: Math.min(check, data.test.count) };
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    const why = needed
      ? "A file in TFLite holds scores in int8, whose range comes from the test images: data.root=PATH " +
        "tells where they are now; an .onnx does without them, with --check 0"
      : "An export checks its file with the test images: data.root=PATH tells where they are now, and " +
        "--check 0 writes the file unchecked";
    throw new DataError(`${error.message}. ${why}`);
  }
}

/** Reads `count` of the test images in batches. */
export async function* sampleTestImages(
  loader: DataLoader,
  count: number,
  batch: number,
  signal?: AbortSignal,
): AsyncGenerator<Batch> {
  const { count: all } = loader.data.test;
  const read = (first: number) => {
    const length = Math.min(batch, count - first);
    const indices = Uint32Array.from(
      { length },
      (_, i) => Math.floor((first + i) * all / count),
    );
    const reading = loader.read("test", { indices, batch });
    reading.catch(() => {}); // Avoids an unhandled rejection; who awaits the batch gets the error.
    return reading;
  };
  let next = read(0);
  for (let first = 0; first < count; first += batch) {
    const current = await next;
    signal?.throwIfAborted();
    if (first + batch < count) next = read(first + batch); // Read while this one is computed.
    yield current;
  }
}
