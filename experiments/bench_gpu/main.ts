/**
 * Tests and times a GPU within eight minutes: `deno task bench:gpu [--out FILE] [--seconds N] [--only
 * PART,…]`. Needs Deno and the GPU's driver, nothing else.
 *
 * Parts follow one another, each until its share of the time is over; what is left out is in the notes of
 * the part. A part that fails is recorded with its error, and the next one runs. The JSON file is written
 * before and after each part, so a driver that ends the process loses one part. The table of parts and all
 * tables go to stdout as Markdown, progress to stderr. Tiles are timed afresh, in a cache of their own.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { anonymous } from "../../cli/examination.ts";
import { writeAtomic } from "../../lib/core/files.ts";
import { batches, doctor, kernels, type Part, steps, tiles, tuning } from "./parts.ts";
import { peers } from "./peers.ts";
import { asMarkdown, type GpuBench, type PartRecord } from "./report.ts";

/** Seconds of all parts; the rest of the eight minutes is for the part that ends late. */
const SECONDS = 420;

/** The parts in their order, and the share of the time that each may take of those that run. */
const PARTS = {
  doctor: { share: 0.1, run: doctor },
  tiles: { share: 0.15, run: tiles },
  batches: { share: 0.07, run: batches },
  tuning: { share: 0.16, run: tuning },
  kernels: { share: 0.2, run: kernels },
  steps: { share: 0.2, run: steps },
  peers: { share: 0.12, run: peers },
} as const;
type PartName = keyof typeof PARTS;
const NAMES = Object.keys(PARTS) as PartName[];

interface Options {
  readonly out: string;
  readonly seconds: number;
  readonly only: readonly PartName[];
}

function options(): Options {
  const { values } = parseArgs({
    options: {
      out: { type: "string", default: "bench-gpu.json" },
      seconds: { type: "string", default: `${SECONDS}` },
      only: { type: "string", default: NAMES.join() },
    },
  });
  const seconds = Number(values.seconds);
  if (!(seconds > 0 && seconds < Infinity)) {
    const got = JSON.stringify(values.seconds);
    throw new TypeError(`--seconds: expected a number above 0, got ${got}`);
  }
  const only = values.only.split(",");
  const unknown = only.find((name) => !NAMES.some((part) => part === name));
  if (unknown !== undefined) {
    throw new TypeError(`--only: expected some of ${NAMES.join(", ")}, got ${unknown}`);
  }
  return { out: values.out, seconds, only: only as PartName[] };
}

async function main({ out, seconds, only }: Options, cache: string): Promise<number> {
  const began = performance.now(), spent = () => (performance.now() - began) / 1000;
  const result: GpuBench = {
    format: "qtrain bench-gpu 1",
    software: false,
    date: new Date().toISOString().slice(0, 10),
    seconds: { allowed: seconds, spent: 0 },
    parts: [],
    doctor: null,
    doctor_report: "",
    tiles: [],
    sizes: [],
    tuning: [],
    bench: null,
    peers: [],
  };
  const save = async () => {
    result.seconds.spent = spent();
    await writeAtomic(out, JSON.stringify(result, null, 2) + "\n");
  };
  const progress = (text: string) => console.error(`${spent().toFixed(0).padStart(4)} s  ${text}`);
  const isNeeded = (name: PartName) =>
    name === "doctor" || name === "batches" || only.includes(name);
  let adapter = true;
  for (const name of NAMES) {
    const record: PartRecord = { part: name, result: "unfinished", seconds: 0, notes: [] };
    result.parts.push(record);
    await save();
    if (!isNeeded(name) || !adapter) {
      record.result = "skipped";
      record.notes.push(adapter ? "not among --only" : "there is no adapter");
      continue;
    }
    // What a part leaves, or takes too much, is shared by the others.
    const from = spent(), others = NAMES.slice(NAMES.indexOf(name)).filter(isNeeded);
    const shares = others.reduce((sum, other) => sum + PARTS[other].share, 0);
    const allowed = Math.max(0, seconds - from) * PARTS[name].share / shares;
    const part: Part = {
      result,
      record,
      cache,
      seconds: allowed,
      left: () => from + allowed - spent(),
      progress: (text) => progress(`${name}: ${text}`),
    };
    if (await runPart(name, part) === false) adapter = false;
    for (const note of record.notes) progress(`${name}: ${record.result}: ${note}`);
  }
  await save();
  console.log(asMarkdown(result));
  progress(`written: ${out}`);
  return result.parts.some((part) => part.result === "failed") || !adapter ? 1 : 0;
}

/** Runs a part; its error is its result. @returns false when the doctor found no adapter */
async function runPart(name: PartName, part: Part): Promise<boolean | void> {
  const { record } = part, before = part.left();
  try {
    const found = await PARTS[name].run(part);
    if (record.result === "unfinished") record.result = "done";
    return found;
  } catch (error) {
    record.result = "failed";
    record.notes.push(error instanceof Error ? error.message : String(error));
  } finally {
    record.seconds = before - part.left();
    record.notes.splice(0, Infinity, ...record.notes.map(anonymous));
  }
}

let chosen: Options;
try {
  chosen = options();
} catch (error) {
  console.error(`bench:gpu: ${(error as Error).message}`);
  Deno.exit(2);
}
const cache = await Deno.makeTempDir({ prefix: "qtrain-tiles-" });
try {
  Deno.exitCode = await main(chosen, cache);
} finally {
  await Deno.remove(cache, { recursive: true });
}
