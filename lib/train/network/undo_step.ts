/**
 * Undoes a step that was not finite: the few changes that it made before it was held back.
 *
 * @module
 */
import { runningBefore } from "../../../kernels/include/norm.ts";
import { normCoefficients } from "../../../kernels/norm_coefficients/kernel.ts";
import type { Executor } from "../../runtime/executor.ts";
import type { Program } from "../../program/program.ts";
import type { Scheduler } from "../../quant/scheduler.ts";

/**
 * Undoes what a step changed before kernels/check_finite/shader.wgsl held it back: running statistics,
 * of which each norm has kept the values from before the step, and ranges that were set between
 * computing a tensor and quantizing it, which the host still has. Then lets steps run again.
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
