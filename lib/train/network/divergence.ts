/**
 * Finds the first number of a step, or of a network's state, that is not finite.
 *
 * @module
 */
import { normalizeInput } from "../../../kernels/normalize_input/kernel.ts";
import type { Executor } from "../../runtime/executor.ts";
import { accesses } from "../../program/memory/lifetimes.ts";
import { trainedBuffers, wordsOfQuantizers } from "../../program/passes/nonfinite_guard.ts";
import type { Program, Step } from "../../program/program.ts";
import { selectSteps } from "../../program/select_steps.ts";
import { SLOT } from "../../quant/layouts.ts";
import type { Observation } from "../../quant/scheduler.ts";
import type { Batch } from "../../data/batch.ts";
import { microBatchOf } from "./micro_batch.ts";
import type { NetworkState } from "./types.ts";

/** A tensor with values that are not finite. */
export interface Nonfinite {
  /** Layer that computed the tensor. */
  readonly layer: string;
  /** Name of the tensor. */
  readonly tensor: string;
  /** Layer, tensor and problem in words. */
  readonly where: string;
  /** Whether the tensor outlives the step: weights, optimizer state, running statistics. */
  readonly persistent: boolean;
}

const nonfiniteIn = (
  layer: string,
  what: string,
  tensor: string,
  how: string,
  persistent = false,
) => ({
  layer,
  tensor,
  where: `layer ${layer}, ${what} ${tensor}: ${how}`,
  persistent,
});

/** Describes the first tensor of a state that is not finite, such as a variance that overflowed. */
export function describeNonfiniteState(state: NetworkState, program?: Program): string | undefined {
  return persistentNonfinite(state, program)?.where;
}

/** Finds the first tensor of a state that is not finite, in the order of the program's layers. */
export function persistentNonfinite(state: NetworkState, program?: Program): Nonfinite | undefined {
  const optimizer = [...state.optimizer.values()].flat();
  const all = [...state.running, ...state.parameters, ...optimizer];
  const bad = all.filter(({ data }) => data.some((v) => !Number.isFinite(v)));
  if (bad.length === 0) return undefined;
  // The name of a layer may contain points; the names of its tensors do not.
  const layerOf = (name: string) => name.slice(0, name.lastIndexOf("."));
  const order = program?.sections.forward.map(({ layer }) => layer) ?? [];
  const at = (name: string) => order.indexOf(layerOf(name));
  const { name } = bad.toSorted((a, b) => at(a.name) - at(b.name))[0]!;
  return nonfiniteIn(layerOf(name), "tensor", name, "not finite", true);
}

/**
 * Finds what was not finite first in a step, from its loss, the statistics of its quantizers, and the
 * counts of its parameters (lib/program/passes/nonfinite_guard.ts). `undefined` when all is finite.
 */
export function firstNonfinite(
  program: Program,
  loss: number,
  observations: readonly Observation[],
  statistics: Uint32Array,
): Nonfinite | undefined {
  const { sections: s, quantizers } = program, first = wordsOfQuantizers(quantizers.length);
  const fine = Number.isFinite(loss) && observations.every((o) => o.nonfinite === 0) &&
    statistics.subarray(first).every((word) => word === 0);
  if (fine) return undefined;
  const names = trainedBuffers(program);
  for (const step of [...s.forward, ...s.loss, ...s.backward, ...s.update]) {
    const bad = nonfiniteQuantizer(step, observations) ??
      nonfiniteParameter(step, statistics, first, names);
    // Scores have no quantizer, and of finite ones all that the loss makes is finite.
    const scores = s.loss.includes(step) && (bad || !Number.isFinite(loss));
    if (scores) return nonfiniteScores(program, step);
    if (bad) return bad;
  }
  const { quantizer: q } = observations.find((o) => o.nonfinite > 0) ?? {};
  return nonfiniteIn(q?.layer ?? "of the loss", "quantizer", q?.name ?? "loss", "not finite");
}

function nonfiniteScores({ sections }: Program, { buffers }: Step): Nonfinite {
  return nonfiniteIn(sections.forward.at(-1)!.layer, "tensor", buffers.logits!, "not finite");
}

