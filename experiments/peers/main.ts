/**
 * The same training by qtrain and by its peers, on one adapter in one run: `cnn` on glyphs, batch 64,
 * from the same initial weights with the same batches.
 *
 *     deno task bench:peers [--rounds 5] [--only jax,TF] [--losses 18] [--json FILE] [--out FILE.md]
 *
 * Each peer is a process that is idle except in its turn. qtrain int8 has a turn before and after each
 * of the others' turns, and a ratio is to the mean of both: on a machine whose speed drifts by half
 * within a minute, only adjacent times compare. A peer that cannot start is reported with the reason;
 * the exit code is 1 only if none can. `--losses N` first runs N steps of each peer one by one, after
 * two steps of warm-up, and prints their losses.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { PeerError, PeerProcess } from "./process.ts";
import { asMarkdown, asText, type Measurement, reportOf } from "./report.ts";
import { PEERS } from "./peers.ts";
import { writeTraining } from "./training.ts";

interface Options {
  readonly rounds: number;
  readonly losses: number;
  readonly only: readonly string[];
  readonly json?: string;
  readonly out?: string;
}

/** A peer with its measurements, and its process while it runs. */
interface Running {
  readonly measured: Measurement;
  process?: PeerProcess;
}

const log = (text: string) => console.error(text);

function options(): Options {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "5" },
      losses: { type: "string", default: "0" },
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

async function start(running: Running, file: string): Promise<void> {
  const { measured } = running, began = performance.now();
  await attempt(running, async () => {
    const [process, ready] = await PeerProcess.start(measured.peer, file);
    running.process = process;
    measured.ready = ready;
    measured.losses.push(...ready.losses);
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    log(`${measured.peer.name} ${ready.version}: ready after ${seconds} s`);
  });
}

/** Runs a turn. @returns the milliseconds of a step */
async function turn(running: Running): Promise<number | undefined> {
  const { process, measured: { peer, times } } = running;
  if (!process) return undefined;
  return await attempt(running, async () => {
    const ms = (await process.round(peer.steps)).ms / peer.steps;
    times.push(ms);
    return ms;
  });
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

async function oneRound(base: Running, others: readonly Running[]): Promise<void> {
  let before = await turn(base);
  for (const other of others) {
    if (!other.process) continue;
    const ms = await turn(other), after = await turn(base);
    if (ms !== undefined && before !== undefined && after !== undefined) {
      other.measured.ratios.push(ms / ((before + after) / 2));
    }
    before = after;
  }
}

async function main({ rounds, losses, only, json, out }: Options): Promise<void> {
  const chosen = PEERS.filter(({ name }, i) =>
    i === 0 || only.length === 0 || only.some((part) => name.includes(part))
  );
  const all = chosen.map((peer): Running => ({
    measured: { peer, losses: [], times: [], ratios: [] },
  }));
  const folder = await Deno.makeTempDir();
  try {
    const file = `${folder}/training.safetensors`;
    await writeTraining(file);
    for (const running of all) await start(running, file);
    if (losses > 0) { for (const running of all) await firstLosses(running, losses); }
    for (let round = 0; round < rounds; round++) {
      await oneRound(all[0]!, all.slice(1));
      const last = all.filter(({ process }) => process)
        .map(({ measured: m }) => `${m.peer.name} ${m.times.at(-1)!.toFixed(0)}`);
      log(`round ${round + 1}/${rounds}, ms a step: ${last.join(" | ")}`);
    }
  } finally {
    for (const { process } of all) await process?.stop();
    await Deno.remove(folder, { recursive: true });
  }
  const report = reportOf(all.map(({ measured }) => measured), rounds);
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
