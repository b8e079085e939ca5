/**
 * `train.time`: how many steps fit the hours of a run. The number is planned from what steps and
 * evaluations have taken so far, and planned anew after each epoch and whenever an eighth of the time
 * that was left has passed, so that an error shrinks with the time left. The schedule goes on from
 * where it is: its rest is spread over the steps left.
 *
 * @module
 */
import type { TimePlan, TimeState } from "../checkpoint/trainer_state.ts";
import { progressAt, type Stretch } from "./learning_rate.ts";
import type { RunClock } from "./run_clock.ts";

/** Share of the time left that passes until the next plan. */
const PLAN_SHARE = 1 / 8;
/** Time kept for the last files of a run: this share of all, at most so many seconds. */
const FILES_SHARE = 0.01, MAX_FILES_S = 2;
/** An evaluation computes about a third of what training computes for an image. */
const EVALUATION_SHARE = 1 / 3;

/** What a budget goes by. */
interface BudgetOptions {
  /** Hours of the run. */
  readonly hours: number;
  readonly warmupSteps: number;
  readonly stepsPerEpoch: number;
  /** Test images divided by the images of a step. */
  readonly testBatches: number;
  /** Maximum number of steps; 0: no limit. */
  readonly maxSteps: number;
  readonly clock: RunClock;
}

/** Plans the length of a run. */
export class TimeBudget {
  #plan: TimePlan | undefined;
  #evaluationSeconds: number | undefined;
  /** Seconds of a step before the present window, if known. */
  #stepSeconds: number | undefined;
  /** Steps and seconds at the beginning of the window that is timed. */
  #window: { readonly step: number; readonly seconds: number } | undefined;

  constructor(readonly options: BudgetOptions) {}

  /** Number of steps of the run; no limit before the first plan. */
  get steps(): number {
    return Math.min(this.#plan?.steps ?? Infinity, this.options.maxSteps || Infinity);
  }

  /** What the schedule is spread over; it does not begin before the first plan. */
  get stretch(): Stretch {
    return { ...this.#plan ?? this.#beginning, steps: this.steps };
  }

  /** Where the schedule begins. */
  get #beginning(): Omit<Stretch, "steps"> {
    return { step: this.options.warmupSteps, progress: 0 };
  }

  /** What a checkpoint holds. */
  get state(): TimeState {
    return {
      hours: this.options.hours,
      seconds: this.options.clock.seconds,
      evaluationSeconds: this.#evaluationSeconds ?? null,
      plan: this.#plan ?? null,
    };
  }

  /**
   * Continues from a checkpoint.
   *
   * @param step steps done
   * @param state what the checkpoint holds; nothing if the run had no limit of time
   */
  restore(step: number, state: TimeState | undefined): void {
    const { hours, clock } = this.options;
    clock.continueFrom(state?.seconds ?? 0);
    this.#window = undefined;
    this.#evaluationSeconds = state?.evaluationSeconds ?? undefined;
    this.#stepSeconds = state?.plan?.stepSeconds || undefined; // 0 where the time was over before.
    this.#plan = state?.hours === hours ? state.plan ?? undefined : undefined;
    // Other hours than before: as when epochs change, the schedule is that of a run of this length.
    if (!this.#plan && this.#stepSeconds !== undefined) this.#makePlan(step, this.#beginning);
  }

  /**
   * Takes notice of steps done, and plans anew where that is due.
   *
   * @param step steps done
   */
  recordSteps(step: number): void {
    const { seconds } = this.options.clock;
    // The first step of a process compiles kernels, so it is not timed.
    if (!this.#window) this.#window = { step, seconds };
    if (!this.#plan || this.#secondsLeft <= 0) return this.#planAnew(step);
    const { seconds: planned } = this.#plan, left = this.options.hours * 3600 - planned;
    // The first plans know little, so each is made when twice the time has passed.
    if (seconds - planned >= Math.min(left * PLAN_SHARE, planned)) this.#planAnew(step);
  }

  /**
   * Takes notice of an evaluation, and plans anew.
   *
   * @param seconds what the evaluation took
   */
  recordEvaluation(step: number, seconds: number): void {
    this.#evaluationSeconds = seconds;
    this.#planAnew(step, seconds);
  }

  /** Seconds left for steps and evaluations. */
  get #secondsLeft(): number {
    const { hours, clock } = this.options, all = hours * 3600;
    return all - Math.min(MAX_FILES_S, all * FILES_SHARE) - clock.seconds;
  }

  /**
   * Times the steps of the window and plans.
   *
   * @param evaluating seconds of the window that were no steps
   */
  #planAnew(step: number, evaluating = 0): void {
    const { seconds } = this.options.clock, window = this.#window;
    if (window && step > window.step) {
      const measured = (seconds - window.seconds - evaluating) / (step - window.step);
      // The mean of both: a single slow step near the end must not halve what is left.
      this.#stepSeconds = this.#stepSeconds === undefined
        ? measured
        : (this.#stepSeconds + measured) / 2;
    }
    if (window) this.#window = { step, seconds };
    if (this.#stepSeconds !== undefined || this.#secondsLeft <= 0) this.#makePlan(step);
  }

  #makePlan(step: number, from = this.#placeAt(step)): void {
    const { seconds } = this.options.clock, stepSeconds = this.#stepSeconds ?? 0;
    const steps = step + this.#fittingSteps(step, stepSeconds);
    this.#plan = { ...from, steps, seconds, stepSeconds };
  }

  /** Where the schedule is at a step, by the latest plan. */
  #placeAt(step: number): Omit<Stretch, "steps"> {
    if (step <= this.options.warmupSteps) return this.#beginning;
    return { step, progress: progressAt(this.stretch, step) };
  }

  /** Number of steps after `step` that fit the time left, with an evaluation after each epoch and the end. */
  #fittingSteps(step: number, stepSeconds: number): number {
    const { stepsPerEpoch, testBatches } = this.options, left = this.#secondsLeft;
    const evaluation = this.#evaluationSeconds ?? testBatches * stepSeconds * EVALUATION_SHARE;
    const cost = (steps: number) =>
      steps * stepSeconds +
      (Math.ceil((step + steps) / stepsPerEpoch) - Math.floor(step / stepsPerEpoch)) * evaluation;
    let fits = 0, exceeds = Math.floor(Math.max(0, left) / Math.max(stepSeconds, 1e-6)) + 1;
    while (exceeds - fits > 1) {
      const steps = Math.floor((fits + exceeds) / 2);
      if (cost(steps) <= left) fits = steps;
      else exceeds = steps;
    }
    return fits;
  }
}
