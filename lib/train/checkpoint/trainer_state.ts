/**
 * Where a run stands: the part of a checkpoint that is not a tensor.
 *
 * @module
 */
import { DataError } from "../../core/errors.ts";
import type { EpochEvent } from "../events.ts";

/** Where a run stands. */
export interface TrainerState {
  /** Steps done. */
  readonly step: number;
  /** Sum of the losses of the current epoch's steps. */
  readonly epochLoss: number;
  /** Number of right predictions in the current epoch's steps. */
  readonly epochCorrect: number;
  /** Figures of the last epoch that ended; `null` before the first. */
  readonly last: EpochFigures | null;
  /** Every evaluation that was better than all before it, in order; the last one is the best. */
  readonly bests: readonly BestEvaluation[];
  /**
   * Steps that were skipped because a number was not finite, and those that a rollback has planned to
   * skip; absent when there are none.
   */
  readonly skipped?: readonly SkippedStep[];
  /** Set when the steps of an epoch are done, but its evaluation was aborted: it comes first. */
  readonly unevaluated?: true;
  /** Only with `train.schedule.name: plateau`. */
  readonly plateau?: PlateauState;
  /** Only with `train.time`. */
  readonly time?: TimeState;
  /** Kind of device that the steps ran on; absent before the first, and in files of earlier versions. */
  readonly device?: "gpu" | "cpu";
}

/** A step that changed nothing, and where its first number was that is not finite. */
export interface SkippedStep {
  /** Number of the step, from 1. */
  readonly step: number;
  readonly layer: string;
  readonly tensor: string;
}

/** Where the schedule `plateau` stands. */
export interface PlateauState {
  /** Lowest test loss so far, in nats; `null` before the first. */
  readonly lowest: number | null;
  /** Epochs in a row without a lower one, since the last drop. */
  readonly waited: number;
  /** Number of drops of the learning rate. */
  readonly drops: number;
}

/** How long a run with `train.time` has taken, and its plan. */
export interface TimeState {
  /** Hours that the plan is for. */
  readonly hours: number;
  /** Seconds taken. */
  readonly seconds: number;
  /** What the last evaluation took; `null` before the first. */
  readonly evaluationSeconds: number | null;
  /** `null` before the first steps are timed. */
  readonly plan: TimePlan | null;
}

/** How many steps fit the time, and how the rest of the schedule is spread over them. */
export interface TimePlan {
  /** Step, from 0, at which the schedule has come to `progress`. */
  readonly step: number;
  /** 0–1. */
  readonly progress: number;
  /** Number of steps of the whole run. */
  readonly steps: number;
  /** Seconds taken when it was made. */
  readonly seconds: number;
  /** Seconds of a step that it counts with; 0 when the time was over before a step was timed. */
  readonly stepSeconds: number;
}

type EpochFigures =
  & Pick<EpochEvent, "trainLoss" | "testLoss" | "testAccuracy">
  // Files of earlier versions lack them.
  & Partial<Pick<EpochEvent, "testTop5" | "calibrationError">>;

interface BestEvaluation {
  /** Steps done. */
  readonly step: number;
  /** Accuracy on the test images, 0–1. */
  readonly testAccuracy: number;
}

/** The state before the first step. */
export const INITIAL_STATE: TrainerState = {
  step: 0,
  epochLoss: 0,
  epochCorrect: 0,
  last: null,
  bests: [],
};

/** Adds an evaluation to those that were better than all before them, if it is better than all. */
export function recordEvaluation(
  bests: readonly BestEvaluation[],
  evaluation: BestEvaluation,
): readonly BestEvaluation[] {
  const best = bests.at(-1);
  return !best || evaluation.testAccuracy > best.testAccuracy ? [...bests, evaluation] : bests;
}

/**
 * Reads a trainer state from JSON.
 *
 * @throws DataError when the text is something else
 */
export function decodeTrainerState(text: string, file: string): TrainerState {
  try {
    const { step, epochLoss, epochCorrect, last = null, bests = [], skipped = [], ...rest } = JSON
      .parse(text);
    if (
      isCount(step) && [epochLoss, epochCorrect].every(Number.isFinite) &&
      (last === null || isFigures(last)) && Array.isArray(bests) && bests.every(isBest) &&
      Array.isArray(skipped) && skipped.every(isSkipped) &&
      (rest.plateau === undefined || isPlateau(rest.plateau)) &&
      (rest.time === undefined || isTime(rest.time))
    ) {
      return {
        step,
        epochLoss,
        epochCorrect,
        last,
        bests,
        ...(skipped.length > 0 ? { skipped } : {}),
        ...(rest.unevaluated === true ? { unevaluated: true } : {}),
        ...(rest.plateau === undefined ? {} : { plateau: rest.plateau }),
        ...(rest.time === undefined ? {} : { time: rest.time }),
        ...(rest.device === "gpu" || rest.device === "cpu" ? { device: rest.device } : {}),
      };
    }
  } catch {
    // Reported below.
  }
  const found = text.length > 60 ? `${text.slice(0, 57)}…` : text;
  throw new DataError(`${file}: expected the position of a run in the metadata, got "${found}"`);
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

function isPlateau({ lowest, waited, drops }: Record<string, unknown>): boolean {
  return (lowest === null || Number.isFinite(lowest)) && isCount(waited) && isCount(drops);
}

const isDuration = (value: unknown): boolean => Number.isFinite(value) && (value as number) >= 0;

function isTime({ hours, seconds, evaluationSeconds, plan }: Record<string, unknown>): boolean {
  return isDuration(hours) && isDuration(seconds) &&
    (evaluationSeconds === null || isDuration(evaluationSeconds)) &&
    (plan === null || isPlan(plan as Record<string, unknown>));
}

function isPlan({ step, progress, steps, seconds, stepSeconds }: Record<string, unknown>): boolean {
  return isCount(step) && isCount(steps) && isDuration(progress) && (progress as number) <= 1 &&
    isDuration(seconds) && isDuration(stepSeconds);
}
