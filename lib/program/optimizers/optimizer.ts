/**
 * What an optimizer is: its kernel, the state that it keeps of each parameter, and the constants that
 * follow from its settings.
 *
 * @module
 */
import type { Kernel } from "../../../kernels/define_kernel.ts";
import type { OptimizerSpec } from "../../recipe/train.ts";
import type { Step } from "../program.ts";
import type { StepContext } from "../step.ts";

/** Constants that every optimizer's kernel has. */
interface UpdateConstants {
  /** Vectors of four values, with padding. */
  readonly SIZE: number;
  /** 1: the minimum and maximum of the new weights go to the statistics of quantizer `W_ROW`. */
  readonly STORE: number;
  readonly W_ROW: number;
  readonly WEIGHT_DECAY: number;
  /** 1: the learning rate is scaled by the factor of quantizer `RATE_ROW`. */
  readonly SCALED: number;
  readonly RATE_ROW: number;
  /** 1: gradients are clipped by their norm. */
  readonly CLIP: number;
}

/** Factors that correct a bias towards the initial state; 1: none. */
interface StepCorrections {
  readonly firstCorrection: number;
  readonly secondCorrection: number;
}

/** An optimizer. */
export interface Optimizer {
  readonly kernel: Kernel;
  /**
   * The state of a parameter, as large as the parameter and initially 0: the end of its buffer's name,
   * `PARAMETER.END`, and the prefix of its tensors in checkpoints.
   */
  readonly state: Readonly<Record<string, string>>;
  /** Its settings in words, for the table of settings. */
  label(settings: OptimizerSpec): string;
  /** The update of a parameter, or of a shard of one; its gradient is in the buffer `NAME.gradient`. */
  step(
    context: StepContext,
    parameter: { readonly name: string; readonly layer: string },
    constants: UpdateConstants,
    settings: OptimizerSpec,
  ): Step;
  /** The corrections of a step, counted from 0; absent: it has none. */
  corrections?(settings: OptimizerSpec, step: number): StepCorrections;
}
