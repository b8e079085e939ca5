/**
 * Batches of a data set, read and augmented in workers or in the calling thread. Who reads, and how
 * many, changes no byte.
 *
 * @module
 */
import type { AugmentSpec } from "../recipe/types.ts";
import { Augmenter, type AugmentPlan } from "./augment/augmenter.ts";
import type { Dataset, SplitName } from "./dataset.ts";
import { type BatchRequest, readBatch } from "./workers/read_batch.ts";
import type { Batch } from "./batch.ts";
import { shareSources, WorkerPool } from "./workers/worker_pool.ts";

/** How batches are made. */
export interface LoaderOptions {
  /** The recipe's list; none by default. */
  readonly augment?: readonly AugmentSpec[];
  /** The run's seed. */
  readonly seed?: number;
  /** As in a recipe; 0 by default. */
  readonly workers?: "auto" | number;
  /** Hears of workers that cannot be started, and of what they warn of. */
  readonly warn?: (text: string) => void;
}

/** More decode faster than any of today's GPUs train. */
const MAX_WORKERS = 8;

/** Reads batches of one data set. */
export class Loader {
  readonly #plan: AugmentPlan;
  readonly #augmenter: Augmenter;
  #pool: WorkerPool | undefined;

  /** Reads in the calling thread. */
  constructor(readonly data: Dataset, { augment = [], seed = 1 }: LoaderOptions = {}) {
    this.#plan = { augment, seed, shape: data.shape, mean: data.mean };
    this.#augmenter = new Augmenter(this.#plan);
  }

  /** Reads as `options.workers` says; where workers cannot be started, in the calling thread. */
  static async open(data: Dataset, options: LoaderOptions): Promise<Loader> {
    const loader = new Loader(data, options);
    const workers = workersFor(data, options);
    const sources = workers > 0 ? shareSources(data) : undefined;
    if (!sources) return loader;
    try {
      loader.#pool = await WorkerPool.start(sources, loader.#plan, {
        workers,
        ...(options.warn ? { warn: options.warn } : {}),
      });
    } catch (error) {
      options.warn?.(
        `data.workers: workers cannot be started here (${(error as Error).message}); ` +
          `images are read in the training thread`,
      );
    }
    return loader;
  }

  /** Batches that are worth asking for ahead of time, beside the one that is needed now. */
  get ahead(): number {
    // Two for each worker: it begins the next one while nobody hears of the last.
    return 2 * (this.#pool?.workers ?? 0);
  }

  /** Reads a batch. @throws {DataError} when it cannot be read */
  read(split: SplitName, request: BatchRequest): Promise<Batch> {
    return this.#pool
      ? this.#pool.read(split, request)
      : readBatch(this.data[split], this.data.shape, request, this.#augmenter);
  }

  /** Ends the workers. */
  close(): void {
    this.#pool?.close();
  }
}

/** Workers that a loader starts. */
export function workersFor(
  { train }: Pick<Dataset, "train">,
  { workers = 0, augment = [] }: LoaderOptions,
  processors: number = navigator.hardwareConcurrency,
): number {
  if (workers !== "auto") return workers;
  // Images in memory cost a copy: only what touches every pixel with arithmetic is worth a thread
  // (64×64×3, one core: flip 3 µs, crop 9, mixup 40; resized_crop 160, jitter 400).
  const light = augment.every((a) => !("resized_crop" in a || "jitter" in a));
  if (train.source?.kind === "memory" && light) return 0;
  return Math.min(MAX_WORKERS, Math.max(1, processors - 1));
}
