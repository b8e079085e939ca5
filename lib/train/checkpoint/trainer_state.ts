/**
 * Where a run stands: what a checkpoint's metadata say beside its tensors.
 *
 * @module
 */
import { DataError } from "../../core/errors.ts";

/** Where a run stands. */
export interface TrainerState {
  /** Steps done. */
  readonly step: number;
  /** Sums over the steps of the current epoch: losses and right answers. */
  readonly epochLoss: number;
  readonly epochCorrect: number;
  /** Figures of the last epoch that ended; `null` before. */
  readonly last: EpochFigures | null;
  /** Every evaluation that was better than all before it, in order; the last one is the best. */
  readonly bests: readonly Best[];
  /**
   * Steps in which a number was not finite: left out so far, or by a rollback to be left out later;
   * absent where there are none.
   */
  readonly skipped?: readonly SkippedStep[];
  /** The steps of an epoch are done, but its evaluation was cut short: it comes first. */
  readonly unevaluated?: true;
}

/** A step that has changed nothing, and why. */
export interface SkippedStep {
  /** From 1. */
  readonly step: number;
  readonly layer: string;
  readonly tensor: string;
}

/** What an epoch came to. */
export interface EpochFigures {
  readonly trainLoss: number;
  readonly testLoss: number;
  readonly testAccuracy: number;
}

/** An evaluation that was better than all before it. */
export interface Best {
  /** Steps done. */
  readonly step: number;
  /** Share of test images answered right, 0–1. */
  readonly testAccuracy: number;
}

/** Before the first step. */
export const INITIAL_STATE: TrainerState = {
  step: 0,
  epochLoss: 0,
  epochCorrect: 0,
  last: null,
  bests: [],
};

/** The evaluations that were better than all before them, with one more. Of equals the first counts. */
export function recordEvaluation(bests: readonly Best[], evaluation: Best): readonly Best[] {
  const best = bests.at(-1);
  return !best || evaluation.testAccuracy > best.testAccuracy ? [...bests, evaluation] : bests;
}

/**
 * Reads a position from JSON.
 *
 * @throws DataError when it is something else
 */
export function decodeTrainerState(text: string, file: string): TrainerState {
  try {
    const { step, epochLoss, epochCorrect, last = null, bests = [], skipped = [], unevaluated } =
      JSON.parse(text);
    if (
      isCount(step) && [epochLoss, epochCorrect].every(Number.isFinite) &&
      (last === null || isFigures(last)) && Array.isArray(bests) && bests.every(isBest) &&
      Array.isArray(skipped) && skipped.every(isSkipped)
    ) {
      return {
        step,
        epochLoss,
        epochCorrect,
        last,
        bests,
        ...(skipped.length > 0 ? { skipped } : {}),
        ...(unevaluated === true ? { unevaluated } : {}),
      };
    }
  } catch {
    // Said below.
  }
  const found = text.length > 60 ? `${text.slice(0, 57)}…` : text;
  throw new DataError(`${file}: expected the position of a run in the metadata, found "${found}"`);
}

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;

function isFigures(value: Record<string, unknown>): boolean {
  // An evaluation that is not a number is null in JSON.
  return ["trainLoss", "testLoss", "testAccuracy"].every((key) =>
    value[key] === null || typeof value[key] === "number"
  );
}

function isBest(value: Record<string, unknown>): boolean {
  return isCount(value?.step) && typeof value?.testAccuracy === "number";
}

function isSkipped(value: Record<string, unknown>): boolean {
  return isCount(value?.step) && typeof value?.layer === "string" &&
    typeof value?.tensor === "string";
}
