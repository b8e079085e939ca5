/**
 * Advice when a device is out of memory: which memory budget would fit, and how the plan would split
 * the batch for it.
 *
 * @module
 */
import { DeviceMemoryError, ModelError } from "../../core/errors.ts";
import { type PeakMemory, peakMemory } from "../../program/memory/peak.ts";
import { type DataShape, plan } from "../../program/plan.ts";
import type { Program } from "../../program/program.ts";
import type { EstimatorMakers } from "../../quant/estimator.ts";
import type { Recipe } from "../../recipe/recipe.ts";
import { bytes } from "../../core/format.ts";

/**
 * Bytes to leave for what needs memory beside the buffers: compiled kernels, batches in transfer. On
 * llvmpipe, which uses the memory of the process, a small network takes 60 MiB. At most half of the
 * available memory is left.
 */
const SPARE_BYTES = 64 * 2 ** 20;
/** Share of the planned bytes to advise when the available memory is unknown. */
const AVAILABLE_SHARE = 0.75;
const KIB = 2 ** 10, MIB = 2 ** 20;

/**
 * Adds to a memory error what was planned, what the device has, and what would fit. Returns any other
 * error as it is.
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
    ? `the device gives ${bytes(available)}`
    : "the device ran out of memory";
  const problem =
    `out of memory: the plan needs ${bytes(planned.total)} (${shares(planned)}), but ` +
    limit;
  const remedy = remedyFor(recipe, data, budget, largest, estimators);
  return new DeviceMemoryError(`${problem}. ${remedy}`, available, largest);
}

/** Describes what to set. */
function remedyFor(
  recipe: Recipe,
  data: DataShape,
  budget: number,
  largest: number | undefined,
  estimators: EstimatorMakers | undefined,
): string {
  const { train } = recipe, largestBatch = train.micro_batch || train.batch;
  let refusal = "";
  for (let micro = largestBatch; micro >= 1; micro--) {
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
      if (budget > 0) break; // The plan has tried all smaller micro-batches.
    }
  }
  return refusal || "No smaller batch would fit: use a narrower network or smaller images";
}

function setting({ batch, recomputed }: Program, budget: number, { train }: Recipe): string {
  const cut = batch < (train.micro_batch || train.batch);
  if (budget === 0) return `train.micro_batch=${batch} would fit, or train.batch=${batch}`;
  const how = [
    ...(recomputed?.length ? [`outputs of ${recomputed.length} norms recomputed`] : []),
    ...(cut ? [`micro-batches of ${batch}`] : []),
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

/** Rounds bytes down to whole MiB, or KiB where they are few. */
function roundBudget(bytes: number): number {
  const unit = bytes < 32 * MIB ? KIB : MIB;
  return Math.floor(bytes / unit) * unit;
}

/** Formats a budget as in a recipe. */
function formatBudget(budget: number): string {
  return budget % MIB === 0 ? `${budget / MIB}MiB` : `${budget / KIB}KiB`;
}
