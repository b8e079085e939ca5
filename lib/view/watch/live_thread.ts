/**
 * A live view beside a training.
 *
 * @module
 */
import { UsageError } from "../../core/errors.ts";
import type { FromWorker, ToWorker } from "./worker.ts";

/** Milliseconds that pages get to take the last update when a run ends. */
const FAREWELL_MS = 6000;

/** A live view in a thread of its own. */
export class LiveThread {
  readonly #worker: Worker;
  /** Where to look. */
  readonly url: string;

  private constructor(worker: Worker, url: string) {
    this.#worker = worker;
    this.url = url;
  }

  /**
   * Starts to serve.
   *
   * @param path the run's folder
   * @param port the port, or 6174 and if that is taken, a free one
   * @throws {UsageError} when the port is taken or not allowed
   */
  static async start(path: string, port?: number): Promise<LiveThread> {
    // Named so that deno compile and bundlers see it.
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
    try {
      const answer = await ask(worker, { path, port });
      if ("url" in answer) return new LiveThread(worker, answer.url);
      throw new UsageError("message" in answer ? answer.message : "the live view has ended");
    } catch (error) {
      worker.terminate();
      throw error;
    }
  }

  /** Gives the pages a last update, and ends. @param farewell what they say from then on */
  async close(farewell: string): Promise<void> {
    let late: ReturnType<typeof setTimeout> | undefined;
    const waited = new Promise<void>((resolve) => late = setTimeout(resolve, FAREWELL_MS));
    await Promise.race([ask(this.#worker, { farewell }).catch(() => {}), waited]);
    clearTimeout(late);
    this.#worker.terminate();
  }
}

/** Sends a message and waits for the answer. */
function ask(worker: Worker, message: ToWorker): Promise<FromWorker> {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => resolve(data);
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(event.message));
    };
    worker.postMessage(message);
  });
}
