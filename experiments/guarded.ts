/**
 * How static ranges cope with a sudden change: a jump of the learning rate, other data in mid-run, a
 * resume without ranges, weights from elsewhere; and with no change. A small network trains on glyphs
 * for 120 steps, then the change happens; the next 20 steps are measured for each estimator, from the
 * same seeds and batches.
 *
 *     deno run -A experiments/guarded.ts [--seeds 5] [--json FILE]
 *
 * @module
 */
import { parseArgs } from "node:util";
import { openDataset } from "../lib/data/open.ts";
import { plan } from "../lib/program/plan.ts";
import { openDevice } from "../lib/runtime/device.ts";
import { resolveRecipe } from "../lib/recipe/load.ts";
import { DataLoader } from "../lib/data/loader.ts";
import { Network } from "../lib/train/network/network.ts";
import type { LoadedState, NetworkState } from "../lib/train/network/types.ts";
import type { Batch } from "../lib/data/batch.ts";
import { mean } from "../lib/report/statistics.ts";
import { table } from "../cli/format.ts";

const { values } = parseArgs({
  options: { seeds: { type: "string", default: "5" }, json: { type: "string" } },
});
const SEEDS = Number(values.seeds), BEFORE = 120, AFTER = 20, BATCH = 64, RATE = 0.05;
const ESTIMATORS = ["hindsight-minmax", "hindsight-guarded", "delayed-max", "current-minmax"];

const recipeOf = (estimator: string, seed: number) =>
  resolveRecipe({
    seed,
    data: { format: "glyphs", train: 30 * BATCH, test: BATCH },
    model: { name: "cnn", width: 8 },
    train: { batch: BATCH },
    quantize: { activations: { estimator }, gradients: { estimator } },
  });

const DATA = await openDataset(recipeOf("hindsight-minmax", 1));

/** Opens a network. */
async function open(estimator: string, seed: number) {
  const recipe = recipeOf(estimator, seed), { program } = plan(recipe, DATA);
  const executor = await (await openDevice("gpu")).createExecutor(program);
  const network = new Network(program, executor, seed, recipe.quantize, DATA);
  return { network, close: () => executor.close() };
}

async function batchAt(seed: number, step: number): Promise<Batch> {
  return await new DataLoader(DATA, { batch: BATCH, seed }).trainBatch(step);
}

function saved(state: NetworkState, ranges = state.ranges): LoadedState {
  const tensors = new Map([
    ...[...state.parameters, ...state.running].map((t) => [t.name, t.data] as const),
    ...state.optimizer.get("velocity")!.map((t) => [`velocity.${t.name}`, t.data] as const),
  ]);
  return { find: (name) => tensors.get(name)!, ranges, memories: state.memories };
}

/** Inverts the images, which changes the extremes in every layer. */
const inverted = (b: Batch): Batch => ({ ...b, images: b.images.map((v) => 255 - v) });

/** A change of the network, its data or its learning rate. */
interface Change {
  readonly name: string;
  readonly rate?: number;
  readonly data?: (batch: Batch) => Batch;
  /** The state to load, given the trained one and that of a new, calibrated network. */
  readonly load?: (trained: NetworkState, fresh: NetworkState) => LoadedState;
}

const CHANGES: readonly Change[] = [
  { name: "nothing" },
  { name: "learning rate ×10", rate: 10 * RATE },
  { name: "images inverted", data: inverted },
  { name: "resumed without ranges", load: (trained) => saved(trained, new Map()) },
  {
    name: "trained weights, ranges of fresh ones",
    load: (trained, fresh) => saved(trained, fresh.ranges),
  },
];

interface Figures {
  readonly loss: number;
  readonly clipped: number;
  /** Steps in which more than 1% of some tensor was clipped. */
  readonly bad: number;
}

async function measure(network: Network, change: Change, seed: number): Promise<Figures> {
  let loss = 0, clipped = 0, bad = 0;
  for (let i = 0; i < AFTER; i++) {
    const step = BEFORE + i, batch = await batchAt(seed, step);
    const seen = await network.step(change.data?.(batch) ?? batch, step, change.rate ?? RATE);
    const own = seen.observations.filter((o) => o.quantizer.role !== "weight");
    const shares = own.map((o) => o.clipped / o.quantizer.elements);
    loss += seen.loss / AFTER;
    clipped += shares.reduce((a, b) => a + b, 0) / shares.length / AFTER;
    if (Math.max(...shares) > 0.01) bad++;
  }
  return { loss, clipped, bad };
}

const results: { change: string; estimator: string; runs: Figures[] }[] = [];
for (const estimator of ESTIMATORS) {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { network, close } = await open(estimator, seed);
    network.initialize();
    await network.calibrate([await batchAt(seed, 0)]);
    const fresh = await network.state();
    for (let step = 0; step < BEFORE; step++) {
      await network.step(await batchAt(seed, step), step, RATE);
    }
    const trained = await network.state();
    for (const change of CHANGES) {
      network.load(change.load?.(trained, fresh) ?? saved(trained));
      let row = results.find((r) => r.change === change.name && r.estimator === estimator);
      if (!row) results.push(row = { change: change.name, estimator, runs: [] });
      row.runs.push(await measure(network, change, seed));
    }
    close();
  }
}

console.log(
  `cnn of width 8, glyphs, ${BEFORE} steps, then the change; the next ${AFTER} steps, ` +
    `means over ${SEEDS} seeds\n`,
);
console.log(table(
  ["change", "estimator", "loss", "off current-minmax", "clipped", "steps > 1% clipped"],
  CHANGES.flatMap(({ name }) =>
    ESTIMATORS.map((estimator, i) => {
      const runsOf = (e: string) =>
        results.find((r) => r.change === name && r.estimator === e)!.runs;
      const runs = runsOf(estimator), truth = runsOf("current-minmax");
      return [
        i === 0 ? name : "",
        estimator,
        mean(runs.map((r) => r.loss)).toFixed(4),
        mean(runs.map((r, k) => Math.abs(r.loss - truth[k]!.loss))).toFixed(4),
        `${(100 * mean(runs.map((r) => r.clipped))).toFixed(3)}%`,
        mean(runs.map((r) => r.bad)).toFixed(1),
      ];
    })
  ),
  ["left", "left", "right", "right", "right", "right"],
));
if (values.json) await Deno.writeTextFile(values.json, JSON.stringify(results, null, 2) + "\n");
