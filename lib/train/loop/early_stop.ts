/**
 * Ends a run whose test accuracy has not risen for some epochs. What it goes by is in every checkpoint,
 * so a resumed run ends after the same epoch.
 *
 * @module
 */
import type { TrainerState } from "../checkpoint/trainer_state.ts";

/**
 * Whether a run ends because its last evaluations have not been better than the best.
 *
 * @param patience number of epochs without a higher test accuracy; 0: never
 */
export function stopsEarly(
  { step, bests, unevaluated }: Pick<TrainerState, "step" | "bests" | "unevaluated">,
  patience: number,
  stepsPerEpoch: number,
): boolean {
  const best = bests.at(-1);
  // Only an evaluation ends it: a run that resumes with less patience within an epoch does that one first.
  if (patience === 0 || !best || unevaluated || step % stepsPerEpoch !== 0) return false;
  return Math.floor(step / stepsPerEpoch) - Math.ceil(best.step / stepsPerEpoch) >= patience;
}
