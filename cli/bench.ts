/**
 * `qtrain bench`: times kernels and whole training steps on this machine.
 *
 * @module
 */
import { bench } from "../lib/bench/bench.ts";
import { LAYER_GROUPS } from "../lib/bench/layers.ts";
import { ARITHMETIC_VARIANTS, DEFAULT_MODELS, ESTIMATOR_VARIANTS } from "../lib/bench/variants.ts";
import { benchMarkdown, benchSummary, benchTables } from "../lib/bench/tables.ts";
import { DeviceError, UsageError } from "../lib/core/errors.ts";
import { makeFolder, writeAtomic } from "../lib/core/files.ts";
import { zoo } from "../lib/model/zoo.ts";
import { nearest } from "../lib/core/did_you_mean.ts";
import type { ZooName } from "../lib/recipe/model.ts";
import { type Arguments, defineCommand, type Options } from "./command.ts";
import { table } from "./format.ts";
import { DEVICE, deviceOptions, JSON_OUTPUT, NO_TUNE, QUIET, THREADS } from "./options.ts";
import { print, printError, printJson } from "./print.ts";

const PARTS = ["kernels", "steps", "all"] as const;
type Part = (typeof PARTS)[number];

const SHAPES = LAYER_GROUPS.map(({ group }) => group), NETWORKS = Object.keys(zoo) as ZooName[];
const ROUNDS = 5;

const OPTIONS = {
  device: DEVICE,
  threads: THREADS,
  ranges: {
    type: "boolean",
    usage: "--ranges",
    help: "compare range estimators instead, on the host and on the device",
  },
  batch: {
    type: "integer",
    usage: "--batch N",
    help: "images of a batch, instead of each network's default",
    max: 65536,
  },
  input: {
    type: "integer",
    usage: "--input SIZE",
    help: "height and width of the images of steps",
    max: 1024,
  },
  rounds: {
    type: "integer",
    usage: "--rounds N",
    help: `rounds to take medians over (default: ${ROUNDS})`,
    max: 1000,
  },
  "no-tune": NO_TUNE,
  out: {
    type: "string",
    usage: "--out PATH",
    help: "write PATH.json and PATH.md; in a folder, bench.json and bench.md",
  },
  json: JSON_OUTPUT,
  quiet: QUIET,
} as const satisfies Options;

/** `qtrain bench`. */
export const benchCommand = defineCommand({
  name: "bench",
  synopsis: "qtrain bench [kernels|steps|all] [NAME…]",
  summary: "Times kernels and whole training steps on this machine's GPU or CPU.",
  details:
    `kernels: convolutions, norms, pools and updates in every direction, in int8 and float32, with their
share of the measured peak. NAME is a set of shapes:
${SHAPES.join(", ")}.
steps: whole training steps in int8 with static and with dynamic ranges and in float32, and how their
time breaks down; on the CPU also in one thread. NAME is a network:
${DEFAULT_MODELS.join(", ")} by default, or ${
      NETWORKS.filter((name) => !DEFAULT_MODELS.includes(name)).join(", ")
    }.

The variants take turns in each round; the tables show medians with minimum and maximum. Images are
synthetic. Takes minutes; progress goes to stderr.`,
  options: OPTIONS,
  run,
});

async function run(args: Arguments<typeof OPTIONS>): Promise<number> {
  const { rounds = ROUNDS, batch, input: size } = args;
  const { kernels, models } = selectParts(args);
  if (size !== undefined && models.length === 0) {
    throw new UsageError(
      "--input: expected only with steps, as the kernels have shapes of their own",
    );
  }
  if (args.ranges && models.length === 0) {
    throw new UsageError("--ranges: expected only with steps, which it compares ranges over");
  }
  const out = args.out === undefined ? undefined : await outputBase(args.out);
  const groups = LAYER_GROUPS.filter(({ group }) => kernels.includes(group));
  const began = performance.now();
  const progress = (text: string) => {
    if (args.quiet) return;
    printError(`${((performance.now() - began) / 1000).toFixed(0).padStart(4)} s  ${text}`);
  };
  const variants = args.ranges ? ESTIMATOR_VARIANTS : ARITHMETIC_VARIANTS;
  const tiles = args["no-tune"] ? "default" : "timed";
  const report = await bench({
    device: "auto",
    ...deviceOptions({ device: args.device, threads: args.threads }),
    groups,
    models,
    variants,
    oneThread: !args.ranges,
    rounds,
    batch,
    size,
    tiles,
    progress,
  }).catch((error) => {
    if (!(error instanceof DeviceError)) throw error;
    throw new DeviceError(`qtrain bench: ${error.message}`);
  });
  if (out) {
    await writeAtomic(`${out}.json`, JSON.stringify(report, null, 2) + "\n");
    await writeAtomic(`${out}.md`, benchMarkdown(report));
    if (!args.quiet) printError(`written: ${out}.json, ${out}.md`);
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

/** The shapes and networks that the positionals select. */
function selectParts({ positionals, ranges }: Arguments<typeof OPTIONS>): {
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
  const select = <T extends string>(all: readonly T[], defaults: readonly T[]) =>
    names.length === 0 ? defaults : all.filter((name) => names.includes(name));
  return {
    kernels: part === "steps" ? [] : select(SHAPES, SHAPES),
    models: part === "kernels" ? [] : select(NETWORKS, DEFAULT_MODELS),
  };
}

/** The path of both files without extension; checked before minutes are spent. */
async function outputBase(path: string): Promise<string> {
  const isFolder = /[/\\]$/.test(path) ||
    await Deno.stat(path).then((info) => info.isDirectory, () => false);
  const base = isFolder ? `${path.replace(/[/\\]+$/, "")}/bench` : path.replace(/\.(json|md)$/, "");
  const folder = base.replace(/[^/\\]*$/, "");
  if (folder !== "") await makeFolder(folder);
  return base;
}
