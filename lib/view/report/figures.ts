/**
 * Figures of a run, from its logs or its summary.
 *
 * @module
 */
import { largest } from "../../core/min_max.ts";
import type { RunView } from "../run_log.ts";
import { figureOf, recipeValue } from "./html.ts";

/** Steps done, and those of the whole run where they are known: not with `train.time`. */
export function progressOf(run: RunView): { step: number; steps: number | null } {
  const step = Math.max(
    run.status === "running" ? 0 : figureOf(run, "steps") ?? 0,
    run.steps.at(-1)?.step ?? 0,
    run.epochs.at(-1)?.step ?? 0,
  );
  const most = recipeValue(run, "train", "max_steps"), time = recipeValue(run, "train", "time");
  const epochs = time === undefined || time === 0 ? recipeValue(run, "train", "epochs") : undefined;
  const { epoch, step: end } = run.epochs[0] ?? { epoch: 0, step: 0 };
  const planned = [
    ...(typeof most === "number" && most > 0 ? [most] : []),
    ...(typeof epochs === "number" && epoch > 0 ? [Math.round(end / epoch) * epochs] : []),
  ];
  const steps = planned.length === 0 ? null : Math.min(...planned);
  return { step, steps: steps !== null && steps >= step ? steps : null };
}

/** A run's figures at its latest evaluation. */
export function figuresOf(run: RunView) {
  const { evaluation, epochs } = run, last = epochs.at(-1);
  const accuracies = epochs.flatMap((e) => e.testAccuracy === null ? [] : [e]);
  const best = accuracies.reduce<typeof last>(
    (best, e) => best && best.testAccuracy! >= e.testAccuracy! ? best : e,
    undefined,
  );
  return {
    accuracy: last?.testAccuracy ?? evaluation?.accuracy ?? figureOf(run, "test_accuracy"),
    best: largest([best?.testAccuracy ?? -1, figureOf(run, "best_test_accuracy") ?? -1]),
    bestStep: figureOf(run, "best_step") ?? best?.step ?? null,
    top5: last?.testTop5 ?? evaluation?.top5 ?? figureOf(run, "test_top5"),
    calibrationError: evaluation?.calibration_error ?? figureOf(run, "calibration_error"),
    testLoss: last?.testLoss ?? figureOf(run, "test_loss"),
    // The mean of an epoch: the loss of a step is another figure, and is on the curve.
    trainLoss: last?.trainLoss ?? figureOf(run, "train_loss"),
    trainAccuracy: last?.trainAccuracy ?? null,
    speed: figureOf(run, "images_per_second") ?? run.steps.at(-1)?.imagesPerSecond ?? null,
    seconds: wholeSeconds(run),
  };
}

/** Seconds of a run: a summary counts from where it was last resumed, the epochs of the log from the first. */
function wholeSeconds(run: RunView): number | null {
  const own = figureOf(run, "seconds");
  const epochs = run.epochs.reduce((sum, { seconds }) => sum + (seconds ?? 0), 0);
  return own === null && epochs === 0 ? null : Math.max(own ?? 0, epochs);
}
