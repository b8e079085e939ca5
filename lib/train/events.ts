/**
 * Events that training yields, and the summary that a run ends with.
 *
 * @module
 */
import type { EvaluationRecord } from "../metrics/evaluation_record.ts";
import type { Program } from "../program/program.ts";
import type { Arithmetic } from "../quant/quantizer.ts";
import type { Observation } from "../quant/scheduler.ts";
import type { Recipe } from "../recipe/recipe.ts";
import type { QuantizationError } from "./network/in_flight_steps.ts";
import type { NetworkState } from "./network/types.ts";

/**
 * Comes before the first step. Comes again when a lost adapter was opened again; the events of steps
 * after the checkpoint are then repeated.
 */
export interface StartEvent {
  /** Kind of event. */
  readonly type: "start";
  /** The complete recipe. */
  readonly recipe: Recipe;
  /** The planned program. */
  readonly program: Program;
  /** Kind of device. */
  readonly device: "gpu" | "cpu";
  /** Name of the adapter. */
  readonly adapter: string;
  /** Bytes of the device's memory: all buffers, and what the kernels need beside them. */
  readonly memoryBytes: number;
  /** Number of training images. */
  readonly trainImages: number;
  /** Number of test images. */
  readonly testImages: number;
  /** How a folder of images was read, in words; absent for other data. */
  readonly layout?: string;
  /**
   * Number of steps of the whole run. With `train.time` those of `train.epochs` until steps are timed,
   * then as many as fit the time by the latest plan; so in other events.
   */
  readonly steps: number;
  /** Steps done at the checkpoint that the run resumes from; 0 for a new run. */
  readonly resumedFrom: number;
}

/** Comes after every step that was not skipped. */
export interface StepEvent {
  /** Kind of event. */
  readonly type: "step";
  /** Steps done, from 1. */
  readonly step: number;
  /** Number of steps of the whole run. */
  readonly steps: number;
  /** Epoch, from 1. */
  readonly epoch: number;
  /** Mean cross-entropy of the batch, in nats. */
  readonly loss: number;
  /** Accuracy on the batch, 0–1. */
  readonly accuracy: number;
  /** Learning rate of this step. */
  readonly learningRate: number;
  /** Training images a second so far; 0 while unknown. */
  readonly imagesPerSecond: number;
  /** Share of the time of training steps so far in which the device waited for images, 0–1. */
  readonly dataWaitShare: number;
  /** Global gradient norm before clipping; only with `train.clip_norm`. */
  readonly gradientNorm?: number;
  /** Share of activation and gradient values outside their range, 0–1; 0 in float32. */
  readonly clipped: number;
  /** The quantizer that clips the largest share of its values; absent when none clips. */
  readonly mostClipped?: { readonly quantizer: string; readonly share: number };
  /** Estimated seconds of training steps to come. */
  readonly secondsLeft: number;
  /** Statistics of every quantizer, by row; empty in float32. */
  readonly observations: readonly Observation[];
  /** Quantization error of each quantizer, by row; on logged steps with `telemetry: full`. */
  readonly quantizationErrors?: readonly (QuantizationError | undefined)[];
}

/** Comes in place of a {@linkcode StepEvent} after a step that was not finite and changed nothing. */
export interface SkipEvent {
  /** Kind of event. */
  readonly type: "skip";
  /** Skipped step, from 1. */
  readonly step: number;
  /** Number of steps of the whole run. */
  readonly steps: number;
  /** Epoch, from 1. */
  readonly epoch: number;
  /** Layer of the first number that was not finite. */
  readonly layer: string;
  /** Tensor of that number. */
  readonly tensor: string;
  /** Number of steps that may still be skipped. */
  readonly left: number;
}

/** Comes when the run goes back to a checkpoint; the events of steps after `to` are then repeated. */
export interface RollbackEvent {
  /** Kind of event. */
  readonly type: "rollback";
  /** Step that was not finite, from 1. It will be skipped. */
  readonly step: number;
  /** Steps done at the checkpoint. */
  readonly to: number;
  /** Layer of the first number that was not finite. */
  readonly layer: string;
  /** Tensor of that number. */
  readonly tensor: string;
  /** Description of the problem. */
  readonly problem: string;
  /** Number of steps that may still be skipped. */
  readonly left: number;
}