function nonfiniteQuantizer(
  { quantizer, kernel, constants }: Step,
  observations: readonly Observation[],
): Nonfinite | undefined {
  // The quantizer of the input is never waited for, so no step names it as its own.
  const row = kernel === normalizeInput && constants.STORE ? constants.X_ROW : quantizer;
  if (row === undefined || observations[row]!.nonfinite === 0) return undefined;
  const { quantizer: { name, layer, elements }, nonfinite } = observations[row]!;
  return nonfiniteIn(layer, "quantizer", name, `${nonfinite} of ${elements} values are not finite`);
}

function nonfiniteParameter(
  { kernel, layer, constants }: Step,
  statistics: Uint32Array,
  first: number,
  names: readonly string[],
): Nonfinite | undefined {
  for (const [constant, kind] of Object.entries(kernel.constants)) {
    if (typeof kind !== "object") continue;
    const at = constants[constant]!;
    if (at < first || statistics[at] === 0) continue;
    const name = names[Math.floor((at - first) / SLOT.words)]!;
    switch (kind.in) {
      case "statistics":
        return nonfiniteIn(
          layer,
          "tensor",
          `${layer}.statistics`,
          "mean or variance is not finite",
        );
      case "update":
        return nonfiniteIn(layer, "tensor", name, "not finite after the update", true);
      case "gradient":
        return nonfiniteIn(layer, "tensor", `${name}.gradient`, "not finite");
    }
  }
  return undefined;
}

/**
 * Runs a step kernel by kernel up to the gradients and returns the first tensor that is not finite:
 * for programs without quantizers, which are what counts such values, and the number of its micro-batch.
 * Changes no persistent tensor.
 *
 * @param step counts from 0
 */
export async function locateNonfinite(
  network: {
    readonly program: Program;
    readonly executor: Executor;
    /** Those of the step whose images the batch holds. */
    readonly microBatches: readonly number[];
    readonly seed: number;
    readonly classWeights: Float32Array<ArrayBuffer>;
  },
  batch: Batch,
  step: number,
): Promise<{ readonly nonfinite: Nonfinite; readonly micro: number } | undefined> {
  const { program, executor } = network, { forward, loss, backward } = program.sections;
  const steps = selectSteps([...forward, ...loss, ...backward], program.quantizers, {
    phase: "train",
  });
  executor.run([], ["statistics", "metrics"]);
  for (const [at, micro] of network.microBatches.entries()) {
    const settings = { step, learningRate: 0, normWeight: 0 };
    const parts = microBatchOf(network, batch, settings, micro, at);
    for (const [name, data] of Object.entries(parts)) executor.write(name, data);
    for (const one of steps) {
      executor.run([one]);
      const nonfinite = await nonfiniteOutput(program, executor, one);
      if (nonfinite) return { nonfinite, micro };
    }
  }
  return undefined;
}

/** Finds the first f32 tensor that is not finite among those that a step has just written. */
async function nonfiniteOutput(
  program: Program,
  executor: Executor,
  step: Step,
): Promise<Nonfinite | undefined> {
  const known = new Set(
    program.buffers.filter(({ name, kind }) =>
      kind === "activation" || kind === "gradient" || kind === "scratch" ||
      name.endsWith(".gradient")
    ).map(({ name }) => name),
  );
  const scratch = new Set(
    Object.entries(step.kernel.buffers).filter(([, buffer]) => buffer.scratch)
      .map(([variable]) => step.buffers[variable]),
  );
  const made = accesses(step, known).filter(({ name, writes }) => writes && !scratch.has(name))
    .map(({ name }) => name);
  for (const [i, bytes] of (await executor.read(made)).entries()) {
    const values = new Float32Array(bytes.buffer);
    if (values.every(Number.isFinite)) continue;
    if (program.sections.loss.includes(step)) return nonfiniteScores(program, step);
    return nonfiniteIn(step.layer, "tensor", made[i]!, "not finite");
  }
  return undefined;
}
