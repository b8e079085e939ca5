/**
 * Learning rate schedules.
 *
 * @module
 */
import type { TrainSpec } from "../../recipe/train.ts";

/**
 * Returns the learning rate as a function of the step, from 0: a linear warm-up to `lr`, then constant,
 * multiplied by a factor every few epochs, or half a cosine down to 0.
 *
 * @param steps number of steps of the whole run
 */
export function learningRate(
  train: TrainSpec,
  stepsPerEpoch: number,
  steps: number,
): (step: number) => number {
  const { optimizer: { lr }, schedule: { name, warmup_steps: warmup, every_epochs, factor } } =
    train;
  return (step) => {
    if (step < warmup) return lr * (step + 1) / warmup;
    switch (name) {
      case "constant":
        return lr;
      case "step":
        return lr * factor ** Math.floor(step / (stepsPerEpoch * every_epochs));
      case "cosine": {
        const part = (step - warmup) / Math.max(1, steps - warmup);
        return lr * 0.5 * (1 + Math.cos(Math.PI * part));
      }
    }
  };
}
