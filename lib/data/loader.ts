/**
 * Batches of a data set in the order of steps: read and augmented in workers or in the calling thread,
 * the next ones ahead of time. How many threads read changes no byte.
 *
 * @module
 */
import type { AugmentSpec } from "../recipe/augment.ts";
import { Augmenter, type AugmentPlan } from "./augment/augmenter.ts";
import { augmentationOf } from "./augment/mod.ts";
import { type Batch, type BatchRequest, type BatchShare, readBatch } from "./batch.ts";
import type { Dataset, SplitName } from "./dataset.ts";
import { RandomSampler, sequentialBatches } from "./sampler.ts";
import { shareSources, WorkerPool } from "./workers/worker_pool.ts";

/** How batches are made. */
interface DataLoaderOptions {
  /** Images of a training batch; without it, there are no training batches. */
  readonly batch?: number;
  /** Augmentations of training images, as in a recipe; none by default. */
  readonly augment?: readonly AugmentSpec[];
  /** The run's seed, 1 by default. */
  readonly seed?: number;
  /** Threads that read, as in a recipe; 0 by default. */
  readonly workers?: "auto" | number;
  /** The share of each training batch whose images are read; all by default. */
  readonly share?: BatchShare | undefined;
  /** Ranks that share the processors of this one; 1 by default. */
  readonly onCores?: number;
  /** Called where workers cannot be started. */
  readonly warn?: (text: string) => void;
}

/** More decode faster than any of today's GPUs train. */
const MAX_WORKERS = 8;

/** One rank alone. */
const NO_SHARE = { rank: 0, size: 1 } as const;

/** Reads the batches of one data set. */
export class DataLoader {
  readonly #plan: AugmentPlan;
  readonly #augmenter: Augmenter;
  readonly #sampler: RandomSampler | undefined;
  /** Training batches that were asked for ahead of time, by step. */
  readonly #prefetched = new Map<number, Promise<Batch>>();
  /** The step after the last one that was prefetched. */
  #next = 0;
  #pool: WorkerPool | undefined;
  readonly #share: BatchShare | undefined;

  /**
   * A loader that reads in the calling thread.
   *
   * @throws {DataError} when the training images do not fill one batch
   */
  constructor(
    readonly data: Dataset,
    { augment = [], seed = 1, batch, share }: DataLoaderOptions = {},
  ) {
    this.#share = share;
    this.#plan = { augment, seed, shape: data.shape, mean: data.mean };
    this.#augmenter = new Augmenter(this.#plan);
    this.#sampler = batch === undefined
      ? undefined
      : new RandomSampler(data.train.count, batch, seed);
  }

  /**
   * A loader that reads in workers as `options.workers` says, or in the calling thread if workers
   * cannot be started.
   *
   * @throws {DataError} when the training images do not fill one batch
   */
  static async open(data: Dataset, options: DataLoaderOptions): Promise<DataLoader> {
    const loader = new DataLoader(data, options);
    const workers = workersFor(data, options);
    const sources = workers > 0 ? shareSources(data) : undefined;
    if (!sources) return loader;
    try {
      loader.#pool = await WorkerPool.start(sources, loader.#plan, {
        workers,
        warn: data.fileWarnings?.add,
      });
    } catch (error) {
      options.warn?.(
        `data.workers: workers cannot be started here (${(error as Error).message}); ` +
          `images are read in the training thread`,
      );
    }
    return loader;
  }

  /** The order of training batches. */
  get sampler(): RandomSampler {
    if (!this.#sampler) throw new RangeError("a data loader without a batch size has no sampler");
    return this.#sampler;
  }

  /** Batches worth asking for ahead of time, beside the one that is needed now. */
  get ahead(): number {
    // Two per worker: it begins the next one while the last one is on its way.
    return 2 * (this.#pool?.workers ?? 0);
  }

  /**
   * The training batch of a step, augmented for its epoch; of several ranks, this one's share.
   *
   * @param step counts from 0 over all epochs
   * @param end where given, batches of later steps are prefetched, up to this step
   * @throws {DataError} when an image cannot be read
   */
  async trainBatch(step: number, end = 0): Promise<Batch> {
    const last = Math.min(step + this.ahead, end - 1);
    for (let next = Math.max(step, this.#next); next <= last; next++) {
      const batch = this.#readStep(next, this.#share);
      // Avoids an unhandled rejection; who awaits the batch still gets the error.
      batch.catch(() => {});
      this.#prefetched.set(next, batch);
      this.#next = next + 1;
    }
    const batch = this.#prefetched.get(step);
    this.#prefetched.delete(step);
    return await (batch ?? this.#readStep(step, this.#share));
  }

  /** The training batch of a step as {@linkcode trainBatch}, whole on every rank. */
  wholeBatch(step: number): Promise<Batch> {
    return this.#readStep(step, undefined);
  }

  /**
   * The images of a split in their own order, not augmented; the last batch is padded.
   *
   * @param batch images of a batch
   * @param share of several ranks, whose batches: every `size`-th from `rank` on
   * @throws {DataError} when an image cannot be read
   */
  async *batches(
    split: SplitName,
    batch: number,
    { rank, size }: Pick<BatchShare, "rank" | "size"> = NO_SHARE,
  ): AsyncGenerator<Batch> {
    const reads: Promise<Batch>[] = [];
    const all = sequentialBatches(this.data[split].count, batch);
    for (const indices of all.filter((_, at) => at % size === rank)) {
      const read = this.read(split, { indices, batch });
      read.catch(() => {}); // As above.
      reads.push(read);
      if (reads.length > this.ahead) yield await reads.shift()!;
    }
    for (const read of reads) yield await read;
  }

  /** Reads any batch. @throws {DataError} when an image cannot be read */
  read(split: SplitName, request: BatchRequest): Promise<Batch> {
    return this.#pool
      ? this.#pool.read(split, request)
      : readBatch(this.data[split], this.data.shape, request, this.#augmenter);
  }

  /** Ends the workers, and counts the files that no warning has named. */
  close(): void {
    this.#pool?.close();
    this.data.fileWarnings?.summarize();
  }

  #readStep(step: number, share: BatchShare | undefined): Promise<Batch> {
    const { sampler } = this, { batch } = sampler;
    return this.read("train", {
      indices: sampler.indices(step),
      batch,
      epoch: sampler.epochOf(step),
      ...(share ? { share } : {}),
    });
  }
}

/** Number of workers that a loader starts. */
export function workersFor(
  { train }: Pick<Dataset, "train">,
  { workers = 0, augment = [], onCores = 1 }: DataLoaderOptions,
  processors: number = navigator.hardwareConcurrency,
): number {
  if (workers !== "auto") return workers;
  // Images in memory cost a copy: only what touches every pixel with arithmetic is worth a thread
  // (64×64×3, one core: flip 3 µs, crop 9, mixup 40; resized_crop 160, color_jitter 400).
  const light = augment.every((spec) => {
    const { augmentation } = augmentationOf(spec);
    return !("image" in augmentation && augmentation.slow);
  });
  if (train.source?.kind === "memory" && light) return 0;
  return Math.min(MAX_WORKERS, Math.max(1, Math.floor(processors / onCores) - 1));
}
