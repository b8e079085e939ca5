/**
 * Training steps that were submitted and not yet waited for. Collecting a step advances the ranges
 * that the host sets, so the next step runs with them.
 *
 * @module
 */
import type { Copies } from "../../runtime/executor.ts";
import type { Program } from "../../program/program.ts";
import type { Range } from "../../quant/range.ts";
import type { EstimatorState, Observation, Scheduler } from "../../quant/scheduler.ts";
import { firstNonfinite, type Nonfinite } from "./divergence.ts";
import { type QuantizationError, quantizationErrorOf } from "./quantization_error.ts";

/** What a step gives back. */
export interface StepResult {
  /** Mean loss over the samples. */
  readonly loss: number;
  /** Samples answered right. */
  readonly correct: number;
  /** Every quantizer's statistics; empty in float32. */
  readonly observations: readonly Observation[];
  /**
   * Where the step was not finite, if it was. It has then changed nothing, nor has any step that was
   * submitted behind it; of those there is no result.
   */
  readonly notFinite?: Nonfinite;
  /** The norm of all gradients together, before they are clipped; only with `train.clip_norm`. */
  readonly gradientNorm?: number;
  /**
   * How far each quantized tensor, of the last micro-batch, lies from its real values, by row; only
   * with telemetry.
   */
  readonly fidelity?: readonly (QuantizationError | undefined)[];
}

type Ranges = readonly (Range | undefined)[];

/** Steps under way. */
export class InFlightSteps {
  #pending: {
    readonly samples: number;
    /** Those that the host had set for the step. */
    readonly ranges: Ranges;
    /** What the host's dynamic estimators knew before the step. */
    readonly kept: EstimatorState;
    readonly read: Copies;
  }[] = [];

  constructor(
    readonly program: Program,
    readonly scheduler: Scheduler,
  ) {}

  /** The buffers that a step leaves behind, to be copied with it. */
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
   * Adds a step that was just submitted, with the copies of the buffers it leaves behind.
   *
   * @param kept what the host's dynamic estimators knew before the step
   */
  enqueue(samples: number, kept: EstimatorState, read: Copies): void {
    this.#pending.push({ samples, ranges: this.scheduler.ranges(), kept, read });
  }

  /** Waits for all steps under way, in their order; the last result may be of one that is not finite. */
  async collect(): Promise<StepResult[]> {
    const pending = this.#pending.splice(0), results: StepResult[] = [];
    const read = await Promise.all(pending.map((p) => p.read()));
    for (const [i, { samples, ranges, kept }] of pending.entries()) {
      const [metrics, statistics, table, ...more] = read[i]!;
      const clip = this.program.training.clips ? more.shift() : undefined, [fidelity] = more;
      // The sums since the step began: over all of its micro-batches.
      const [, , loss, correct] = new Float32Array(metrics!.buffer);
      const words = new Uint32Array(statistics!.buffer);
      const notFinite = firstNonfinite(
        this.program,
        loss!,
        this.scheduler.read(words, ranges),
        words,
      );
      if (notFinite) {
        // Its statistics change no range, nor do those of the steps after it.
        this.scheduler.restore(kept);
        results.push({ loss: loss! / samples, correct: correct!, observations: [], notFinite });
        break;
      }
      const inForce = this.#takeOver(ranges, new Float32Array(table!.buffer));
      const observations = this.scheduler.read(words, inForce);
      this.scheduler.observe(observations);
      results.push({
        loss: loss! / samples,
        correct: correct!,
        observations,
        ...(clip ? { gradientNorm: new Float32Array(clip.buffer)[1]! } : {}),
        ...(fidelity ? { fidelity: quantizationErrorOf(new Float32Array(fidelity.buffer)) } : {}),
      });
    }
    return results;
  }

  /** Takes over the ranges that the device has set by the end of a step; those that were in force. */
  #takeOver(submitted: Ranges, table: Float32Array): Ranges {
    const { scheduler } = this, before = scheduler.ranges();
    scheduler.mirrorFromDevice(table);
    return submitted.map((range, row) => {
      if (!scheduler.onDevice(row)) return range;
      const estimator = scheduler.estimators[row];
      // A static rule has run at the step's end: its range is already the next step's.
      const ahead = estimator?.kind === "static" && !estimator.search;
      return ahead ? before[row] : scheduler.range(row);
    });
  }

  /** Forgets steps whose results nobody will collect: the network was loaded anew. */
  discard(): void {
    this.#pending = [];
  }
}
