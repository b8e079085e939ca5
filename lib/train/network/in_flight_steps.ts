/**
 * Training steps that were submitted and whose results were not yet read. Collecting a step advances
 * the ranges that the host sets, so the next step runs with them.
 *
 * @module
 */
import type { Copies } from "../../runtime/executor.ts";
import type { Program } from "../../program/program.ts";
import { METRICS, type Words, wordsOf } from "../../quant/layouts.ts";
import type { Range } from "../../quant/range.ts";
import type { EstimatorState, Observation, Scheduler } from "../../quant/scheduler.ts";
import { firstNonfinite, type Nonfinite } from "./divergence.ts";

/** Result of a training step. */
export interface StepResult {
  /** Mean loss over the samples, in nats. */
  readonly loss: number;
  /** Number of samples predicted right. */
  readonly correct: number;
  /** Statistics of every quantizer, by row; empty in float32. */
  readonly observations: readonly Observation[];
  /**
   * The first number that was not finite, if there was one. The step has then changed nothing, nor has
   * any step submitted after it; those have no result.
   */
  readonly nonfinite?: Nonfinite;
  /** Global gradient norm before clipping; only with `train.clip_norm`. */
  readonly gradientNorm?: number;
  /** Quantization error of each quantizer in the last micro-batch, by row; only with telemetry. */
  readonly quantizationErrors?: readonly (QuantizationError | undefined)[];
}

/** How far the codes of a tensor are from its real values. */
export interface QuantizationError {
  /** Signal to quantization noise, 10·log10(Σ x² / Σ (x̂ − x)²), in dB; infinite when equal. */
  readonly sqnr: number;
  /** Cosine of the angle between the real values and the quantized ones. */
  readonly cosine: number;
}

type Ranges = readonly (Range | undefined)[];

/** A step whose results were not yet read. */
interface PendingStep {
  readonly samples: number;
  /** The ranges that the host had set for the step. */
  readonly ranges: Ranges;
  /** State of the host's dynamic estimators before the step. */
  readonly before: EstimatorState;
  readonly read: Copies;
}

/** The steps in flight, in their order. */
export class InFlightSteps {
  #pending: PendingStep[] = [];

  constructor(
    readonly program: Program,
    readonly scheduler: Scheduler,
  ) {}

  /** Names of the buffers to be copied after a step. */
  readbackBuffers(telemetry: boolean): string[] {
    return [
      "metrics",
      "statistics",
      "quantizers",
      ...(this.program.training.clips ? ["clip"] : []),
      ...(telemetry ? ["fidelity"] : []),
    ];
  }

  /**
   * Adds a step that was just submitted.
   *
   * @param before state of the host's dynamic estimators before the step
   * @param read waits for the copies of {@linkcode readbackBuffers}
   */
  enqueue(samples: number, before: EstimatorState, read: Copies): void {
    this.#pending.push({ samples, ranges: this.scheduler.table.ranges(), before, read });
  }

  /** Waits for all steps. Results end at the first step that was not finite. */
  async collect(): Promise<StepResult[]> {
    const pending = this.#pending.splice(0), results: StepResult[] = [];
    const read = await Promise.all(pending.map((p) => p.read()));
    for (const [i, step] of pending.entries()) {
      const result = this.#result(step, read[i]!);
      results.push(result);
      if (result.nonfinite) break;
    }
    return results;
  }

  /** Forgets steps whose results are not wanted: the network was loaded with another state. */
  discard(): void {
    this.#pending = [];
  }

  #result(
    { samples, ranges, before }: PendingStep,
    [metrics, statistics, table, ...more]: readonly Uint8Array<ArrayBuffer>[],
  ): StepResult {
    const clip = this.program.training.clips ? more.shift() : undefined, [errors] = more;
    // Sums over all micro-batches of the step.
    const { totalLoss: loss, totalCorrect: correct } = METRICS.read(wordsOf(metrics!), 0);
    const words = wordsOf(statistics!), figures = { loss: loss / samples, correct };
    const submitted = this.scheduler.observations(words, ranges);
    const nonfinite = firstNonfinite(this.program, loss, submitted, words.u32);
    if (nonfinite) {
      // Neither its statistics nor those of later steps may change a range.
      this.scheduler.restore(before);
      return { ...figures, observations: [], nonfinite };
    }
    const inForce = this.#mirrorRanges(ranges, wordsOf(table!));
    const observations = submitted.map((seen, row) => ({ ...seen, range: inForce[row] }));
    this.scheduler.updateRanges(observations);
    return {
      ...figures,
      observations,
      ...(clip ? { gradientNorm: new Float32Array(clip.buffer)[1]! } : {}),
      ...(errors
        ? { quantizationErrors: quantizationErrorsOf(new Float32Array(errors.buffer)) }
        : {}),
    };
  }

  /** Mirrors the ranges that the device has set. Returns the ranges that were in force in the step. */
  #mirrorRanges(submitted: Ranges, table: Words): Ranges {
    const { scheduler } = this, before = scheduler.table.ranges();
    scheduler.mirrorFromDevice(table);
    return submitted.map((range, row) => {
      if (!scheduler.onDevice(row)) return range;
      const estimator = scheduler.estimators[row];
      // A static rule has run at the step's end: its range is already the next step's.
      const isNext = estimator?.kind === "static" && !estimator.search;
      return isNext ? before[row] : scheduler.table.range(row);
    });
  }
}

/**
 * Quantization errors by row, from the sums of kernels/quantization_error/shader.wgsl: Σ x², Σ x·e and
 * Σ e² of each row, with e = x̂ − x. `undefined` where the tensor was zero or was not compared.
 */
export function quantizationErrorsOf(sums: Float32Array): (QuantizationError | undefined)[] {
  return Array.from({ length: sums.length / 4 }, (_, row) => {
    const [xx = 0, xe = 0, ee = 0] = sums.subarray(4 * row, 4 * row + 3);
    if (!(xx > 0)) return undefined;
    const length = xx + 2 * xe + ee;
    return {
      sqnr: ee > 0 ? 10 * Math.log10(xx / ee) : Infinity,
      cosine: length > 0 ? (xx + xe) / Math.sqrt(xx * length) : 0,
    };
  });
}
