/**
 * Which steps of a program run in training, cut where the host must set a range before the next one.
 *
 * @module
 */
import type { Program, Step } from "../../program/program.ts";
import { selectSteps, trainingSteps } from "../../program/select_steps.ts";
import type { Scheduler } from "../../quant/scheduler.ts";

/** Steps that run without the host. */
export interface Segment {
  readonly steps: readonly Step[];
  /** Row whose range the host sets after them. */
  readonly row?: number;
}

/** The steps of a micro-batch. */
export interface MicroBatchSteps {
  /** Up to the loss. */
  readonly forward: readonly Step[];
  readonly backward: readonly Step[];
}

/** The segments of a network's training. Each list is made once. */
export class Segments {
  readonly #program: Program;
  readonly #scheduler: Scheduler;
  readonly #training = new Map<string, readonly Segment[]>();
  readonly #microBatches = new Map<string, MicroBatchSteps>();
  readonly #known = new Map<readonly Step[], readonly Segment[]>();
  #end: readonly Segment[] | undefined;

  constructor(program: Program, scheduler: Scheduler) {
    this.#program = program;
    this.#scheduler = scheduler;
  }

  /** The segments of some steps. */
  of(steps: readonly Step[]): readonly Segment[] {
    const known = this.#known.get(steps) ?? this.#cut(steps);
    this.#known.set(steps, known);
    return known;
  }

  /** One micro-batch of a training step; only the `last` one updates weights. */
  training(step: number, telemetry: boolean, last: boolean): readonly Segment[] {
    const searching = this.#searching(step);
    const key = `${[...searching]};${telemetry};${last}`, known = this.#training.get(key);
    if (known) return known;
    const program = this.#program, { forward, loss, backward } = program.sections;
    const steps = last ? trainingSteps(program) : [...forward, ...loss, ...backward];
    const choice = { phase: "train", searching, telemetry } as const;
    const segments = this.#cut(selectSteps(steps, program.quantizers, choice));
    this.#training.set(key, segments);
    return segments;
  }

  /** One micro-batch of a training step, up to its gradients. */
  microBatch(step: number, telemetry: boolean): MicroBatchSteps {
    const searching = this.#searching(step), key = `${[...searching]};${telemetry}`;
    const known = this.#microBatches.get(key);
    if (known) return known;
    const { sections: { forward, loss, backward }, quantizers } = this.#program;
    const select = (steps: readonly Step[]) =>
      selectSteps(steps, quantizers, { phase: "train", searching, telemetry });
    const steps = { forward: select([...forward, ...loss]), backward: select(backward) };
    this.#microBatches.set(key, steps);
    return steps;
  }

  /** What follows the backward pass. */
  get end(): readonly Segment[] {
    if (this.#end) return this.#end;
    const { sections: { forward, loss, backward }, quantizers } = this.#program;
    const before = new Set([...forward, ...loss, ...backward]);
    const steps = trainingSteps(this.#program).filter((step) => !before.has(step));
    return this.#end = this.#cut(selectSteps(steps, quantizers, { phase: "train" }));
  }

  /** What sets first ranges: forward, and backward. */
  calibration(): readonly (readonly Segment[])[] {
    const { sections: { forward, loss, backward }, quantizers } = this.#program;
    return [forward, [...loss, ...backward]].map((steps) =>
      this.#cut(this.#calibrationSteps(selectSteps(steps, quantizers, { phase: "train" })))
    );
  }

  /** Steps in which each tensor is computed twice: to be measured, and with the range that follows. */
  #calibrationSteps(steps: readonly Step[]): Step[] {
    const { calibrate } = this.#program.sections, out: Step[] = [];
    const makes = (row: number) => (step: Step) =>
      step.quantizer === row && (step.pass === undefined || step.pass === "one-pass");
    let first = 0;
    for (const [i, { quantizer: row, pass }] of steps.entries()) {
      if (row === undefined || (pass !== undefined && pass !== "one-pass")) continue;
      // All parts of a tensor that is computed in parts must be measured.
      if (steps.slice(i + 1).some(makes(row)) || this.#scheduler.estimators[row]?.initial) continue;
      out.push(...steps.slice(first, i + 1), calibrate.find((step) => step.quantizer === row)!);
      first = steps.findIndex(makes(row)); // Runs again with its range, before the tensor is read.
    }
    return [...out, ...steps.slice(first)];
  }

  /** The rows whose range is searched for in a step. */
  #searching(step: number): ReadonlySet<number> {
    const searching = new Set<number>();
    this.#scheduler.estimators.forEach((e, row) => {
      if (e?.search && step % e.search.interval === 0) searching.add(row);
    });
    return searching;
  }

  /** Splits steps where the host must set a range before the next one. */
  #cut(steps: readonly Step[]): Segment[] {
    const segments: Segment[] = [];
    let current: Step[] = [];
    for (const step of steps) {
      current.push(step);
      if (step.pass !== "estimate" || this.#scheduler.onDevice(step.quantizer!)) continue;
      segments.push({ steps: current, row: step.quantizer! });
      current = [];
    }
    return [...segments, { steps: current }];
  }
}
