/**
 * The process of a peer. It prepares once and prints a line of JSON; then, for each line `round N` of
 * its input, it runs N training steps, waits for the device, and prints another line. Between rounds
 * it is idle.
 *
 *     {"version": "…", "device": "…", "threads": 2, "losses": [2.3, 2.1], "ms": 95.5}    or {"problem": "…"}
 *     {"ms": 812.5, "loss": 1.9}
 *
 * `pytorch.py` and `pytorch_layers.py` use the same protocol.
 *
 * @module
 */
import { TextLineStream } from "./lines.ts";
import { isSoftware, requestAdapter } from "../../lib/runtime/gpu/device.ts";

/**
 * Steps before the first round, for compilation and tuning, and the milliseconds of a step from which on
 * one is enough.
 */
const WARM_UP = 2, SLOW_MS = 10_000;

/** A training by some framework. */
export interface Trainer {
  /** Version of the package. */
  readonly version: string;
  /** What computes. */
  readonly device: string;
  /** Threads that compute; `null` on a hardware GPU. */
  readonly threads: number | null;
  /** Submits or runs a step. */
  step(): void | Promise<void>;
  /** Waits for all steps. @returns the loss of the last one */
  loss(): Promise<number>;
}

/** Serves rounds until the input ends, and exits. An error is an answer. */
export async function serve(prepare: () => Promise<Trainer>): Promise<never> {
  console.log = console.info = console.error; // Packages print greetings; stdout is for the protocol.
  try {
    const trainer = await prepare(), first = [];
    do first.push(await round(trainer, 1)); while (
      first.length < WARM_UP && first[0]!.ms < SLOW_MS
    );
    const { version, device, threads } = trainer, losses = first.map(({ loss }) => loss);
    answer({ version, device, threads, losses, ms: first.at(-1)!.ms });
    const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream())
      .pipeThrough(new TextLineStream());
    for await (const line of lines) {
      answer(await round(trainer, Number(/^round (\d+)$/.exec(line)![1])));
    }
  } catch (error) {
    console.error(error);
    answer({ problem: error instanceof Error ? error.message : String(error) });
  }
  Deno.exit(); // Workers of a package would keep the process alive.
}

/**
 * Returns the name of the GPU adapter and, if it is software, the threads it computes with.
 *
 * @param threads what `LP_NUM_THREADS` is set to
 */
export async function gpuDevice(threads: number): Promise<Pick<Trainer, "device" | "threads">> {
  const adapter = await requestAdapter();
  if (!adapter) throw new Error("no GPU adapter with a native driver. Run deno task adapter");
  const { info } = adapter;
  return { device: info.description, threads: isSoftware(info) ? threads : null };
}

async function round(trainer: Trainer, steps: number) {
  const began = performance.now();
  for (let i = 0; i < steps; i++) await trainer.step();
  const loss = await trainer.loss();
  return { ms: performance.now() - began, loss };
}

function answer(line: unknown): void {
  Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(line) + "\n"));
}
