/**
 * What the folder of a run tells, as far as it has been written: read again while the run goes on.
 *
 * @module
 */
import type { EvaluationRecord } from "../metrics/evaluation_record.ts";

/**
 * How a run stands: as its summary says; `running` while a process has locked the folder; `stopped`
 * when it has no summary, or went on after it, and nobody writes it: it was killed.
 */
export type RunStatus = "done" | "interrupted" | "diverged" | "running" | "stopped";

/** A logged step. */
export interface StepPoint {
  readonly step: number;
  readonly epoch: number;
  /** In nats; null where it is not a number. */
  readonly loss: number | null;
  /** On the batch, 0–1. */
  readonly accuracy: number | null;
  readonly learningRate: number | null;
  readonly gradientNorm?: number;
  readonly imagesPerSecond: number | null;
  /** 0–1. */
  readonly dataWaitShare: number | null;
  /** Share of activation and gradient values outside their range, 0–1. */
  readonly clipped: number | null;
}

/** An epoch that has ended. */
export interface EpochPoint {
  readonly epoch: number;
  readonly step: number;
  readonly trainLoss: number | null;
  readonly trainAccuracy: number | null;
  readonly testLoss: number | null;
  readonly testAccuracy: number | null;
  readonly seconds: number | null;
}

/** A quantizer at a logged step: the range in use, the observed minimum and maximum. */
export interface RangePoint {
  readonly step: number;
  readonly low: number | null;
  readonly high: number | null;
  readonly min: number | null;
  readonly max: number | null;
  /** Share of its values outside the range, 0–1. */
  readonly clipped: number | null;
}

/** What is known of one quantizer. */
export interface QuantizerLog {
  /** Evenly spaced points, and the last one. */
  readonly points: readonly RangePoint[];
  /** Mean clipped share over all logged steps, 0–1. */
  readonly clipped: number;
}

/** What is known of a run. Its parts are replaced, never changed, as the run goes on. */
export interface RunView {
  /** Path of the folder, as given. */
  readonly path: string;
  /** Last part of the path. */
  readonly name: string;
  readonly status: RunStatus;
  /** Where and why it diverged. */
  readonly reason?: string;
  /** `recipe.yaml`, every default written out; empty where it is missing. */
  readonly recipeText: string;
  /** The recipe as a plain value; undefined where it cannot be read. */
  readonly recipe: Readonly<Record<string, unknown>> | undefined;
  /** `summary.json`; undefined before the run ends. */
  readonly summary: Readonly<Record<string, unknown>> | undefined;
  /** Logged steps: evenly spaced, and the last one. */
  readonly steps: readonly StepPoint[];
  readonly epochs: readonly EpochPoint[];
  /** By name, in the order of the network. */
  readonly quantizers: ReadonlyMap<string, QuantizerLog>;
  readonly evaluation: EvaluationRecord | undefined;
  /** What could not be read, in words, for the reader of the page: damaged lines, for example. */
  readonly problems: readonly string[];
}
