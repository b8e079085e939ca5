/**
 * What training tells of itself, and the summary that it ends with.
 *
 * @module
 */
import type { Program } from "../program/program.ts";
import type { Arithmetic } from "../quant/quantizer.ts";
import type { Observation } from "../quant/scheduler.ts";
import type { Recipe } from "../recipe/types.ts";
import type { QuantizationError } from "./network/quantization_error.ts";
import type { NetworkState } from "./network/types.ts";

/** Before the first step; again when a lost adapter was opened anew, and steps are told again. */
export interface StartEvent {
  /** Which event. */
  readonly type: "start";
  /** The recipe, complete. */
  readonly recipe: Recipe;
  /** What the executor runs. */
  readonly program: Program;
  /** Where it runs. */
  readonly device: "gpu" | "cpu";
  /** The adapter in words. */
  readonly adapter: string;
  /** Images to learn from. */
  readonly trainImages: number;
  /** Images to measure on. */
  readonly testImages: number;
  /** Steps of the whole run. */
  readonly steps: number;
  /** Steps that the checkpoint had done; 0 for a new run. */
  readonly resumedFrom: number;
}

/** After every step. */
export interface StepEvent {
  /** Which event. */
  readonly type: "step";
  /** Steps done, from 1. */
  readonly step: number;
  /** Steps of the whole run. */
  readonly steps: number;
  /** From 1. */
  readonly epoch: number;
  /** Mean cross-entropy of the batch, in nats. */
  readonly loss: number;
  /** Of the batch, 0–1. */
  readonly accuracy: number;
  /** Learning rate of this step. */
  readonly rate: number;
  /** Training images a second so far; 0 while unknown. */
  readonly imagesPerSecond: number;
  /** Share of the time of training steps so far in which the device waited for images, 0–1. */
  readonly dataWaitShare: number;
  /** The norm of all gradients together, before they are clipped; only with `train.clip_norm`. */
  readonly gradientNorm?: number;
  /** Share of activation and gradient values outside their range; 0 in float32. */
  readonly clipped: number;
  /** The quantizer that clips the largest share of its values; absent where none clips. */
  readonly mostClipped?: { readonly quantizer: string; readonly share: number };
  /** Estimated seconds of training steps to come. */
  readonly secondsLeft: number;
  /** What every quantizer saw; empty in float32. */
  readonly observations: readonly Observation[];
  /** By row: how true codes are to real values; on logged steps with `telemetry: full`. */
  readonly fidelity?: readonly (QuantizationError | undefined)[];
}

/** After a step that was not finite and has changed nothing; it has no {@linkcode StepEvent}. */
export interface SkipEvent {
  /** Which event. */
  readonly type: "skip";
  /** The step, from 1. */
  readonly step: number;
  /** Steps of the whole run. */
  readonly steps: number;
  /** From 1. */
  readonly epoch: number;
  /** The layer in which a number was not finite first. */
  readonly layer: string;
  /** The tensor. */
  readonly tensor: string;
  /** Steps that may still be left out. */
  readonly left: number;
}

/** When the run goes back; the events of steps after `to` come again. */
export interface RollbackEvent {
  /** Which event. */
  readonly type: "rollback";
  /** The step that was not finite, from 1; it will be left out. */
  readonly step: number;
  /** Steps done at the checkpoint that it goes back to. */
  readonly to: number;
  /** The layer in which a number was not finite first. */
  readonly layer: string;
  /** The tensor. */
  readonly tensor: string;
  /** What was found, in words. */
  readonly problem: string;
  /** Steps that may still be left out. */
  readonly left: number;
}

/** After every epoch. */
export interface EpochEvent {
  /** Which event. */
  readonly type: "epoch";
  /** From 1. */
  readonly epoch: number;
  /** Epochs of the whole run. */
  readonly epochs: number;
  /** Steps done. */
  readonly step: number;
  /** Mean loss over the epoch. */
  readonly trainLoss: number;
  /** Over the epoch, 0–1. */
  readonly trainAccuracy: number;
  /** Mean loss over the test images. */
  readonly testLoss: number;
  /** 0–1. */
  readonly testAccuracy: number;
  /** Time that the epoch took, evaluation in. */
  readonly seconds: number;
}

/** The run's result; `summary.json`. */
export interface Summary {
  /** How it ended. */
  readonly status: "done" | "interrupted" | "diverged";
  /** Epochs begun. */
  readonly epochs: number;
  /** Steps done. */
  readonly steps: number;
  /** Of the last epoch that ended here; null when none did. */
  readonly train_loss: number | null;
  /** Likewise. */
  readonly test_loss: number | null;
  /** Likewise, 0–1. */
  readonly test_accuracy: number | null;
  /** The best of all evaluations, 0–1; null before the first. Of equals the first counts. */
  readonly best_test_accuracy: number | null;
  /** Steps done at the best evaluation: its checkpoint is kept. */
  readonly best_step: number | null;
  /** Of training steps: waiting for data in; first step, calibration and evaluation out. */
  readonly images_per_second: number;
  /** Of the same time, the share in which the device waited for images, 0–1. */
  readonly data_wait_share: number;
  /** The whole run. */
  readonly seconds: number;
  /** Bytes of all buffers; 0 on the CPU. */
  readonly peak_gpu_bytes: number;
  /** The adapter in words. */
  readonly adapter: string;
  /** Where it ran. */
  readonly device: "gpu" | "cpu";
  /** Of the recipe. */
  readonly arithmetic: Arithmetic;
  /** Names of the range estimators; null in float32. */
  readonly estimators: { weights: string; activations: string; gradients: string } | null;
  /** Who set the ranges. */
  readonly scheduler: string;
  /** Of the recipe. */
  readonly seed: number;
  /** Version of qtrain. */
  readonly qtrain_version: string;
  /** Steps that were left out, as a number was not finite in them; absent where none were. */
  readonly skipped_steps?: number;
  /** Where a run that diverged did. */
  readonly reason?: string;
}

/** At the end. */
export interface EndEvent {
  /** Which event. */
  readonly type: "end";
  /** What `summary.json` holds. */
  readonly summary: Summary;
  /** The final weights, norms and ranges. */
  readonly state: NetworkState;
}

/** What training tells of itself. */
export type TrainEvent = StartEvent | StepEvent | SkipEvent | RollbackEvent | EpochEvent | EndEvent;
