/**
 * The schedule `plateau`: the learning rate drops when the test loss has not fallen for some epochs.
 * The rules and numbers are those of PyTorch's `ReduceLROnPlateau` with its defaults.
 *
 * @module
 */
import type { ScheduleSpec } from "../../recipe/train.ts";
import type { PlateauState } from "../checkpoint/trainer_state.ts";

/** A test loss counts as lower when it is below the lowest by this share of it. */
const MIN_FALL = 1e-4;
/** A drop by less changes nothing, and is left out. */
const MIN_DROP = 1e-8;

/** The state before the first evaluation. */
export const NO_PLATEAU: PlateauState = { lowest: null, waited: 0, drops: 0 };

/** The learning rate after a number of drops. */
export function plateauRate(
  lr: number,
  { factor, min_lr }: Pick<ScheduleSpec, "factor" | "min_lr">,
  drops: number,
): number {
  return drops === 0 ? lr : Math.max(lr * factor ** drops, min_lr);
}

/** The state after the evaluation of an epoch. A loss that is not a number is not lower. */
export function afterEvaluation(
  { lowest, waited, drops }: PlateauState,
  testLoss: number,
  lr: number,
  schedule: Pick<ScheduleSpec, "factor" | "min_lr" | "wait_epochs">,
): PlateauState {
  if (testLoss < (lowest === null ? Infinity : lowest * (1 - MIN_FALL))) {
    return { lowest: testLoss, waited: 0, drops };
  }
  if (waited < schedule.wait_epochs) return { lowest, waited: waited + 1, drops };
  const rate = (drops: number) => plateauRate(lr, schedule, drops);
  const lowers = rate(drops) - rate(drops + 1) > MIN_DROP;
  return { lowest, waited: 0, drops: lowers ? drops + 1 : drops };
}
