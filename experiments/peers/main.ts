/**
 * The same training by qtrain and by its peers, on the CPU and on WebGPU, in one run: `cnn` on glyphs,
 * batch 64, from the same initial weights with the same batches.
 *
 *     deno task bench:peers [--threads N] [--rounds 5] [--seconds 1.5] [--only cpu,wasm] [--losses 18]
 *                           [--json FILE] [--out FILE.md]
 *
 * Each peer is a process that is idle except in its turn. qtrain int8 on the CPU has a turn before and
 * after each of the others' turns, and a ratio is to the mean of both: on a machine whose speed drifts by
 * half within a minute, only adjacent times compare. A turn has as many steps as fill `--seconds`, at
 * least one; a peer whose step takes much longer has fewer turns (`turnPlan`). A peer that cannot start,
 * or cannot train this network, is reported with the reason; the exit code is 1 only if none can.
 * `--threads` holds for every peer that has threads and for software GPUs; by default one for each core.
 * `--losses N` first runs N steps of each peer one by one, after two steps of warm-up, and prints their
 * losses.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { PeerError, PeerProcess } from "./process.ts";
import { MAX_THREADS, processorName } from "../../lib/runtime/cpu/support.ts";
import { asMarkdown, asText, type Measurement, reportOf } from "./report.ts";
import { PEERS, turnPlan } from "./peers.ts";
import { writeTraining } from "./training.ts";

interface Options {
  readonly rounds: number;
  readonly losses: number;
  readonly threads: number;
  /** Seconds that a turn should take. */
  readonly seconds: number;
  readonly only: readonly string[];
  readonly json?: string;
  readonly out?: string;
}

/** A peer with its measurements, and its process while it runs. */
interface Running {
  readonly measured: Measurement;
  process?: PeerProcess;
  /** Milliseconds that a step took last. */
  ms: number;
}

const log = (text: string) => console.error(text);

function options(): Options {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "5" },
      losses: { type: "string", default: "0" },
      threads: { type: "string", default: `${navigator.hardwareConcurrency}` },
      seconds: { type: "string", default: "1.5" },
      only: { type: "string", default: "" },
      json: { type: "string" },
      out: { type: "string" },
    },
  });
  const count = (name: "rounds" | "losses") => {
    const given = values[name];
    if (/^\d+$/.test(given)) return Number(given);
    throw new TypeError(`--${name}: expected a whole number, got ${JSON.stringify(given)}`);
  };
  const threads = Number(values.threads), seconds = Number(values.seconds);
  if (!Number.isInteger(threads) || threads < 1 || threads > MAX_THREADS) {
    const expected = `expected a whole number from 1 to ${MAX_THREADS}`;
    throw new TypeError(`--threads: ${expected}, got ${JSON.stringify(values.threads)}`);
  }
  if (!(seconds > 0 && seconds < Infinity)) {
    const got = JSON.stringify(values.seconds);
    throw new TypeError(`--seconds: expected a number above 0, got ${got}`);
  }
  const only = values.only.split(",").filter((part) => part !== "");
  const unknown = only.find((part) => !PEERS.some(({ name }) => name.includes(part)));
  if (unknown !== undefined) {
    const names = PEERS.map(({ name }) => name).join(", ");
    throw new TypeError(`--only: expected parts of these names: ${names}; got ${unknown}`);
  }
  const { json, out } = values;
  return {
    rounds: count("rounds"),
    losses: count("losses"),
    threads,
    seconds,
    only,
    ...(json === undefined ? {} : { json }),
    ...(out === undefined ? {} : { out }),
  };
}

/** Runs `work`; if the peer fails, notes why and stops it. */
async function attempt<T>(running: Running, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof PeerError)) throw error;
    running.measured.problem = error.message;
    log(`${running.measured.peer.name}: ${error.message}`);
    await running.process?.stop();
    delete running.process;
  }
}

