/**
 * A peer of the comparison as a process of its own, from within. It prepares once and says so in a
 * line of JSON; then each line `round N` on its input runs N training steps, waits until the device
 * is done, and answers with another line. Between rounds it is idle.
 *
 *     {"version": "…", "adapter": "…", "losses": [2.3, 2.1]}    or {"problem": "…"}
 *     {"ms": 812.5, "loss": 1.9}
 *
 * `pytorch.py` speaks the same.
 *
 * @module
 */
import { TextLineStream } from "./lines.ts";
import { requestAdapter } from "../../lib/runtime/gpu/device.ts";

/** Steps before the first round: what is compiled or measured once is so in them. */
const WARM_UP = 2;

/** A training on some device. */
export interface Trainer {
  /** Of the package. */
  readonly version: string;
  /** Submits one step, or runs it. */
  step(): void | Promise<void>;
  /** Waits for all steps; the loss of the last one. */
  loss(): Promise<number>;
}

/** Serves rounds until the input ends. Never rejects: a problem is an answer, too. */
export async function serve(prepare: () => Promise<Trainer>): Promise<void> {
  console.log = console.info = console.error; // Packages greet there; the output is ours.
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
