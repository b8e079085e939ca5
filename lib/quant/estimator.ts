/**
 * Range estimators: which range quantizes a tensor, from the statistics of its values. A program may
 * bring its own ({@linkcode EstimatorMakers}); those of qtrain are in `estimators/`, a file each.
 *
 * @module
 */
import type { Range } from "./range.ts";
import type { UsableStatistics } from "./statistics.ts";

/** The settings of a quantizer's estimator; an estimator reads those that it needs. */
export interface EstimatorSettings {
  /** The estimator's name. */
  readonly estimator: string;
  /** η of an average: the share that the old range keeps. */
  readonly momentum: number;
  /** Steps that `delayed-max` looks back over. */
  readonly window: number;
  /** Powers of two that `delayed-max` leaves above the largest value. */
  readonly margin: number;
  /** Steps between two searches of `dsgc`. */
  readonly interval: number;
  /** Whether `dsgc` scales the learning rate of the layer that gets the gradient. */
  readonly scale_rate: boolean;
  /** The range of `fixed`. */
  readonly range?: readonly [low: number, high: number];
}

/** The rule that sets a quantizer's range. One object serves one quantizer. Values are f32. */
export interface Estimator {
  /**
   * `static`: `next` gives the range of the next step, so a tensor is quantized in one pass.
   * `dynamic`: `next` gives the range of the step that was just observed, so the tensor goes to memory
   * as f32 and is quantized in a second pass.
   */
  readonly kind: "static" | "dynamic";
  /** A range that is known from the start and never changes. */
  readonly initial?: Range;
  /** Number of f32 values that it keeps beside the range, at most `MAX_MEMORY` (layouts.ts). Default 0. */
  readonly memory?: number;
  /**
   * The same rule in kernels/update_ranges/shader.wgsl: its number there, and up to four settings.
   * Without it the rule runs on the host, which a dynamic estimator pays for with a wait of about 11 ms
   * for each quantizer and step.
   */
  readonly device?: { readonly rule: number; readonly settings: readonly number[] };
  /** The device searches for the range in the tensor itself, every `interval` steps. */
  readonly search?: { readonly interval: number; readonly scaleRate: boolean };
  /**
   * Returns the next range.
   *
   * @param range the present range; `undefined` before the first
   * @param seen the statistics of the tensor in this step
   * @param memory what it keeps from call to call, zeros at first; part of a checkpoint
   */
  next(range: Range | undefined, seen: UsableStatistics, memory: Float32Array): Range;
}

/** Makes an estimator from the settings of a quantizer. */
export type EstimatorMaker = (settings: EstimatorSettings) => Estimator;

/** Estimators by the name that a recipe uses. */
export type EstimatorMakers = Readonly<Record<string, EstimatorMaker>>;

/** An estimator that comes with qtrain, and how it appears in recipes, reports and warnings. */
export interface EstimatorDefinition {
  /** Its range in a phrase, as in the table of docs/ranges.md. */
  readonly description: string;
  /** The settings that it reads, with their defaults. */
  readonly defaults: Partial<EstimatorSettings>;
  /** Its settings in words, to follow its name; starts with a space. */
  label?(settings: EstimatorSettings): string;
  /** The setting that widens a range which clips too much. */
  readonly widen?: {
    readonly verb: "lower" | "raise" | "widen";
    readonly setting: "momentum" | "margin" | "interval" | "range";
  };
  /** Whether it widens a range at once, as few others do. */
  readonly opensAtOnce?: true;
  readonly make: EstimatorMaker;
  /** The rule that the device runs: its number in the shader, and the estimator of its settings. */
  readonly rule?: {
    readonly number: number;
    of(settings: readonly number[]): Estimator;
  };
}

/** The range from the smallest to the largest value. */
export function extremes({ min, max }: UsableStatistics): Range {
  return { low: min, high: max };
}

/** The largest magnitude. */
export function magnitude({ min, max }: UsableStatistics): number {
  return Math.max(-min, max);
}