async function start(running: Running, file: string, threads: number): Promise<void> {
  const { measured } = running, began = performance.now();
  await attempt(running, async () => {
    const [process, ready] = await PeerProcess.start(measured.peer, file, threads);
    running.process = process;
    running.ms = ready.ms;
    measured.ready = ready;
    for (const loss of ready.losses) measured.losses.push(loss);
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    log(`${measured.peer.name} ${ready.version}: ready after ${seconds} s`);
  });
}

/** Runs a turn and updates the milliseconds of a step. @returns them with the number of steps */
async function turn(running: Running, { seconds, rounds }: Options) {
  const { process } = running;
  if (!process) return undefined;
  return await attempt(running, async () => {
    const { steps } = turnPlan(running.ms, 1000 * seconds, rounds);
    running.ms = (await process.round(steps)).ms / steps;
    return { ms: running.ms, steps };
  });
}

/** Runs a turn and adds it to the measurements. @returns the milliseconds of a step */
async function measuredTurn(running: Running, options: Options): Promise<number | undefined> {
  const done = await turn(running, options);
  if (!done) return undefined;
  running.measured.times.push(done.ms);
  running.measured.steps += done.steps;
  return done.ms;
}

/** Runs a turn that does not count, so that engines compile for speed; slow ones had enough of it. */
async function warmUp(running: Running, options: Options): Promise<void> {
  if (running.ms < 1000 * options.seconds) await turn(running, options);
}

async function firstLosses(running: Running, steps: number): Promise<void> {
  const { process, measured } = running;
  if (!process) return;
  await attempt(running, async () => {
    for (let i = 0; i < steps; i++) measured.losses.push((await process.round(1)).loss);
    const [first, last] = [measured.losses[0]!, measured.losses.at(-1)!];
    log(`${measured.peer.name}: loss ${first.toFixed(4)} → ${last.toFixed(4)}`);
  });
}

async function oneRound(
  round: number,
  [base, ...others]: readonly [Running, ...Running[]],
  options: Options,
): Promise<void> {
  let before = await measuredTurn(base, options);
  for (const other of others) {
    const { every } = turnPlan(other.ms, 1000 * options.seconds, options.rounds);
    if (!other.process || round % every !== 0) continue;
    const ms = await measuredTurn(other, options), after = await measuredTurn(base, options);
    if (ms !== undefined && before !== undefined && after !== undefined) {
      other.measured.ratios.push(ms / ((before + after) / 2));
    }
    before = after;
  }
}

async function main(options: Options): Promise<void> {
  const { rounds, losses, threads, only, json, out } = options;
  const chosen = PEERS.filter(({ name }, i) =>
    i === 0 || only.length === 0 || only.some((part) => name.includes(part))
  );
  const all = chosen.map((peer): Running => ({
    measured: { peer, losses: [], times: [], steps: 0, ratios: [] },
    ms: NaN,
  })) as [Running, ...Running[]];
  const folder = await Deno.makeTempDir();
  try {
    const file = `${folder}/training.safetensors`;
    await writeTraining(file);
    for (const running of all) await start(running, file, threads);
    if (losses > 0) { for (const running of all) await firstLosses(running, losses); }
    if (rounds > 0) { for (const running of all) await warmUp(running, options); }
    for (let round = 0; round < rounds; round++) {
      await oneRound(round, all, options);
      const last = all.filter(({ process }) => process)
        .map(({ measured, ms }) => `${measured.peer.name} ${ms.toFixed(0)}`);
      log(`round ${round + 1}/${rounds}, ms a step: ${last.join(" | ")}`);
    }
  } finally {
    for (const { process } of all) await process?.stop();
    await Deno.remove(folder, { recursive: true });
  }
  const machine = { rounds, threads, processor: processorName() };
  const report = reportOf(all.map(({ measured }) => measured), machine);
  console.log(asText(report));
  if (json) await Deno.writeTextFile(json, JSON.stringify(report, null, 2) + "\n");
  if (out) await Deno.writeTextFile(out, asMarkdown(report));
  if (report.results.every((r) => r.losses.length === 0)) Deno.exit(1);
}

let chosen: Options;
try {
  chosen = options();
} catch (error) {
  log(`bench:peers: ${(error as Error).message}`);
  Deno.exit(2);
}
await main(chosen);
