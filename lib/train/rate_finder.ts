/**
 * Finds a learning rate by a short training whose rate rises from step to step (Smith 2015, arXiv
 * 1506.01186).
 *
 * @module
 */
import type { Batch } from "../data/batch.ts";
import { DataLoader } from "../data/loader.ts";
import { estimators } from "../quant/estimators/mod.ts";
import type { Recipe } from "../recipe/recipe.ts";
import type { OptimizerSpec } from "../recipe/train.ts";
import type { Executor } from "../runtime/executor.ts";
import { openTestedDevice } from "../runtime/open_tested_device.ts";
import { withMemoryAdvice } from "./loop/memory_advice.ts";
import { Network } from "./network/network.ts";
import type { TrainOptions } from "./options.ts";
import { prepareTraining } from "./prepare.ts";

/** Learning rates of the first and the last step. */
const RATES: Readonly<Record<OptimizerSpec["name"], readonly [first: number, last: number]>> = {
  sgd: [1e-5, 10],
  adamw: [1e-7, 1],
};
/** Steps of a test by default: 21 to 25 for each factor of ten. */
export const RATE_STEPS = 150;
/** With fewer steps the rate rises faster than a network can follow. */
export const MIN_RATE_STEPS = 50;
/** Steps that a test may have. */
export const MAX_RATE_STEPS = 10_000;
/** Half of the width, in powers of ten, over which the loss is averaged: twenty steps of 150. */
const SMOOTHING = 0.2;
/** What the running average of the loss, by which a test ends, keeps of its last value. */
const KEPT = 0.8;
/** A test ends where that average is so many times the lowest and the first ones. */
const RISE_OVER_LOWEST = 2, RISE_OVER_FIRST = 1.2;
/** Share of the first loss by which it must fall: less is noise. */
const MIN_FALL = 0.02;

/** One step of a test. */
export interface RatePoint {
  /** Its learning rate. */
  readonly rate: number;
  /** Mean loss of its batch before the update, in nats. */
  readonly loss: number;
  /** The loss averaged over the steps around, in nats. */
  readonly smoothed: number;
}

/** What a test of learning rates found. */
export interface RateTest {
  /** The recipe, with a number in place of `train.batch: auto`. */
  readonly recipe: Recipe;
  /** Kind of device. */
  readonly device: "gpu" | "cpu";
  /** Name of the device. */
  readonly adapter: string;
  /** The steps, by rising rate. */
  readonly points: readonly RatePoint[];
  /** Why it ended: at the last rate, as the loss rose, at a NaN or infinity, or because it was aborted. */
  readonly ended: "range" | "rise" | "nonfinite" | "interrupted";
  /** Learning rate to train with; absent where the loss did not fall. */
  readonly proposal?: number;
}

/** Options of a test of learning rates. */
export interface RateOptions extends
  Pick<
    TrainOptions,
    "device" | "threads" | "tiles" | "selfTest" | "watchdog" | "signal" | "warn" | "progress"
  > {
  /** Steps, at least 50; 150 by default. */
  readonly steps?: number;
}

/**
 * Trains the network of a recipe for a few steps: with its data, weights, batch, optimizer and
 * arithmetic, but with a rate that rises from step to step in place of its schedule. The same recipe
 * gives the same points on the same device. Writes nothing but caches.
 *
 * @throws RecipeError, ModelError, DataError or DeviceError, as training does
 */
export async function findRate(given: Recipe, options: RateOptions = {}): Promise<RateTest> {
  const { data, classWeights, program, initial, recipe } = await prepareTraining(given, options);
  const { seed, quantize, memory, train: { batch } } = recipe;
  const device = await openTestedDevice(options.device, program, { ...options, memory });
  let executor: Executor | undefined, loader: DataLoader | undefined;
  try {
    executor = await device.createExecutor(program, { lazily: true, memory });
    await executor.ready(program.sections.weights);
    loader = await DataLoader.open(data, { ...recipe.data, seed, batch });
    const network = new Network(program, executor, seed, quantize, data, {
      estimators,
      classWeights,
    });
    network.initialize();
    if (initial) network.load({ find: initial.find, ranges: new Map() }, false);
    await network.calibrate(await calibrationBatches(loader, recipe));
    const found = await sweep(network, loader, recipe, options);
    return { recipe, device: executor.device, adapter: executor.adapter, ...found };
  } catch (error) {
    throw withMemoryAdvice(error, recipe, data, program, estimators);
  } finally {
    loader?.close();
    executor?.close();
  }
}

