/**
 * The process of a peer. It prepares once and prints a line of JSON; then, for each line `round N` of
 * its input, it runs N training steps, waits for the device, and prints another line. Between rounds
 * it is idle.
 *
 *     {"version": "…", "adapter": "…", "losses": [2.3, 2.1]}    or {"problem": "…"}
 *     {"ms": 812.5, "loss": 1.9}
 *
 * `pytorch.py` uses the same protocol.
 *
 * @module
 */
import { TextLineStream } from "./lines.ts";
import { requestAdapter } from "../../lib/runtime/gpu/device.ts";

/** Steps before the first round, for compilation and tuning. */
const WARM_UP = 2;

/** A training by some framework. */
export interface Trainer {
  /** Version of the package. */
  readonly version: string;
  /** Submits or runs a step. */
  step(): void | Promise<void>;
  /** Waits for all steps. @returns the loss of the last one */
  loss(): Promise<number>;
}

/** Serves rounds until the input ends. Never rejects: an error is an answer. */
export async function serve(prepare: () => Promise<Trainer>): Promise<void> {
  console.log = console.info = console.error; // Packages print greetings; stdout is for the protocol.
  try {
    const adapter = await requestAdapter();
    if (!adapter) throw new Error("no GPU adapter with a native driver");
    const trainer = await prepare(), losses: number[] = [];
    for (let i = 0; i < WARM_UP; i++) losses.push((await round(trainer, 1)).loss);
    answer({ version: trainer.version, adapter: adapter.info.description, losses });
    const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream())
      .pipeThrough(new TextLineStream());
    for await (const line of lines) {
      answer(await round(trainer, Number(/^round (\d+)$/.exec(line)![1])));
    }
  } catch (error) {
    console.error(error);
    answer({ problem: error instanceof Error ? error.message : String(error) });
  }
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
