/**
 * A worker that reads and augments batches. `worker_pool.ts` starts it and sends it messages.
 *
 * @module
 */
import { QtrainError } from "../../core/errors.ts";
import { Augmenter, type AugmentPlan } from "../augment/augmenter.ts";
import type { Split, SplitName, SplitSource } from "../dataset.ts";
import { openSplit } from "../open_split.ts";
import type { FileWarnings } from "../file_warnings.ts";
import { type Batch, type BatchRequest, readBatch } from "../batch.ts";

/** The first message to a worker. */
export interface OpenMessage {
  readonly sources: Readonly<Record<SplitName, SplitSource>>;
  readonly plan: AugmentPlan;
  /** Shared: number of images begun; index of the last one; 1 if that is a test image. */
  readonly progress: Int32Array;
}

/** Every other message to a worker. */
export interface ReadMessage extends BatchRequest {
  readonly id: number;
  readonly split: SplitName;
}

/** A message from a worker, which begins with `"ready"`. */
export type Answer =
  | "ready"
  | { readonly warning: Parameters<FileWarnings["add"]> }
  | { readonly id: number; readonly batch: Batch }
  | {
    readonly id: number;
    /** The error; `ours`: it is an error of qtrain, without a stack trace. */
    readonly message: string;
    readonly ours: boolean;
  };

/** The part of the global scope of a worker that is used here; the compiler knows that of a page. */
interface Scope {
  onmessage: (event: MessageEvent<OpenMessage | ReadMessage>) => void;
  postMessage(answer: Answer, transfer?: ArrayBuffer[]): void;
}

/** Answers requests in their order. */
function serve(scope: Scope): void {
  let opened: OpenMessage, splits: Record<SplitName, Split>, augmenter: Augmenter;
  let before = Promise.resolve();
  scope.onmessage = ({ data }) => {
    if ("sources" in data) {
      opened = data;
      const { train, test } = data.sources;
      const warn: FileWarnings["add"] = (...warning) => scope.postMessage({ warning });
      splits = { train: openSplit(train, warn), test: openSplit(test, warn) };
      augmenter = new Augmenter(data.plan);
      return scope.postMessage("ready");
    }
    before = before.then(async () => {
      const began = (index: number) => {
        Atomics.store(opened.progress, 1, index);
        Atomics.store(opened.progress, 2, data.split === "test" ? 1 : 0);
        Atomics.add(opened.progress, 0, 1);
      };
      try {
        const batch = await readBatch(
          splits[data.split],
          opened.plan.shape,
          data,
          augmenter,
          began,
        );
        Atomics.add(opened.progress, 0, 1);
        const arrays = [batch.images, batch.labels, batch.others, batch.weights];
        scope.postMessage(
          { id: data.id, batch },
          arrays.flatMap((array) => array ? [array.buffer] : []),
        );
      } catch (error) {
        const ours = error instanceof QtrainError;
        const { message, stack } = error instanceof Error ? error : new Error(String(error));
        scope.postMessage({ id: data.id, message: ours ? message : stack ?? message, ours });
      }
    });
  };
}

// The pool imports types from here, in a thread that is no worker.
if ("WorkerGlobalScope" in globalThis) serve(globalThis as unknown as Scope);
