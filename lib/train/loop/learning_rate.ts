/**
 * Learning rate schedules.
 *
 * @module
 */
import type { TrainSpec } from "../../recipe/train.ts";
import { plateauRate } from "./plateau.ts";

/** The steps over which the rest of a schedule is spread evenly. */
export interface Stretch {
  /** Its first step, from 0. */
  readonly step: number;
  /** How far the schedule is there, 0–1. */
  readonly progress: number;
  /** Steps of the whole run, where the schedule has come to its end. */
  readonly steps: number;
}

/** How far a schedule is at a step, 0–1. */
export function progressAt({ step: from, progress, steps }: Stretch, step: number): number {
  return Math.min(1, progress + (1 - progress) * (step - from) / Math.max(1, steps - from));
}

/** What a learning rate depends on beside the recipe and the step. */
interface Course {
  readonly stepsPerEpoch: number;
  readonly stretch: Stretch;
  /** Number of drops of `plateau`. */
  readonly drops: number;
}

/**
 * Returns the learning rate of a step, from 0: a linear warm-up to `lr`, then constant, multiplied by a
 * factor every few epochs or when the test loss stays, or half a cosine down to 0.
 */
export function learningRate(
  { optimizer: { lr }, schedule }: Pick<TrainSpec, "optimizer" | "schedule">,
  step: number,
  { stepsPerEpoch, stretch, drops }: Course,
): number {
  const { name, warmup_steps: warmup, every_epochs, factor } = schedule;
  if (step < warmup) return lr * (step + 1) / warmup;
  switch (name) {
    case "constant":
      return lr;
    case "step":
      return lr * factor ** Math.floor(step / (stepsPerEpoch * every_epochs));
    case "cosine":
      return lr * 0.5 * (1 + Math.cos(Math.PI * progressAt(stretch, step)));
    case "plateau":
      return plateauRate(lr, schedule, drops);
  }
}
