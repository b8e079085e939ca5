/**
 * The course of a run: how many steps it has, and the learning rate of each.
 *
 * @module
 */
import type { TrainSpec } from "../../recipe/train.ts";
import type { PlateauState, TrainerState } from "../checkpoint/trainer_state.ts";
import { stopsEarly } from "./early_stop.ts";
import { learningRate } from "./learning_rate.ts";
import { afterEvaluation, NO_PLATEAU } from "./plateau.ts";
import type { RunClock } from "./run_clock.ts";
import { TimeBudget } from "./time_budget.ts";

/** What a course goes by. */
interface CourseOptions {
  readonly train: TrainSpec;
  readonly stepsPerEpoch: number;
  readonly testImages: number;
  readonly clock: RunClock;
}

/** Where a course stands, as a checkpoint holds it. */
type CourseState = Pick<TrainerState, "plateau" | "time">;

/** Plans a run. It has as many steps as the recipe's epochs, or as fit `train.time`. */
export class Course {
  readonly #steps: number;
  readonly #budget: TimeBudget | undefined;
  #plateau: PlateauState | undefined;

  constructor(readonly options: CourseOptions) {
    const { train, stepsPerEpoch, testImages, clock } = options;
    this.#steps = Math.min(train.epochs * stepsPerEpoch, train.max_steps || Infinity);
    if (train.time === 0) return;
    this.#budget = new TimeBudget({
      hours: train.time,
      warmupSteps: train.schedule.warmup_steps,
      stepsPerEpoch,
      testBatches: Math.ceil(testImages / train.batch),
      maxSteps: train.max_steps,
      clock,
    });
  }

  /** Continues from a checkpoint. */
  restore({ step, plateau, time }: TrainerState): void {
    const { name } = this.options.train.schedule;
    this.#plateau = name === "plateau" ? plateau ?? NO_PLATEAU : undefined;
    this.#budget?.restore(step, time);
  }

  /** What a checkpoint holds; nothing where the recipe says it all. */
  get state(): CourseState {
    return {
      ...(this.#plateau ? { plateau: this.#plateau } : {}),
      ...(this.#budget ? { time: this.#budget.state } : {}),
    };
  }

  /** The step to end at, as is known now; no limit before the first plan of `train.time`. */
  get end(): number {
    return this.#budget?.steps ?? this.#steps;
  }

  /**
   * {@linkcode end}, or before the first plan the steps of `train.epochs`.
   *
   * @param step steps done
   */
  plannedSteps(step: number): number {
    return Number.isFinite(this.end) ? this.end : Math.max(this.#steps, step + 1);
  }

  /** Number of epochs: those of the recipe, or those begun in the planned steps. */
  epochs(step: number): number {
    const { train, stepsPerEpoch } = this.options;
    return this.#budget ? Math.ceil(this.plannedSteps(step) / stepsPerEpoch) : train.epochs;
  }

  /** Whether a run that stands at `state` has no step left. */
  hasEnded(state: TrainerState): boolean {
    return state.step >= this.end || this.#stopsEarly(state);
  }

  /** Whether `train.patience` has ended a run that stands at `state`. */
  endedEarly(state: TrainerState): boolean {
    return state.step < this.end && this.#stopsEarly(state);
  }

  #stopsEarly(state: TrainerState): boolean {
    const { train, stepsPerEpoch } = this.options;
    return stopsEarly(state, train.patience, stepsPerEpoch);
  }

  /** Whether the last of `step` steps ends an epoch, or the run. */
  endsEpoch(step: number): boolean {
    return step % this.options.stepsPerEpoch === 0 || step >= this.end;
  }

  /** The learning rate of a step, from 0. */
  learningRate(step: number): number {
    const { train, stepsPerEpoch } = this.options, { warmup_steps } = train.schedule;
    const whole = { step: warmup_steps, progress: 0, steps: this.#steps };
    const stretch = this.#budget?.stretch ?? whole;
    return learningRate(train, step, { stepsPerEpoch, stretch, drops: this.#plateau?.drops ?? 0 });
  }

  /** Takes notice of steps done, which may change {@linkcode end}. */
  recordSteps(step: number): void {
    if (step < this.end) this.#budget?.recordSteps(step);
  }

  /**
   * Takes notice of an evaluation, which may change {@linkcode end} and the learning rate.
   *
   * @param state after it
   * @param seconds what it took
   */
  recordEvaluation(state: TrainerState, testLoss: number, seconds: number): void {
    const { train: { optimizer, schedule }, stepsPerEpoch } = this.options, { step } = state;
    // A loss from within the warm-up or an epoch cannot be compared with the others.
    if (this.#plateau && step > schedule.warmup_steps && step % stepsPerEpoch === 0) {
      this.#plateau = afterEvaluation(this.#plateau, testLoss, optimizer.lr, schedule);
    }
    if (!this.hasEnded(state)) this.#budget?.recordEvaluation(step, seconds);
  }
}
