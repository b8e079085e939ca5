/**
 * `qtrain lr`: proposes a learning rate for a recipe.
 *
 * @module
 */
import { UsageError } from "../lib/core/errors.ts";
import { writeAtomic } from "../lib/core/files.ts";
import { largest, smallest } from "../lib/core/min_max.ts";
import { shellWord } from "../lib/core/text.ts";
import { loadRecipe } from "../lib/recipe/load.ts";
import {
  findRate,
  MAX_RATE_STEPS,
  MIN_RATE_STEPS,
  RATE_STEPS,
  type RateTest,
} from "../lib/train/rate_finder.ts";
import { ratePlot } from "../lib/view/plot/rate_plot.ts";
import { type Arguments, defineCommand, firstPositional, type Options } from "./command.ts";
import { table } from "./format.ts";
import { INTERRUPTED, listenForInterrupt } from "./interrupt.ts";
import { DEVICE, deviceOptions, JSON_OUTPUT, NO_TUNE, THREADS } from "./options.ts";
import { print, printJson, PROGRAM } from "./print.ts";
import { Progress } from "./progress.ts";

/** Rows of the table in the terminal, and cells of its longest bar. */
const ROWS = 20, BAR = 40;
/** Losses above this many times the first one have the longest bar. */
const MAX_SHARE = 1.1;

const OPTIONS = {
  steps: {
    type: "integer",
    usage: "--steps N",
    help: `steps to train (default: ${RATE_STEPS})`,
    min: MIN_RATE_STEPS,
    max: MAX_RATE_STEPS,
  },
  out: { type: "string", usage: "--out FILE.svg", help: "also draw the loss over the rate" },
  device: DEVICE,
  threads: THREADS,
  "no-tune": NO_TUNE,
  json: JSON_OUTPUT,
} as const satisfies Options;

/** `qtrain lr`. */
export const lrCommand = defineCommand({
  name: "lr",
  synopsis: "qtrain lr recipe.yaml [key=value …]",
  summary: "Proposes a learning rate: trains a few steps at rising rates and looks at the loss.",
  details:
    `Trains with the recipe's data, batch, optimizer and arithmetic, without its schedule, and keeps
nothing. The rate rises from 1e-5 to 10 (sgd) or from 1e-7 to 1 (adamw), until the loss has clearly
risen. Proposed is the rate at which the loss has done half of its fall. With another batch, optimizer or
network, the best rate is another.

Exit codes: 0 done, 1 no rate found, 2 wrong usage, recipe or data, 130 interrupted.`,
  options: OPTIONS,
  run,
});

async function run(args: Arguments<typeof OPTIONS>): Promise<number> {
  const [path, overrides] = firstPositional(args, "lr", "a recipe"), { out } = args;
  if (out !== undefined && !out.endsWith(".svg")) {
    throw new UsageError(
      `--out: expected a file that ends in .svg, got ${out}; write ${shellWord(`${out}.svg`)}`,
    );
  }
  const recipe = await loadRecipe(path, overrides), progress = new Progress();
  using interrupt = listenForInterrupt((text) => progress.error(text), "stopping");
  const test = await findRate(recipe, {
    ...deviceOptions(args),
    ...(args.steps === undefined ? {} : { steps: args.steps }),
    tiles: args["no-tune"] ? "default" : "timed",
    selfTest: true,
    watchdog: true,
    signal: interrupt.signal,
    warn: (text) => progress.error(text),
    progress: (text) => progress.live(text),
  }).finally(() => progress.done());
  if (test.ended === "interrupted") return INTERRUPTED;
  if (args.json) printJson(asJson(test), 2);
  else if (test.points.length > 0) print(asTable(test));
  if (out !== undefined && test.points.length > 0) {
    await writeAtomic(out, ratePlot(test.points, test.proposal));
    progress.print(`the curve is in ${out}`);
  }
  const { proposal } = test;
  if (proposal === undefined) {
    progress.error(failure(test));
    return 1;
  }
  if (args.json) return 0;
  const kept = overrides.filter((text) => !/^train\.optimizer\.lr=/.test(text));
  const command = [path, ...kept, `train.optimizer.lr=${proposal}`].map((word) => shellWord(word))
    .join(" ");
  print(`\nproposed learning rate ${proposal} (the recipe has ${recipe.train.optimizer.lr})`);
  print(`train with it: ${PROGRAM} ${command}`);
  return 0;
}

/** Why there is no proposal, and what to do. */
function failure({ points, ended, recipe }: RateTest): string {
  if (points.length === 0) {
    return "no learning rate found: the loss of the first step is not a finite number, before any " +
      "update. Look for the cause in the data, or in the weights of init: with qtrain data and " +
      "with init left out";
  }
  const most = points.at(-1)!.rate.toExponential(1);
  const end = ended === "nonfinite"
    ? `, and the step after ${most} gave a number that is not finite`
    : "";
  return `no learning rate found: the loss did not fall at any rate up to ${most}${end}. Give it more ` +
    `time (--steps ${Math.min(MAX_RATE_STEPS, 4 * RATE_STEPS)}), and check that labels belong to ` +
    `their images` +
    (recipe.quantize.arithmetic === "float32"
      ? ""
      : ", and that quantize.arithmetic=float32 learns");
}

/** Rates with their smoothed losses, and bars that begin at the lowest loss. */
function asTable({ points, proposal }: RateTest): string {
  const every = Math.max(1, Math.round(points.length / ROWS));
  const shown = points.filter((_, i) => i % every === 0 || i === points.length - 1);
  const losses = shown.map(({ smoothed }) => smoothed), lowest = smallest(losses);
  // The end of a test would leave no room for the fall.
  const most = Math.min(largest(losses), MAX_SHARE * losses[0]!);
  const barOf = (loss: number) =>
    1 + Math.round((BAR - 1) * (Math.min(loss, most) - lowest) / Math.max(most - lowest, 1e-9));
  const next = shown.findIndex(({ rate }) => proposal !== undefined && rate >= proposal);
  const rows = shown.map(({ rate, smoothed }, i) => [
    rate.toExponential(1),
    smoothed.toFixed(4),
    "▇".repeat(barOf(smoothed)) + (i === next ? " ←" : ""),
  ]);
  return table(["lr", "loss", ""], rows, ["right", "right", "left"]);
}

function asJson({ recipe, device, adapter, points, ended, proposal }: RateTest): unknown {
  return {
    proposal: proposal ?? null,
    optimizer: recipe.train.optimizer.name,
    lr: recipe.train.optimizer.lr,
    batch: recipe.train.batch,
    arithmetic: recipe.quantize.arithmetic,
    device,
    adapter,
    ended,
    points,
  };
}