/** Trains at all rates of an optimizer, or until the loss rises, and proposes one. */
async function sweep(
  network: Network,
  loader: DataLoader,
  { train: { optimizer } }: Recipe,
  options: RateOptions,
): Promise<Pick<RateTest, "points" | "ended" | "proposal">> {
  const { steps = RATE_STEPS } = options, [first, last] = RATES[optimizer.name];
  const rates = Array.from(
    { length: steps },
    (_, step) => first * (last / first) ** (step / (steps - 1)),
  );
  const { losses, ended } = await train(network, loader, rates, options);
  const smoothed = smooth(losses, Math.log10(last / first) / (steps - 1));
  const points = losses.map((loss, i) => ({ rate: rates[i]!, loss, smoothed: smoothed[i]! }));
  const proposal = ended === "interrupted" ? undefined : proposeRate(points);
  return { points, ended, ...(proposal === undefined ? {} : { proposal }) };
}

/** The batches that training sets its first ranges from. */
async function calibrationBatches(loader: DataLoader, { quantize, init }: Recipe) {
  const count = Math.max(quantize.calibration_batches, init === "" ? 0 : 1), batches: Batch[] = [];
  for (let i = 0; i < Math.min(count, loader.sampler.stepsPerEpoch); i++) {
    batches.push(await loader.trainBatch(i));
  }
  return batches;
}

/** Trains a step at each rate, until the loss has clearly risen. */
async function train(
  network: Network,
  loader: DataLoader,
  rates: readonly number[],
  { signal, progress }: RateOptions,
): Promise<Pick<RateTest, "ended"> & { readonly losses: readonly number[] }> {
  const { executor, program } = network, losses: number[] = [];
  let average = 0, weight = 0, first = -Infinity, lowest = Infinity;
  for (const [step, rate] of rates.entries()) {
    if (signal?.aborted) return { losses, ended: "interrupted" };
    const batch = await loader.trainBatch(step, rates.length);
    await network.submit(batch, step, rate);
    // What only later steps need is compiled while the first one is computed.
    if (step === 0) await executor.ready(Object.values(program.sections).flat());
    const { loss, nonfinite } = (await network.collect())[0]!;
    if (nonfinite || !Number.isFinite(loss)) return { losses, ended: "nonfinite" };
    losses.push(loss);
    progress?.(
      `step ${step + 1}/${rates.length} | lr ${rate.toExponential(1)} | ${loss.toFixed(4)}`,
    );
    average = KEPT * average + (1 - KEPT) * loss;
    weight = KEPT * weight + 1 - KEPT;
    const now = average / weight;
    if (step < MIN_RATE_STEPS / 5) first = Math.max(first, now);
    lowest = Math.min(lowest, now);
    const most = Math.max(RISE_OVER_LOWEST * lowest, RISE_OVER_FIRST * first);
    if (step >= MIN_RATE_STEPS / 5 && now > most) return { losses, ended: "rise" };
  }
  return { losses, ended: "range" };
}

/** Averages by a bell curve over the rates around. @param spacing of the steps, in powers of ten */
function smooth(losses: readonly number[], spacing: number): number[] {
  const reach = Math.ceil(3 * SMOOTHING / spacing);
  return losses.map((_, at) => {
    let sum = 0, weight = 0;
    for (let i = Math.max(0, at - reach); i <= Math.min(losses.length - 1, at + reach); i++) {
      const share = Math.exp(-0.5 * ((i - at) * spacing / SMOOTHING) ** 2);
      sum += share * losses[i]!;
      weight += share;
    }
    return sum / weight;
  });
}

/**
 * Proposes a rate: the one at which the loss has done half of its fall. It stands where the loss falls
 * fastest, and noise moves it less than the steepest step; `undefined` where the loss does not fall.
 */
export function proposeRate(points: readonly Omit<RatePoint, "loss">[]): number | undefined {
  let lowest = 0, highest = 0;
  points.forEach(({ smoothed }, i) => smoothed < points[lowest]!.smoothed && (lowest = i));
  for (let i = 0; i < lowest; i++) {
    if (points[i]!.smoothed > points[highest]!.smoothed) highest = i;
  }
  if (points.length === 0) return undefined;
  const top = points[highest]!.smoothed, fall = top - points[lowest]!.smoothed;
  if (!(fall > MIN_FALL * top)) return undefined;
  const half = points.findLastIndex(({ smoothed }, i) => i <= lowest && smoothed > top - fall / 2);
  return Number(points[half]!.rate.toPrecision(2));
}
