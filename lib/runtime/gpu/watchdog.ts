/**
 * Kills the process when a GPU hangs. While Deno waits for a GPU, its thread runs nothing else: no timer,
 * no signal handler, and a wait cannot be cancelled. So a worker watches; it can only print the reason
 * and kill the process. The run can then be continued with `--resume`, as after any other kill.
 *
 * The worker counts its own checks, not time, so a stopped process or a machine that slept is not mistaken
 * for a GPU that hangs. It takes 40 ms to start, and 16 MB.
 *
 * @module
 */
import { environment } from "./device.ts";

/** Called around submits and waits. */
export interface WatchdogListener {
  /** A submit begins; some drivers run earlier submits meanwhile. */
  beginSubmit(): void;
  /** The submit has returned. */
  endSubmit(): void;
  /** A wait for all submits begins. */
  beginWait(): void;
  /** The wait has ended. */
  endWait(): void;
  /** Stops watching. */
  close(): void;
}

/** Minimum timeout of an answer in seconds, unless `QTRAIN_WATCHDOG` sets another. */
const MIN_SECONDS = 60;
/** Factor of the timeout for a program's first answer: drivers compile at the first use. */
const FIRST_FACTOR = 10;
/** Factor of the timeout over the slowest answer so far. */
const SLOWEST_FACTOR = 20;
/** Checks within the minimum timeout; with a long timeout the worker checks once a second. */
const CHECKS = 4;
/** Maximum timeout: milliseconds that fit an i32, 24 days. */
const MAX_MS = 2 ** 31 - 1;

/** Returns the minimum timeout in seconds: `QTRAIN_WATCHDOG`, or 60; 0 disables the watchdog. */
export function timeoutSeconds(env: (name: string) => string | undefined = environment): number {
  const text = env("QTRAIN_WATCHDOG")?.trim(), seconds = Number(text || NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds : MIN_SECONDS;
}

/** Words shared with the worker: the number of the present wait, and its timeout in milliseconds (0: none). */
const TURN = 0, BOUND = 1;

/** Watches a GPU from a worker. */
export class Watchdog implements WatchdogListener {
  readonly #worker: Worker;
  readonly #shared = new Int32Array(new SharedArrayBuffer(8));
  readonly #least: number;
  readonly #now: () => number;
  /** Submits without an answer yet, and the time when the first of them began. */
  #pending = 0;
  #began = 0;
  /** Submits and waits in progress; simultaneous waits count as one. */
  #open = 0;
  /** Milliseconds of the slowest submit; 0: none was answered yet. */
  #slowest = 0;

  private constructor(worker: Worker, least: number, now: () => number) {
    this.#worker = worker;
    this.#least = least;
    this.#now = now;
  }

  /**
   * Starts watching.
   *
   * @param seconds minimum timeout of an answer
   * @param adapter its name, for the message
   * @returns `undefined` if a worker cannot be started: there is no watchdog then
   */
  static start(
    seconds: number,
    adapter: string,
    now: () => number = () => performance.now(),
  ): Watchdog | undefined {
    // A data URL needs no permission, and no file in a bundle.
    const text = `(${watch})()`;
    try {
      const worker = new Worker(`data:text/javascript,${encodeURIComponent(text)}`, {
        type: "module",
      });
      // A worker that fails to load does not watch; that must not stop the training.
      worker.addEventListener("error", (event) => event.preventDefault());
      const dog = new Watchdog(worker, seconds * 1000, now);
      const every = Math.min(1000, seconds * 1000 / CHECKS), erase = Deno.stderr.isTerminal();
      worker.postMessage({ words: dog.#shared, every, adapter, erase } satisfies WorkerOptions);
      return dog;
    } catch {
      return undefined;
    }
  }

  beginSubmit(): void {
    if (this.#pending++ === 0) this.#began = this.#now();
    this.#open++;
    this.#begin();
  }

  endSubmit(): void {
    this.#end();
  }

  beginWait(): void {
    if (this.#open++ === 0) this.#begin();
  }

  endWait(): void {
    this.#end();
    if (this.#open > 0 || this.#pending === 0) return;
    this.#slowest = Math.max(this.#slowest, (this.#now() - this.#began) / this.#pending, 1);
    this.#pending = 0;
  }

  #begin(): void {
    const bound = this.#slowest > 0
      ? Math.max(this.#least, SLOWEST_FACTOR * this.#slowest * Math.max(1, this.#pending))
      : FIRST_FACTOR * this.#least * Math.max(1, this.#pending);
    Atomics.add(this.#shared, TURN, 1);
    Atomics.store(this.#shared, BOUND, Math.min(MAX_MS, Math.ceil(bound)));
  }

  #end(): void {
    if (--this.#open === 0) Atomics.store(this.#shared, BOUND, 0);
  }

  close(): void {
    this.#worker.terminate();
  }
}

/** Message that starts the worker. */
interface WorkerOptions {
  readonly words: Int32Array<SharedArrayBuffer>;
  /** Milliseconds between two checks. */
  readonly every: number;
  readonly adapter: string;
  /** Whether to erase a progress line on the terminal first. */
  readonly erase: boolean;
}

/** The worker's code. Only its text is sent, so it cannot use anything of this module. */
function watch(): void {
  const scope = globalThis as unknown as {
    onmessage: (event: MessageEvent<WorkerOptions>) => void;
  };
  scope.onmessage = ({ data: { words, every, adapter, erase } }) => {
    let turn = 0, checks = 0;
    setInterval(() => {
      const now = Atomics.load(words, 0), bound = Atomics.load(words, 1);
      if (bound === 0 || now !== turn) {
        [turn, checks] = [now, 0];
        return;
      }
      if (++checks * every <= bound) return;
      const seconds = bound >= 10_000 ? Math.round(bound / 1000) : bound / 1000;
      const line = (erase ? "\r\x1b[2K" : "") +
        `the GPU (${adapter}) has not answered for ${seconds} s: it hangs, ` +
        "and the process is killed, as nothing else ends such a wait. A run that has a checkpoint " +
        "goes on from it with --resume; update the driver, or use --device cpu, which needs no " +
        "GPU; QTRAIN_WATCHDOG=SECONDS is more patient (0: waits for ever)";
      try {
        console.error(line);
      } catch {
        // stderr is on a full disk: no reason to wait for ever.
      }
      Deno.kill(Deno.pid, "SIGKILL");
    }, every);
  };
}
