/**
 * Runs that are killed at random moments and resumed, held against one that was left alone.
 *
 * @module
 */
import assert from "node:assert/strict";
import { command, qtrain } from "./command.ts";

/**
 * 24 steps in two epochs with a checkpoint of 1.9 MB after each wait for the device, so that many kills
 * fall into its writing; and whatever a checkpoint may hold.
 */
export const KILLED = `
data: { format: glyphs, size: 12, train: 96, test: 32 }
model:
  layers:
    - { type: conv2d, channels: 4, kernel: 3, padding: 1, stride: 2, bias: false }
    - batch_norm
    - relu
    - { type: linear, features: 1024 }
    - relu
    - { type: linear, features: 10 }
quantize: { layers: [{ match: conv1, gradients: { estimator: delayed-max } }] }
train: { epochs: 2, batch: 8, log_every: 1, ema: 0.9, checkpoint_minutes: 1.0e-6 }
`;

/** How runs are killed. */
export interface Kills {
  /** A folder with `r.yaml`. */
  readonly cwd: string;
  /** More of the command line. */
  readonly args: readonly string[];
  /** Of the random moments. */
  readonly seed: number;
  /** Kills of each run: the first of the fresh one, the others of resumed ones. */
  readonly each: number;
}

/** What came of the kills. */
export interface Counts {
  runs: number;
  kills: number;
  /** Kills before there was a checkpoint: the run began afresh. */
  early: number;
  /** Kills that left a half-written checkpoint behind. */
  torn: number;
  /** Kills that left a line of a log torn, or lines of steps behind the newest checkpoint. */
  ahead: number;
}

/** The moments and the files of a run that was left alone. */
interface Whole {
  readonly result: Record<string, unknown>;
  readonly steps: number;
  /** Milliseconds until the first step, and of a step with its checkpoint. */
  readonly begins: number;
  readonly stepMs: number;
}

/**
 * Trains runs, kills each at random moments, resumes it to its end.
 *
 * @returns a generator of counts, one after each run; it throws where a run ends in other bits, or with
 * other logs, than the one that was left alone
 */
export async function* killedRuns(runs: number, kills: Kills): AsyncGenerator<Counts> {
  const random = randomNumbers(kills.seed), whole = await leftAlone(kills);
  const counts: Counts = { runs: 0, kills: 0, early: 0, torn: 0, ahead: 0 };
  for (let run = 0; run < runs; run++) {
    const out = `cut-${run}`, args = ["r.yaml", "--out", out, "--resume", ...kills.args];
    for (let kill = 0; kill < kills.each; kill++) {
      // A step that none of the runs before has reached, and up to two steps' time behind it; or, one in
      // ten, a moment before the first.
      const first = await newest(`${kills.cwd}/${out}`);
      const step = first + Math.floor(random() * (whole.steps - first));
      const early = random() < 0.1, wait = random() * (early ? whole.begins : 2 * whole.stepMs);
      const child = command([...args, "--json"], { cwd: kills.cwd }).spawn();
      const output = new Response(child.stderr).text();
      let ended = false;
      const strike = () => ended || child.kill("SIGKILL");
      let timer = early ? setTimeout(strike, wait) : undefined;
      for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
        const seen = [...text.matchAll(/"type":"(?:start"|step","step":(\d+))/g)]
          .some(([, n = "0"]) => Number(n) >= step);
        if (seen) timer ??= setTimeout(strike, wait);
      }
      ended = true; // Its output is.
      const { signal } = await child.status;
      clearTimeout(timer);
      assert.doesNotMatch(await output, /\n\s+at |bug in qtrain/);
      if (signal !== "SIGKILL") continue; // It was faster: no kill.
      counts.kills++;
      const left = await leftBehind(`${kills.cwd}/${out}`);
      for (const key of ["early", "torn", "ahead"] as const) counts[key] += left[key] ? 1 : 0;
    }
    const { code, stderr } = await qtrain([...args, "--quiet"], { cwd: kills.cwd });
    assert.equal(code, 0, stderr);
    assert.deepEqual(await resultOf(`${kills.cwd}/${out}`), whole.result, `run ${run}`);
    await Deno.remove(`${kills.cwd}/${out}`, { recursive: true });
    counts.runs++;
    yield { ...counts };
  }
}

async function leftAlone({ cwd, args }: Kills): Promise<Whole> {
  const began = performance.now(), out = "whole";
  const child = command(["r.yaml", "--json", "--out", out, ...args], { cwd }).spawn();
  const errors = new Response(child.stderr).text();
  let begins = 0;
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    if (begins === 0 && text.includes('"type":"start"')) begins = performance.now() - began;
  }
  assert.equal((await child.status).code, 0, await errors);
  const trained = performance.now() - began - begins, result = await resultOf(`${cwd}/${out}`);
  const { steps } = result.summary as { steps: number };
  return { result, steps, begins, stepMs: trained / steps };
}

/** What must be the same: the last and the best checkpoint to the byte, logs and summary but for times. */
async function resultOf(run: string): Promise<Record<string, unknown>> {
  const summary = JSON.parse(await Deno.readTextFile(`${run}/summary.json`));
  const { status, steps, train_loss, test_loss, test_accuracy, best_step } = summary;
  const names = await checkpoints(run);
  const file = (step: number) => `step-${`${step}`.padStart(8, "0")}.safetensors`;
  assert.equal(names.at(-1), file(steps));
  assert.ok(names.includes(file(best_step)), "the best is kept");
  const log = await Deno.readTextFile(`${run}/metrics.jsonl`);
  const metrics = log.trimEnd().split("\n").map((line) => {
    const { images_per_second: _, data_wait_share: _share, seconds: _s, ...rest } = JSON.parse(
      line,
    );
    return rest;
  });
  return {
    summary: { status, steps, train_loss, test_loss, test_accuracy, best_step },
    weights: await Deno.readFile(`${run}/checkpoints/${file(steps)}`),
    best: await Deno.readFile(`${run}/checkpoints/${file(best_step)}`),
    metrics,
    ranges: await Deno.readTextFile(`${run}/ranges.jsonl`),
    recipe: await Deno.readTextFile(`${run}/recipe.yaml`),
  };
}

async function leftBehind(run: string) {
  const names = await checkpoints(run), saved = await newest(run);
  const log = await Deno.readTextFile(`${run}/metrics.jsonl`).catch(() => "");
  const last = log.split("\n").filter((line) => line !== "").at(-1) ?? "{}";
  let step = Infinity;
  try {
    step = JSON.parse(last).step ?? 0;
  } catch {
    // Torn.
  }
  return {
    early: saved === 0,
    torn: names.some((name) => name.endsWith(".part")),
    ahead: step > saved,
  };
}

/** The step of the newest checkpoint; 0 where there is none. */
export async function newest(run: string): Promise<number> {
  const whole = (await checkpoints(run)).filter((name) => name.endsWith(".safetensors"));
  return Number(whole.at(-1)?.slice(5, 13) ?? 0);
}

async function checkpoints(run: string): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(`${run}/checkpoints`))).map((e) => e.name).sort();
  } catch {
    return [];
  }
}

/** Numbers from 0 to 1 by a seed (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = state + 0x6d2b79f5 >>> 0;
    let t = Math.imul(state ^ state >>> 15, 1 | state);
    t ^= t + Math.imul(t ^ t >>> 7, 61 | t);
    return ((t ^ t >>> 14) >>> 0) / 2 ** 32;
  };
}
