/**
 * What statistics cost in an epilogue: beside a step that records them, the same step that does not
 * (the constant QUIET of kernels/include/quantize.wgsl), which writes the same codes.
 *
 * @module
 */
import type { Program, Sections, Step } from "../program/program.ts";

/** Whether a step is a convolution that records statistics of the codes that it writes. */
export function recordsStatistics({ kernel, constants }: Step): boolean {
  return /^(conv|depthwise)_(forward|backward_input)/.test(kernel) && constants.INT8 === 1 &&
    constants.STORE === 1 && constants.QUIET === 0;
}

/** A program in which a silent twin follows on each step that `of` says yes to. */
export function withQuietTwins(
  program: Program,
  of: (step: Step) => boolean,
): { readonly program: Program; readonly twins: ReadonlyMap<Step, Step> } {
  const twins = new Map<Step, Step>();
  const sections = Object.fromEntries(
    Object.entries(program.sections).map(([name, steps]: [string, readonly Step[]]) => [
      name,
      steps.flatMap((step) => {
        if (!of(step)) return [step];
        const twin: Step = { ...step, constants: { ...step.constants, QUIET: 1 } };
        twins.set(step, twin);
        return [step, twin];
      }),
    ]),
  ) as unknown as Sections;
  return { program: { ...program, sections }, twins };
}
