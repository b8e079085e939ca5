/**
 * Range estimators: which range quantizes a tensor, given what was seen of it. A program may bring
 * its own ({@linkcode EstimatorMakers}); those of qtrain are in `estimators.ts`.
 *
 * @module
 */
import type { Range } from "./range.ts";
import type { UsableStatistics } from "./statistics.ts";

/** How a range is estimated, settings included; an estimator reads those that it needs. */
export interface EstimatorSettings {
  /** The estimator's name. */
  readonly estimator: string;
  /** η of an average: what the old range keeps. */
  readonly momentum: number;
  /** Iterations that `delayed-max` looks back over. */
  readonly window: number;
  /** Powers of two that `delayed-max` leaves above the largest value. */
  readonly margin: number;
  /** Iterations between two searches of `dsgc`. */
  readonly interval: number;
  /** Whether `dsgc` scales the learning rate of what it gives gradients to. */
  readonly scale_rate: boolean;
  /** The range of `fixed`. */
  readonly range?: readonly [low: number, high: number];
}

/** The rule that sets a quantizer's range. One object serves one quantizer. Values are f32. */
export interface Estimator {
  /**
   * `static`: `next` gives the range of the next iteration, so a tensor is quantized in one pass.
   * `dynamic`: `next` gives the range of the iteration that was just seen, so the tensor goes to
   * memory and comes back.
   */
  readonly kind: "static" | "dynamic";
  /** A range that is known from the start and never changes. */
  readonly initial?: Range;
  /** How many f32 values it keeps beside the range, at most `MAX_MEMORY` (layouts.ts); 0 by default. */
  readonly memory?: number;
  /**
   * The same rule in kernels/update_ranges/shader.wgsl: its number there, and four settings. Without it the
   * rule runs on the host, which a dynamic estimator pays for with a wait of about 11 ms for each
   * quantizer and step.
   */
  readonly device?: { readonly rule: number; readonly settings: readonly number[] };
  /** The device looks for the range in the tensor itself, every `interval` iterations. */
  readonly search?: { readonly interval: number; readonly scaleRate: boolean };
  /**
   * The range.
   *
   * @param range the range so far; `undefined` when there is none yet
   * @param seen what this iteration observed
   * @param memory what it keeps from call to call, zeros at first; part of a checkpoint
   */
  next(range: Range | undefined, seen: UsableStatistics, memory: Float32Array): Range;
}

/** Makes an estimator from the settings of a quantizer. */
export type EstimatorMaker = (settings: EstimatorSettings) => Estimator;

/** Estimators by the name that a recipe uses. */
export type EstimatorMakers = Readonly<Record<string, EstimatorMaker>>;