/** Comes after the evaluation at the end of every epoch. */
export interface EpochEvent {
  /** Kind of event. */
  readonly type: "epoch";
  /** Epoch, from 1. */
  readonly epoch: number;
  /** Number of epochs of the whole run; with `train.time` of the latest plan. */
  readonly epochs: number;
  /** Steps done. */
  readonly step: number;
  /** Mean loss over the steps of the epoch, in nats. */
  readonly trainLoss: number;
  /** Accuracy over the steps of the epoch, 0–1. */
  readonly trainAccuracy: number;
  /** Mean loss over the test images, in nats. */
  readonly testLoss: number;
  /** Accuracy on the test images, 0–1. */
  readonly testAccuracy: number;
  /** Whether that is the best of all evaluations so far. */
  readonly isBest: boolean;
  /** Share of test images whose class is among the five likeliest, 0–1; absent below six classes. */
  readonly testTop5?: number;
  /** Expected calibration error on the test images over 15 intervals of confidence, 0–1. */
  readonly calibrationError: number;
  /** Contents of `evaluation.json`: confusion matrix, calibration, the worst mistakes. */
  readonly evaluation: EvaluationRecord;
  /** Seconds that the epoch took, with its evaluation. */
  readonly seconds: number;
}

/** Result of a run, as `summary.json` holds it. */
export interface Summary {
  /** How the run ended. */
  readonly status: "done" | "interrupted" | "diverged";
  /** Number of epochs begun. */
  readonly epochs: number;
  /** Steps done. */
  readonly steps: number;
  /** Mean training loss of the last epoch that ended; null before the first. */
  readonly train_loss: number | null;
  /** Test loss of the last evaluation; null before the first. */
  readonly test_loss: number | null;
  /** Test accuracy of the last evaluation, 0–1; null before the first. */
  readonly test_accuracy: number | null;
  /** Best test accuracy of all evaluations, 0–1; null before the first. */
  readonly best_test_accuracy: number | null;
  /**
   * Share of test images whose class is among the five likeliest at the last evaluation, 0–1; absent
   * before the first, and below six classes.
   */
  readonly test_top5?: number;
  /** Expected calibration error of the last evaluation, 0–1; absent before the first. */
  readonly calibration_error?: number;
  /** Steps done at the best evaluation, the first of equal ones. Its checkpoint is kept. */
  readonly best_step: number | null;
  /**
   * Training images a second: waiting for images included; first step, calibration and evaluation
   * excluded.
   */
  readonly images_per_second: number;
  /** Share of that time in which the device waited for images, 0–1. */
  readonly data_wait_share: number;
  /** Seconds of the whole run. */
  readonly seconds: number;
  /** Bytes of the device's memory: all buffers, and what the kernels need beside them. */
  readonly peak_memory_bytes: number;
  /** Planned bytes of all buffers. */
  readonly planned_memory_bytes: number;
  /** Planned bytes of all buffers that the same recipe needs in float32. */
  readonly float32_memory_bytes: number;
  /** Name of the adapter. */
  readonly adapter: string;
  /** Kind of device. */
  readonly device: "gpu" | "cpu";
  /** Arithmetic of the recipe. */
  readonly arithmetic: Arithmetic;
  /** Names of the range estimators; null in float32. */
  readonly estimators: { weights: string; activations: string; gradients: string } | null;
  /** Where ranges were set: `host` or `device`. */
  readonly scheduler: string;
  /** Seed of the recipe. */
  readonly seed: number;
  /** Version of qtrain. */
  readonly qtrain_version: string;
  /** Number of steps skipped because a number was not finite; absent when there are none. */
  readonly skipped_steps?: number;
  /**
   * Set when `train.patience` has ended the run: its last epoch, and the one of the best test accuracy,
   * both from 1.
   */
  readonly stopped_early?: { readonly epoch: number; readonly best_epoch: number };
  /** Where and why a run diverged. */
  readonly reason?: string;
}

/** Comes last. */
export interface EndEvent {
  /** Kind of event. */
  readonly type: "end";
  /** Contents of `summary.json`. */
  readonly summary: Summary;
  /** Final weights, running statistics and ranges. */
  readonly state: NetworkState;
}

/** An event of training. */
export type TrainEvent = StartEvent | StepEvent | SkipEvent | RollbackEvent | EpochEvent | EndEvent;
