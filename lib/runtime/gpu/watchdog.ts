/**
 * Ends the process when a GPU never answers. While Deno waits for a GPU, its thread runs nothing else:
 * no timer, no signal, and a wait cannot be given up. So a worker watches, and all that a worker can
 * do is to say why and kill the process, which then looks as after any other kill: `--resume` goes on.
 *
 * The worker counts its own looks, not time, so a process that was stopped, or a machine that slept, is
 * not taken for a GPU that hangs. It takes 40 ms to start, and 16 MB.
 *
 * @module
 */
import { environment } from "./device.ts";

/** Hears of what is submitted and waited for. */
export interface WatchdogListener {
  /** A submit begins; some drivers run what came before it meanwhile. */
  submits(): void;
  /** It is done. */
  submitted(): void;
  /** A wait for all that was submitted begins. */
  waits(): void;
  /** It is over. */
  answered(): void;
  /** Watches no more. */
  close(): void;
}

/** Seconds that an answer may take in any case, unless `QTRAIN_WATCHDOG` says otherwise. */
const LEAST = 60;
/** The first answer of a program may take so many times as long: drivers compile at a first use. */
const FIRST = 10;
/** A submit may take so many times as long as the slowest before it. */
const TIMES = 20;
/** Looks in the time that an answer may take in any case; once a second where that is long. */
const LOOKS = 4;
/** Days that fit 32 bits of milliseconds. */
const MAX_MS = 2 ** 31 - 1;

/** Seconds to be patient for: what the environment says, else 60; 0: for ever. */
export function timeoutSeconds(env: (name: string) => string | undefined = environment): number {
  const text = env("QTRAIN_WATCHDOG")?.trim(), seconds = Number(text || NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds : LEAST;
}

/** What the worker and this thread share: the number of a wait, and milliseconds that it may take. */
const TURN = 0, BOUND = 1;

/** Watches a GPU from a worker. */
export class Watchdog implements WatchdogListener {
  readonly #worker: Worker;
  readonly #shared = new Int32Array(new SharedArrayBuffer(8));
  readonly #least: number;
  readonly #now: () => number;
  /** Submits that nothing has answered yet, and when the first of them began. */
  #pending = 0;
  #began = 0;
  /** Submits and waits under way: waits for several things at once are one. */
  #open = 0;
  /** Milliseconds of a submit, at most; 0: none was answered yet. */
  #slowest = 0;

  private constructor(worker: Worker, least: number, now: () => number) {
    this.#worker = worker;
    this.#least = least;
    this.#now = now;
  }

  /**
   * Starts watching.
   *
   * @param seconds that an answer may take in any case
   * @param adapter in words
   * @returns `undefined` where a worker cannot be started: then nobody watches
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
      // One that cannot run its module watches nothing, and is no reason to stop.
      worker.addEventListener("error", (event) => event.preventDefault());
      const dog = new Watchdog(worker, seconds * 1000, now);
      const every = Math.min(1000, seconds * 1000 / LOOKS), erase = Deno.stderr.isTerminal();
      worker.postMessage({ words: dog.#shared, every, adapter, erase } satisfies Told);
      return dog;
    } catch {
      return undefined;
    }
  }

  submits(): void {
    if (this.#pending++ === 0) this.#began = this.#now();
    this.#open++;
    this.#begin();
  }

  submitted(): void {
    this.#end();
  }

  waits(): void {
    if (this.#open++ === 0) this.#begin();
  }

  answered(): void {
    this.#end();
    if (this.#open > 0 || this.#pending === 0) return;
    this.#slowest = Math.max(this.#slowest, (this.#now() - this.#began) / this.#pending, 1);
    this.#pending = 0;
  }

  #begin(): void {
    const bound = this.#slowest > 0
      ? Math.max(this.#least, TIMES * this.#slowest * Math.max(1, this.#pending))
      : FIRST * this.#least * Math.max(1, this.#pending);
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

/** What the worker is told. */
interface Told {
  readonly words: Int32Array<SharedArrayBuffer>;
  /** Milliseconds between two looks. */
  readonly every: number;
  readonly adapter: string;
  /** Whether there may be a live line on the terminal. */
  readonly erase: boolean;
}

/** What the worker runs: its text alone is sent, so nothing of this module can be used in it. */
function watch(): void {
  const scope = globalThis as unknown as { onmessage: (event: MessageEvent<Told>) => void };
  scope.onmessage = ({ data: { words, every, adapter, erase } }) => {
    let turn = 0, looks = 0;
    setInterval(() => {
      const now = Atomics.load(words, 0), bound = Atomics.load(words, 1);
      if (bound === 0 || now !== turn) {
        [turn, looks] = [now, 0];
        return;
      }
      if (++looks * every <= bound) return;
      const seconds = bound >= 10_000 ? Math.round(bound / 1000) : bound / 1000;
      console.error(
        `${
          erase ? "\r\x1b[2K" : ""
        }the GPU (${adapter}) has not answered for ${seconds} s: it hangs, ` +
          "and the process is killed, as nothing else ends such a wait. A run that has a checkpoint " +
          "goes on from it with --resume; update the driver, or use --device cpu, which needs no " +
          "GPU; QTRAIN_WATCHDOG=SECONDS is more patient (0: waits for ever)",
      );
      Deno.kill(Deno.pid, "SIGKILL");
    }, every);
  };
}
