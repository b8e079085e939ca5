/**
 * Creates steps of a program. TypeScript checks constants and buffers against the kernel's descriptor.
 *
 * @module
 */
import type {
  Constants,
  Kernel,
  KernelBuffer,
  KernelOf,
  StepBuffers,
  StepConstants,
} from "../../kernels/define_kernel.ts";
import type { BufferKind, BufferSpec, Program, Step } from "./program.ts";

/** Settings of a program that the constants of every step depend on. */
export type StepContext = Pick<Program, "arithmetic" | "micros">;

/**
 * Creates a step. Adds the constants that depend on the program, without those of a tile, which the
 * executor chooses.
 */
export function newStep<
  const C extends Kernel["constants"],
  const B extends Readonly<Record<string, KernelBuffer>>,
>(
  context: StepContext,
  layer: string,
  kernel: KernelOf<C, B>,
  constants: StepConstants<C>,
  buffers: StepBuffers<B>,
  more: Pick<Step, "quantizer" | "phase" | "pass" | "afterLoad" | "output"> = {},
): Step {
  const bound = Object.entries<string | undefined>(buffers).filter(
    (entry): entry is [string, string] => entry[0] in kernel.buffers && entry[1] !== undefined,
  );
  return {
    kernel,
    layer,
    constants: complete(kernel, constants, context),
    buffers: Object.fromEntries(bound),
    ...more,
  };
}

function complete(
  kernel: Kernel,
  given: Constants,
  { arithmetic, micros }: StepContext,
): Constants {
  const decided: Constants = {
    INT8: arithmetic === "int8" ? 1 : 0,
    ACCUMULATE: micros > 1 ? 1 : 0,
  };
  const all = Object.entries(kernel.constants).flatMap(([name, kind]) => {
    if (kind === "tile" || kind === "tile operand") return [];
    const value = typeof kind === "number" ? kind : given[name] ?? decided[name] ?? 0;
    return [[name, value] as const];
  });
  return Object.fromEntries(all);
}

/** Returns the step with other constants. */
export function withConstants(step: Step, constants: Constants): Step {
  return { ...step, constants: { ...step.constants, ...constants } };
}

/** Returns the program with every step replaced. */
export function mapSteps(
  program: Program,
  change: (step: Step, section: keyof Program["sections"]) => Step | readonly Step[],
): Program {
  const map = (section: keyof Program["sections"]) =>
    program.sections[section].flatMap((step) => change(step, section));
  return {
    ...program,
    sections: {
      forward: map("forward"),
      loss: map("loss"),
      backward: map("backward"),
      update: map("update"),
      schedule: map("schedule"),
      weights: map("weights"),
      exchange: map("exchange"),
      calibrate: map("calibrate"),
    },
  };
}

/** Creates a buffer of at least `bytes`. */
export function newBuffer(
  name: string,
  bytes: number,
  kind: BufferKind,
): BufferSpec {
  return { name, bytes: Math.max(16, Math.ceil(bytes / 16) * 16), kind };
}
