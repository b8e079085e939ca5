/**
 * The cost of statistics in an epilogue, measured against a baseline: the same step without statistics
 * (the constant QUIET of kernels/include/quantize.wgsl), which writes the same codes.
 *
 * @module
 */
import { convBackwardInput } from "../../kernels/conv_backward_input/kernel.ts";
import { convForward } from "../../kernels/conv_forward/kernel.ts";
import { depthwiseBackwardInput } from "../../kernels/depthwise_backward_input/kernel.ts";
import { depthwiseForward } from "../../kernels/depthwise_forward/kernel.ts";
import type { Kernel } from "../../kernels/define_kernel.ts";
import type { Program, Sections, Step } from "../program/program.ts";

const CONVOLUTIONS: ReadonlySet<Kernel> = new Set<Kernel>([
  convBackwardInput,
  convForward,
  depthwiseBackwardInput,
  depthwiseForward,
]);

/** Whether a step is a convolution that records statistics of its output codes. */
export function recordsStatistics({ kernel, constants }: Step): boolean {
  return CONVOLUTIONS.has(kernel) && constants.INT8 === 1 &&
    constants.STORE === 1 && constants.QUIET === 0;
}

/**
 * Adds a baseline step after each selected step.
 *
 * @returns the changed program, and the baseline of each selected step
 */
export function withBaselineSteps(
  program: Program,
  select: (step: Step) => boolean,
): { readonly program: Program; readonly baselines: ReadonlyMap<Step, Step> } {
  const baselines = new Map<Step, Step>();
  const sections = Object.fromEntries(
    Object.entries(program.sections).map(([name, steps]: [string, readonly Step[]]) => [
      name,
      steps.flatMap((step) => {
        if (!select(step)) return [step];
        const baseline: Step = { ...step, constants: { ...step.constants, QUIET: 1 } };
        baselines.set(step, baseline);
        return [step, baseline];
      }),
    ]),
  ) as unknown as Sections;
  return { program: { ...program, sections }, baselines };
}
