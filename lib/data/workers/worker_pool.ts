/**
 * Workers that read and augment batches. When one dies or hangs, the reads that wait for it fail: none
 * waits for ever.
 *
 * @module
 */
import { DataError } from "../../core/errors.ts";
import type { AugmentPlan } from "../augment/augmenter.ts";
import type { Batch, BatchRequest } from "../batch.ts";
import type { Dataset, SplitName, SplitSource } from "../dataset.ts";
import type { FileWarnings } from "../file_warnings.ts";
import type { Answer, OpenMessage, ReadMessage } from "./worker.ts";

/** Where the images of both splits are. */
type SplitSources = OpenMessage["sources"];

/** How to start workers; `module` and `timeoutSeconds` are for tests. */
interface PoolOptions {
  /** Number of workers, 1 or more. */
  readonly workers: number;
  /** Takes the warnings about files; each worker may give the same. */
  readonly warn?: FileWarnings["add"] | undefined;
  /** Module of the worker. */
  readonly module?: URL;
  /** Seconds without progress after which a worker is considered hung. */
  readonly timeoutSeconds?: number;
}

/** A disk that wakes up, or a photo of 100 megapixels, takes seconds. */
const TIMEOUT_S = 60;

interface Waiting {
  readonly resolve: (batch: Batch) => void;
  readonly reject: (error: Error) => void;
}

interface Member {
  readonly worker: Worker;
  readonly progress: Int32Array;
  readonly waiting: Map<number, Waiting>;
  /** Images begun at the last check, and checks since that number changed. */
  begun: number;
  idleChecks: number;
  /** Why it is dead. */
  dead?: Error;
}

/** A worker has died or hangs: no image can be read any more. */
export class WorkerError extends DataError {
  /** @param what what it did */
  constructor(readonly what: string) {
    super(
      `data.workers: a worker that reads images ${what}; ` +
        `data.workers=0 reads them in the training thread`,
    );
  }
}

/** Workers with the same images. */
export class WorkerPool {
  readonly #members: Member[] = [];
  readonly #timeoutSeconds: number;
  readonly #clock: ReturnType<typeof setInterval>;
  readonly #sources: SplitSources;
  readonly #warn: FileWarnings["add"];
  #next = 0;

  private constructor(
    sources: SplitSources,
    { timeoutSeconds = TIMEOUT_S, warn = () => {} }: PoolOptions,
  ) {
    this.#sources = sources;
    this.#warn = warn;
    this.#timeoutSeconds = timeoutSeconds;
    // Checks are counted, not time: a check that is late because this thread is busy counts once.
    this.#clock = setInterval(() => this.#checkProgress(), 1000);
    Deno.unrefTimer(Number(this.#clock));
  }

  /**
   * Starts workers.
   *
   * @throws {Error} where one cannot be started: a bundle has no module for it, for example
   */
  static async start(
    sources: SplitSources,
    plan: AugmentPlan,
    options: PoolOptions,
  ): Promise<WorkerPool> {
    const pool = new WorkerPool(sources, options);
    try {
      // Named so that deno compile and bundlers see it.
      const module = options.module ?? new URL("./worker.ts", import.meta.url);
      for (let i = 0; i < options.workers; i++) {
        pool.#members.push(await pool.#start(module, sources, plan));
      }
      return pool;
    } catch (error) {
      pool.close();
      throw error;
    }
  }

  /** Number of workers. */
  get workers(): number {
    return this.#members.length;
  }

  /**
   * Reads a batch in the worker with the shortest queue.
   *
   * @throws {DataError} when an image cannot be read, or the worker has died or hangs
   */
  read(split: SplitName, request: BatchRequest): Promise<Batch> {
    const member = this.#members.reduce((a, b) => b.waiting.size < a.waiting.size ? b : a);
    if (member.dead) return Promise.reject(member.dead);
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      if (member.waiting.size === 0) member.idleChecks = 0;
      member.waiting.set(id, { resolve, reject });
      // A copy: a view would be sent with all of its buffer, the order of the whole epoch.
      const indices = request.indices.slice();
      member.worker.postMessage({ ...request, indices, id, split } satisfies ReadMessage);
    });
  }

  /** Ends the workers; reads that are pending never settle. */
  close(): void {
    clearInterval(this.#clock);
    for (const { worker } of this.#members) worker.terminate();
  }

  #start(module: URL, sources: SplitSources, plan: AugmentPlan): Promise<Member> {
    const worker = new Worker(module, { type: "module" });
    const progress = new Int32Array(new SharedArrayBuffer(12));
    const member: Member = { worker, progress, waiting: new Map(), begun: 0, idleChecks: 0 };
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        worker.terminate();
        reject(new Error(`no answer in ${TIMEOUT_S} s`));
      }, TIMEOUT_S * 1000);
      worker.onmessage = ({ data }: MessageEvent<Answer>) => {
        if (data !== "ready") {
          return "warning" in data ? this.#warn(...data.warning) : settle(member, data);
        }
        clearTimeout(late);
        resolve(member);
      };
      worker.onerror = (event) => {
        event.preventDefault();
        clearTimeout(late);
        worker.terminate();
        reject(new Error(event.message));
        this.#fail(member, `stopped: ${event.message}${this.#lastBegun(member)}`);
      };
      worker.postMessage({ sources, plan, progress } satisfies OpenMessage);
    });
  }

  /** The name of the image that was begun last, if any, for messages. */
  #lastBegun({ progress }: Member): string {
    if (Atomics.load(progress, 0) === 0) return "";
    const { train, test } = this.#sources, index = progress[1]!;
    const source = progress[2] ? test : train;
    const name = source.kind === "folder" ? source.paths[index]! : `image ${index}`;
    return `, the last one begun is ${name}`;
  }

  /** Once a second: a worker that has batches to read and begins no image for too long hangs. */
  #checkProgress(): void {
    for (const member of this.#members) {
      const begun = Atomics.load(member.progress, 0);
      const idle = begun === member.begun && member.waiting.size > 0;
      member.idleChecks = idle ? member.idleChecks + 1 : 0;
      member.begun = begun;
      if (member.idleChecks < this.#timeoutSeconds || member.dead) continue;
      member.worker.terminate();
      this.#fail(member, `gave no image for ${this.#timeoutSeconds} s${this.#lastBegun(member)}`);
    }
  }

  #fail(member: Member, what: string): void {
    member.dead = new WorkerError(what);
    for (const { reject } of member.waiting.values()) reject(member.dead);
    member.waiting.clear();
  }
}

function settle(member: Member, answer: Extract<Answer, { readonly id: number }>): void {
  const waiting = member.waiting.get(answer.id);
  member.waiting.delete(answer.id);
  if ("batch" in answer) return waiting?.resolve(answer.batch);
  waiting?.reject(answer.ours ? new DataError(answer.message) : new Error(answer.message));
}

/** The sources of a data set, in memory that threads share; `undefined` if it has none. */
export function shareSources({ train, test }: Dataset): SplitSources | undefined {
  return train.source && test.source
    ? { train: shared(train.source), test: shared(test.source) }
    : undefined;
}

/** Sending would copy images in memory to every worker; this copies them once. */
function shared(source: SplitSource): SplitSource {
  if (source.kind !== "memory" || source.images.buffer instanceof SharedArrayBuffer) return source;
  const images = new Uint8Array(new SharedArrayBuffer(source.images.length));
  images.set(source.images);
  return { ...source, images };
}
