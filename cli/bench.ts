/**
 * `qtrain bench`: how fast kernels and whole steps are on this adapter.
 *
 * @module
 */
import { bench } from "../lib/bench/bench.ts";
import { LAYERS } from "../lib/bench/layers.ts";
import { MODELS, RANGES, SIDES } from "../lib/bench/variants.ts";
import { benchMarkdown, benchSummary, benchTables } from "../lib/bench/tables.ts";
import { DeviceError, UsageError } from "../lib/core/errors.ts";
import { makeFolder, writeAtomic } from "../lib/core/files.ts";
import { zoo } from "../lib/model/zoo.ts";
import { nearest } from "../lib/core/did_you_mean.ts";
import type { ZooName } from "../lib/recipe/types.ts";
import type { Command } from "./command.ts";
import { table } from "./format.ts";
import { type Arguments, tilesOf } from "./options.ts";
import { print, printJson } from "./print.ts";

const PARTS = ["kernels", "steps", "all"] as const;
type Part = (typeof PARTS)[number];

const SHAPES = LAYERS.map(({ group }) => group), NETWORKS = Object.keys(zoo) as ZooName[];
const ROUNDS = 5, MAX_ROUNDS = 1000, MAX_BATCH = 65536, MAX_SIZE = 1024;

/** The command. */
export const benchCommand: Command = {
  name: "bench",
  usage:
    "qtrain bench [kernels|steps|all] [NAME…] [--ranges] [--batch N] [--input SIZE] [--rounds N] [--no-tune] [--out PATH] [--json]",
  summary: "Times kernels and whole training steps on this machine's GPU.",
  details:
    `kernels: convolutions, norms, pools and updates in every direction, in int8 and float32, with their
share of what the adapter can do at most; of the shapes of ${SHAPES.join(", ")}.
steps: whole training steps in int8 with static and with dynamic ranges and in float32, and what
their time goes to; of ${MODELS.join(", ")}, or other networks by name (${
      NETWORKS.filter((name) => !MODELS.includes(name)).join(", ")
    }).
--ranges compares the ways to set ranges in place of these three.

Sides take turns in each round, and medians count, with the least and the most. Images are drawn by
the program. --out writes PATH.json and PATH.md, and in a folder bench.json and bench.md. Takes
minutes; what is being timed is told on stderr.`,
  options: ["ranges", "batch", "input", "rounds", "no-tune", "out", "json", "quiet"],
  run,
};

async function run(args: Arguments): Promise<number> {
  const { kernels, models } = chosen(args);
  const rounds = whole("rounds", args.rounds, MAX_ROUNDS) ?? ROUNDS;
  const batch = whole("batch", args.batch, MAX_BATCH);
  const size = whole("input", args.input, MAX_SIZE);
  if (size !== undefined && models.length === 0) {
    throw new UsageError(
      "--input: expected only with steps, as the kernels have shapes of their own",
    );
  }
  if (args.ranges && models.length === 0) {
    throw new UsageError("--ranges: expected only with steps, which it compares ranges over");
  }
  const out = args.out === undefined ? undefined : await place(args.out);
  const groups = LAYERS.filter(({ group }) => kernels.includes(group));
  const began = performance.now();
  const progress = (text: string) => {
    if (args.quiet) return;
    console.error(`${((performance.now() - began) / 1000).toFixed(0).padStart(4)} s  ${text}`);
  };
  const variants = args.ranges ? RANGES : SIDES;
  const { tiles } = tilesOf(args, "timed");
  const how = { groups, models, variants, rounds, batch, size, tiles, progress };
  const report = await bench(how).catch((error) => {
    if (!(error instanceof DeviceError)) throw error;
    throw new DeviceError(`qtrain bench: ${error.message}`);
  });
  if (out) {
    await writeAtomic(`${out}.json`, JSON.stringify(report, null, 2) + "\n");
    await writeAtomic(`${out}.md`, benchMarkdown(report));
    if (!args.quiet) console.error(`written: ${out}.json, ${out}.md`);
  }
  if (args.json) printJson(report, 2);
  else {
    const tables = benchTables(report).map(({ title, headers, rows, alignments, notes }) =>
      [title, "", table(headers, rows, alignments), ...notes].join("\n")
    );
    print([benchSummary(report), ...tables].join("\n\n"));
  }
  return 0;
}

/** The shapes and networks that the words of the command line mean. */
function chosen({ positionals, ranges }: Arguments): {
  readonly kernels: readonly string[];
  readonly models: readonly ZooName[];
} {
  const [first, ...rest] = positionals;
  const given = PARTS.find((part) => part === first);
  const part: Part = given ?? (ranges ? "steps" : "all");
  const names = given ? rest : positionals;
  const takes: Record<Part, readonly string[]> = {
    kernels: SHAPES,
    steps: NETWORKS,
    all: [...new Set([...SHAPES, ...NETWORKS])],
  };
  for (const name of names) {
    if (takes[part].includes(name)) continue;
    const words = given ? takes[part] : [...PARTS, ...takes[part]], meant = nearest(name, words);
    throw new UsageError(
      `${name}: unknown ${part === "kernels" ? "shapes" : "model"}${
        meant ? ` (did you mean ${meant}?)` : ""
      }; expected ${given ? "" : `${PARTS.join(", ")}, or `}one of ${takes[part].join(", ")}`,
    );
  }
  const wanted = <T extends string>(all: readonly T[], usual: readonly T[]) =>
    names.length === 0 ? usual : all.filter((name) => names.includes(name));
  return {
    kernels: part === "steps" ? [] : wanted(SHAPES, SHAPES),
    models: part === "kernels" ? [] : wanted(NETWORKS, MODELS),
  };
}

/** @throws UsageError unless the text is a whole number from 1 to `most` */
function whole(
  option: "rounds" | "batch" | "input",
  text: string | undefined,
  most: number,
): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^[0-9]+$/.test(text) && value >= 1 && value <= most) return value;
  throw new UsageError(
    `--${option}: expected a whole number from 1 to ${most}, got ${JSON.stringify(text)}`,
  );
}

/** Where both files go, without their endings: found out before minutes are spent. */
async function place(path: string): Promise<string> {
  const isFolder = /[/\\]$/.test(path) ||
    await Deno.stat(path).then((info) => info.isDirectory, () => false);
  const base = isFolder ? `${path.replace(/[/\\]+$/, "")}/bench` : path.replace(/\.(json|md)$/, "");
  const folder = base.replace(/[^/\\]*$/, "");
  if (folder !== "") await makeFolder(folder);
  return base;
}
