/**
 * After a step that was not finite: undoes the few changes that it made before it was held back, and
 * finds the tensor at fault.
 *
 * @module
 */
import { runningBefore } from "../../../kernels/include/norm.ts";
import { normCoefficients } from "../../../kernels/norm_coefficients/kernel.ts";
import type { Executor } from "../../runtime/executor.ts";
import type { Program } from "../../program/program.ts";
import type { Scheduler } from "../../quant/scheduler.ts";
import { type Nonfinite, nonfiniteSource } from "./divergence.ts";
import { microBatchOf } from "./micro_batch.ts";
import type { Batch } from "../../data/batch.ts";
import { selectSteps } from "../../program/select_steps.ts";

/**
 * Undoes what a step changed before kernels/check_finite/shader.wgsl held it back: running statistics, of which
 * each norm has kept the values from before the step, and ranges that were set between computing a
 * tensor and quantizing it, which the host still has. Then lets steps run again.
 */
export async function undoStep(
  { quantizers, sections }: Program,
  executor: Executor,
  scheduler: Scheduler,
): Promise<void> {
  const norms = sections.forward.filter(({ kernel }) => kernel === normCoefficients);
  const read = await executor.read(norms.map(({ buffers }) => buffers.coefficients!));
  for (const [i, { buffers, constants }] of norms.entries()) {
    const coefficients = new Float32Array(read[i]!.buffer);
    executor.write(buffers.running!, runningBefore(coefficients, constants.CHANNELS!));
  }
  for (const [row, { dynamic, search }] of quantizers.entries()) {
    if (!dynamic && !search) continue;
    const { offset, data } = scheduler.table.encode(row);
    executor.write("quantizers", data, offset);
  }
  executor.write("found_nonfinite", new Uint32Array(4));
}

/**
 * Runs a step kernel by kernel up to the gradients and returns the first tensor that is not finite:
 * for programs without quantizers, which are what counts such values. Changes no persistent tensor.
 *
 * @param step counts from 0
 */
export async function locateNonfinite(
  { program, executor, seed }: {
    readonly program: Program;
    readonly executor: Executor;
    readonly seed: number;
  },
  batch: Batch,
  step: number,
): Promise<Nonfinite | undefined> {
  const { forward, loss, backward } = program.sections;
  const steps = selectSteps([...forward, ...loss, ...backward], program.quantizers, {
    phase: "train",
  });
  executor.run([], ["statistics", "metrics"]);
  for (let micro = 0; micro < program.micros; micro++) {
    const parts = microBatchOf(
      program,
      seed,
      batch,
      { step, learningRate: 0, normWeight: 0 },
      micro,
    );
    for (const [name, data] of Object.entries(parts)) executor.write(name, data);
    for (const one of steps) {
      executor.run([one]);
      const found = await nonfiniteSource(program, executor, one);
      if (found) return found;
    }
  }
  return undefined;
}
