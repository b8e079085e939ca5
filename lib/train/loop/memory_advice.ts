/**
 * What a person can do when a device is out of memory: which budget the plan would keep, and how it
 * would cut the batch for it.
 *
 * @module
 */
import { DeviceMemoryError, ModelError } from "../../core/errors.ts";
import { type PeakMemory, peakMemory } from "../../program/memory/peak.ts";
import { type DataShape, plan } from "../../program/plan.ts";
import type { Program } from "../../program/program.ts";
import type { EstimatorMakers } from "../../quant/estimator.ts";
import type { Recipe } from "../../recipe/types.ts";
import { bytes } from "../../core/format.ts";

/**
 * Bytes that are left for what comes beside the buffers: compiled kernels, batches on their way. On
 * llvmpipe, whose memory is the process's own, a small network takes 60 MiB. No more than half is left.
 */
const SPARE_BYTES = 64 * 2 ** 20;
/** Of a plan that was refused while it ran, when nobody knows how much would have been there. */
const AVAILABLE_SHARE = 0.75;
const KIB = 2 ** 10, MIB = 2 ** 20;

/**
 * The error with what was planned, what the device gives, and what would fit it; any other error as it
 * is.
 */
export function withMemoryAdvice(
  error: unknown,
  recipe: Recipe,
  data: DataShape,
  program: Program,
  estimators?: EstimatorMakers,
): unknown {
  if (!(error instanceof DeviceMemoryError)) return error;
  const { available, largest } = error, planned = peakMemory(program);
  const budget = available === undefined
    ? largest === undefined ? roundBudget(planned.total * AVAILABLE_SHARE) : 0
    : roundBudget(Math.max(available - SPARE_BYTES, available / 2));
  const limit = largest !== undefined
    ? `one buffer may take ${bytes(largest)} here, and ${largestOf(program)}`
    : available !== undefined
    ? `the GPU gives ${bytes(available)}`
    : "the GPU ran out of memory";
  const problem =
    `out of memory: the plan needs ${bytes(planned.total)} (${shares(planned)}), but ` +
    limit;
  const remedy = remedyFor(recipe, data, budget, largest, estimators);
  return new DeviceMemoryError(`${problem}. ${remedy}`, available, largest);
}

/** What to set, in words. */
function remedyFor(
  recipe: Recipe,
  data: DataShape,
  budget: number,
  largest: number | undefined,
  estimators: EstimatorMakers | undefined,
): string {
  const { train } = recipe, most = train.micro_batch || train.batch;
  let refusal = "";
  for (let micro = most; micro >= 1; micro--) {
    if (train.batch % micro !== 0) continue;
    const smaller: Recipe = {
      ...recipe,
      memory: budget || recipe.memory,
      train: { ...train, micro_batch: micro },
    };
    try {
      const { program } = plan(smaller, data, { estimators });
      if (largest !== undefined && largestBytes(program) > largest) continue;
      return setting(program, budget, recipe);
    } catch (error) {
      if (!(error instanceof ModelError)) throw error;
      refusal = error.message;
      if (budget > 0) break; // It has tried all that are smaller.
    }
  }
  return refusal || "No smaller batch would fit: use a narrower network or smaller images";
}

function setting({ batch, recomputed }: Program, budget: number, { train }: Recipe): string {
  const cut = batch < (train.micro_batch || train.batch);
  const pieces = `micro-batches of ${batch}`;
  if (budget === 0) return `train.micro_batch=${batch} would fit, or train.batch=${batch}`;
  const how = [
    ...(recomputed?.length ? [`outputs of ${recomputed.length} norms computed again`] : []),
    ...(cut ? [pieces] : []),
  ].join(", ");
  return `memory=${formatBudget(budget)} would fit${how ? ` (${how})` : ""}` +
    (cut ? `, or train.batch=${batch}` : "");
}

function shares({ parameters, optimizer, activations, gradients }: PeakMemory): string {
  return `parameters and optimizer ${bytes(parameters + optimizer)}, activations and gradients ` +
    bytes(activations + gradients);
}

function sizes({ buffers, layout }: Program): { name: string; bytes: number }[] {
  const regions = layout?.regions.map((bytes, i) => ({ name: `region ${i}`, bytes })) ?? [];
  return [...buffers, ...regions];
}

function largestBytes(program: Program): number {
  return Math.max(...sizes(program).map((b) => b.bytes));
}

function largestOf(program: Program): string {
  const [most] = sizes(program).sort((a, b) => b.bytes - a.bytes);
  return `${most!.name} takes ${bytes(most!.bytes)}`;
}

/** A number of bytes that a person would write, at most `bytes`. */
function roundBudget(bytes: number): number {
  const unit = bytes < 32 * MIB ? KIB : MIB;
  return Math.floor(bytes / unit) * unit;
}

/** As a recipe has it. */
function formatBudget(budget: number): string {
  return budget % MIB === 0 ? `${budget / MIB}MiB` : `${budget / KIB}KiB`;
}
