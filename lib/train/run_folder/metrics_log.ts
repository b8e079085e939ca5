/**
 * Lines of `metrics.jsonl` and `ranges.jsonl`.
 *
 * @module
 */
import type { Observation } from "../../quant/scheduler.ts";
import type { EpochEvent, SkipEvent, StepEvent } from "../events.ts";

type Line = { readonly step: number } & Readonly<Record<string, unknown>>;

/** Finds the quantizer that clips the largest share of its values; `undefined` when none clips. */
export function mostClipped(observations: readonly Observation[]): StepEvent["mostClipped"] {
  let most: StepEvent["mostClipped"];
  for (const { quantizer: q, clipped } of observations) {
    const share = clipped / q.elements;
    if (share > (most?.share ?? 0)) most = { quantizer: q.name, share };
  }
  return most;
}

/** Line of `metrics.jsonl` for a step. */
export function stepLine(e: StepEvent): Line {
  return {
    kind: "step",
    step: e.step,
    epoch: e.epoch,
    loss: e.loss,
    accuracy: e.accuracy,
    lr: e.learningRate,
    ...(e.gradientNorm === undefined ? {} : { gradient_norm: e.gradientNorm }),
    images_per_second: Math.round(e.imagesPerSecond * 10) / 10,
    data_wait_share: round(e.dataWaitShare, 4),
    clipped: e.clipped,
    ...(e.mostClipped ? { most_clipped: e.mostClipped } : {}),
    ...(e.quantizationErrors
      ? {
        quantizers: Object.fromEntries(
          e.observations.flatMap(({ quantizer }, row) => {
            const f = e.quantizationErrors![row];
            return f ? [[quantizer.name, { sqnr_db: round(f.sqnr, 3), cosine: f.cosine }]] : [];
          }),
        ),
      }
      : {}),
  };
}

/** Lines of `ranges.jsonl` for a step, one for each quantizer; the one that clips most is marked. */
export function rangeLines(e: StepEvent): Line[] {
  return e.observations.map(({ quantizer: q, range, min, max, clipped }) => ({
    step: e.step,
    quantizer: q.name,
    low: range?.low ?? null,
    high: range?.high ?? null,
    min: min ?? null,
    max: max ?? null,
    clipped: clipped / q.elements,
    ...(e.mostClipped?.quantizer === q.name ? { clips_most: true } : {}),
  }));
}

/** Line of `metrics.jsonl` for a skipped step. */
export function skipLine({ step, epoch, layer, tensor }: SkipEvent): Line {
  return { kind: "skip", step, epoch, layer, tensor };
}

/** Line of `metrics.jsonl` for an epoch. */
export function epochLine(e: EpochEvent): Line {
  return {
    kind: "epoch",
    step: e.step,
    epoch: e.epoch,
    train_loss: e.trainLoss,
    train_accuracy: e.trainAccuracy,
    test_loss: e.testLoss,
    test_accuracy: e.testAccuracy,
    ...(e.testTop5 === undefined ? {} : { test_top5: e.testTop5 }),
    calibration_error: round(e.calibrationError, 6),
    seconds: round(e.seconds, 2),
  };
}

function round(x: number, digits: number): number {
  return Math.round(x * 10 ** digits) / 10 ** digits;
}
