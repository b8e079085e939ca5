/**
 * A planned network on an executor: its weights, its ranges, and the three things one does with it:
 * a training step, an evaluation, a calibration.
 *
 * @module
 */
import type { Batch } from "../../data/batch.ts";
import type { Copies, Executor } from "../../runtime/executor.ts";
import { rangesOnDevice, stepsInFlight } from "../../program/scheduler_placement.ts";
import type { DataShape } from "../../program/plan.ts";
import type { Program, Step } from "../../program/program.ts";
import type { EstimatorMakers } from "../../quant/estimator.ts";
import { estimators as ownEstimators } from "../../quant/estimators.ts";
import type { Range } from "../../quant/range.ts";
import { Scheduler } from "../../quant/scheduler.ts";
import type { QuantizeSpec } from "../../recipe/types.ts";
import { InFlightSteps, type StepResult } from "./in_flight_steps.ts";
import { shardedExecutor } from "../../runtime/sharded_executor.ts";
import { microBatchOf, type StepSettings } from "./micro_batch.ts";
import { undoStep } from "./undo_step.ts";
import { selectSteps, trainingSteps } from "../../program/select_steps.ts";
import type { LoadedState, NetworkState } from "./types.ts";
import { Weights } from "./weights.ts";

/** Steps that run in one go, and the row whose estimator the host asks behind them. */
interface Segment {
  readonly steps: Step[];
  readonly row?: number;
}

/** A network ready to train. */
export class Network {
  /** Knows split parameters by the name of the whole. */
  readonly executor: Executor;
  readonly scheduler: Scheduler;
  /** Steps to submit before waiting for results. */
  readonly inFlight: number;
  readonly #flight: InFlightSteps;
  readonly #segments = new Map<string, readonly Segment[]>();
  readonly #weights: Weights;

  constructor(
    readonly program: Program,
    executor: Executor,
    readonly seed: number,
    quantize: QuantizeSpec,
    data: DataShape,
    makers: EstimatorMakers = ownEstimators,
  ) {
    this.executor = shardedExecutor(executor, program);
    this.#weights = new Weights(program, this.executor);
    const { quantizers } = program, device = rangesOnDevice(quantize, makers);
    const estimators = quantizers.map(({ role, settings }) =>
      role === "weight" ? undefined : makers[settings.estimator]!(settings)
    );
    this.scheduler = new Scheduler(quantizers, estimators, device);
    this.#flight = new InFlightSteps(program, this.scheduler);
    this.inFlight = stepsInFlight(quantizers.length > 0, quantize, makers);
    const affine = new Float32Array(8);
    for (let c = 0; c < program.input[2]; c++) {
      affine[c] = 1 / (255 * data.std[c]!);
      affine[4 + c] = -data.mean[c]! / data.std[c]!;
    }
    executor.write("normalization", affine);
    const rules = this.scheduler.rules();
    if (rules.length > 0) executor.write("rules", rules);
    this.#writeEverything();
  }

  /** Sets first values by the run's seed. */
  initialize(): void {
    this.#weights.initialize(this.seed);
    this.executor.run(this.program.sections.weights);
  }

  /**
   * Loads weights, momentum and running statistics from a file's tensors, and ranges.
   *
   * @param training false: evaluation alone, without momentum; the weights are their moving averages
   * where there are any
   */
  load({ find, has, ranges, memories }: LoadedState, training = true): void {
    this.#weights.load(find, has, training);
    this.program.quantizers.forEach((q, row) => {
      this.scheduler.setRange(row, ranges.get(q.name));
      const memory = this.scheduler.memory(row), kept = memories?.get(q.name);
      memory.fill(0);
      if (kept && kept.length === memory.length) memory.set(kept);
    });
    this.#flight.discard();
    this.#writeEverything();
    this.executor.run(this.program.sections.weights);
  }

  /** Reads everything that a checkpoint holds. */
  async state(): Promise<NetworkState> {
    const names = ["quantizers", "memory", ...this.#weights.buffers];
    const bytes = await this.executor.read(names);
    const values = new Map(names.map((name, i) => [name, new Float32Array(bytes[i]!.buffer)]));
    this.scheduler.mirrorFromDevice(values.get("quantizers")!, values.get("memory"));
    const ranges = new Map<string, Range>(),
      memories = new Map<string, Float32Array<ArrayBuffer>>();
    this.program.quantizers.forEach((q, row) => {
      const range = this.scheduler.range(row), kept = this.scheduler.memory(row);
      if (q.role === "weight" || this.scheduler.estimators[row]?.initial) return;
      if (range) ranges.set(q.name, range);
      if (kept.length > 0) memories.set(q.name, kept.slice());
    });
    return { ...this.#weights.state(values), ranges, memories };
  }

  /**
   * Submits one training step; {@link collect} waits for it. At most {@link inFlight} may be under
   * way, for the ranges of a step to follow from those that they should.
   *
   * @param step counts from 0, one after the other
   * @param telemetry compare codes with real values (a program planned for it)
   */
  async submit(batch: Batch, step: number, rate: number, telemetry = false): Promise<void> {
    const { micros } = this.program;
    const kept = this.scheduler.keep();
    this.#writeRanges();
    for (let micro = 0; micro < micros; micro++) {
      this.#writeBatch(batch, { step, rate, normWeight: 1 }, micro);
      const last = micro === micros - 1, segments = this.#training(step, telemetry, last);
      const left = last ? this.#flight.readbackBuffers(telemetry) : [];
      const clear = micro === 0 ? ["statistics", "metrics"] : [];
      const copies = await this.#run(segments, clear, left);
      if (last) this.#flight.enqueue(batch.samples, kept, copies);
    }
  }

  /**
   * Waits for the steps that were submitted, in their order. Where one was not finite its result is the
   * last, and all is as before it: weights, momentum, averages, running statistics and ranges.
   */
  async collect(): Promise<StepResult[]> {
    const results = await this.#flight.collect();
    if (results.at(-1)?.notFinite) await undoStep(this.program, this.executor, this.scheduler);
    return results;
  }

  /** Submits a training step and waits for it. */
  async step(batch: Batch, step: number, rate: number, telemetry = false): Promise<StepResult> {
    await this.submit(batch, step, rate, telemetry);
    return (await this.collect())[0]!;
  }

  /** The segments of a training step's last micro-batch, or of one before it, which updates nothing. */
  #training(step: number, telemetry: boolean, last: boolean): readonly Segment[] {
    const searching = new Set<number>();
    this.scheduler.estimators.forEach((e, row) => {
      if (e?.search && step % e.search.interval === 0) searching.add(row);
    });
    const name = `${[...searching]};${telemetry};${last}`;
    let segments = this.#segments.get(name);
    if (!segments) {
      const { program } = this, { forward, loss, backward } = program.sections;
      segments = this.#cut(
        selectSteps(
          last ? trainingSteps(program) : [...forward, ...loss, ...backward],
          program.quantizers,
          {
            phase: "train",
            searching,
            telemetry,
          },
        ),
      );
      this.#segments.set(name, segments);
    }
    return segments;
  }

  /** Cuts steps where the host must set a range before the next one. */
  #cut(steps: readonly Step[]): Segment[] {
    const segments: Segment[] = [];
    let current: Step[] = [];
    for (const step of steps) {
      current.push(step);
      if (step.when !== "estimate" || this.scheduler.onDevice(step.quantizer!)) continue;
      segments.push({ steps: current, row: step.quantizer! });
      current = [];
    }
    return [...segments, { steps: current }];
  }

  /** Runs segments; all but the last wait for the host. @returns copies, from behind the last one */
  async #run(
    segments: readonly Segment[],
    clear: readonly string[],
    copied: readonly string[] = [],
  ): Promise<Copies> {
    let clearing = clear;
    for (const { steps, row } of segments) {
      await this.executor.ready(steps);
      if (row === undefined) return this.executor.run(steps, clearing, copied);
      const [statistics] = await this.executor.run(steps, clearing, ["statistics"])();
      clearing = [];
      this.scheduler.estimate(row, this.scheduler.read(new Uint32Array(statistics!.buffer))[row]!);
      this.#writeRow(row);
    }
    throw new Error("steps end where the host is asked");
  }

  /**
   * Mean loss and accuracy over batches, with running norm statistics, and with the moving average of
   * the weights where there is one. Changes no range.
   */
  async evaluate(batches: AsyncIterable<Batch>): Promise<{ loss: number; accuracy: number }> {
    this.#exchange();
    try {
      return await this.#evaluate(batches);
    } finally {
      this.#exchange();
    }
  }

  /** Weights and their averages change places, where there are any. */
  #exchange(): void {
    const { exchange, weights } = this.program.sections;
    if (exchange.length === 0) return;
    // Frozen weights have no average: their codes and ranges stay.
    const packing = weights.filter((step) => !step.once);
    this.executor.run([...exchange, ...packing], ["statistics"]);
  }

  async #evaluate(batches: AsyncIterable<Batch>): Promise<{ loss: number; accuracy: number }> {
    const { sections, quantizers } = this.program;
    const steps = selectSteps([...sections.forward, ...sections.loss], quantizers, {
      phase: "eval",
    });
    this.#writeRanges(); // Those of the next step, as a checkpoint has them.
    let samples = 0, pending = 0, loss = 0, correct = 0;
    const collect = async () => {
      const [metrics] = await this.executor.read(["metrics"]);
      const sums = new Float32Array(metrics!.buffer);
      loss += sums[2]!;
      correct += sums[3]!;
      pending = 0;
    };
    for await (const batch of batches) {
      this.#writeBatch(batch, { step: 0, rate: 0, normWeight: 0, soft: false });
      this.executor.run(steps, pending === 0 ? ["metrics"] : []);
      samples += batch.samples;
      // A wait costs 11 ms, but what is submitted without one stays in memory until it has run.
      if (++pending === 64) await collect();
    }
    if (pending > 0) await collect();
    return { loss: loss / samples, accuracy: correct / samples };
  }

  /**
   * The scores of a batch's samples, one array of `classes` f32 each, with running norm statistics
   * and ranges as they are: an image's do not depend on the batch around it. Changes no range.
   */
  async logits(batch: Batch): Promise<Float32Array<ArrayBuffer>[]> {
    const { sections: { forward, loss }, quantizers, classes, batch: most } = this.program;
    if (batch.samples > most) throw new RangeError(`${batch.samples} images, room for ${most}`);
    this.#writeRanges();
    this.#writeBatch(batch, { step: 0, rate: 0, normWeight: 0 });
    this.executor.run(selectSteps(forward, quantizers, { phase: "eval" }), ["metrics"]);
    const [bytes] = await this.executor.read([loss[0]!.buffers.logits!]);
    const values = new Float32Array(bytes!.buffer), padded = Math.ceil(classes / 4) * 4;
    return Array.from(
      { length: batch.samples },
      (_, n) => values.slice(n * padded, n * padded + classes),
    );
  }

  /**
   * Whether nothing at all is known of any range that earlier steps should have set: the ranges are
   * lost. One alone may be missing rightly, of a tensor that is always zero.
   */
  get lostRanges(): boolean {
    const rows = this.program.quantizers.flatMap((q, row) => {
      const estimator = this.scheduler.estimators[row];
      return !estimator || estimator.initial || q.dynamic ? [] : [row];
    });
    const known = rows.some((row) => this.scheduler.range(row));
    return rows.length > 0 && !known;
  }

  /**
   * First ranges, layer by layer with the static kernels: a step runs once to measure, its range is
   * set, it runs again; forward, then backward. Micro-batches are calibrated on like batches. Changes
   * nothing but ranges.
   *
   * The device sets them, so that nothing waits; it computes while later kernels are compiled.
   */
  async calibrate(batches: readonly Batch[]): Promise<void> {
    const { sections, quantizers, micros, batch: size } = this.program;
    if (quantizers.length === 0) return;
    const parts = [sections.forward, [...sections.loss, ...sections.backward]].map((steps) =>
      this.#cut(this.#measuring(selectSteps(steps, quantizers, { phase: "train" })))
    );
    for (const batch of batches) {
      for (let micro = 0; micro < micros && micro * size < batch.samples; micro++) {
        this.#writeBatch(batch, { step: 0, rate: 0, normWeight: 0 }, micro);
        let clear = ["statistics", "metrics"];
        for (const part of parts) {
          await this.#run(part, clear);
          clear = [];
        }
      }
    }
    await this.executor.ready(trainingSteps(this.program));
    const [table] = await this.executor.read(["quantizers"]);
    this.scheduler.mirrorFromDevice(new Float32Array(table!.buffer), undefined, true);
  }

  /** Steps with each tensor made twice: to be seen, and with the range that follows. */
  #measuring(steps: readonly Step[]): Step[] {
    const { calibrate } = this.program.sections, out: Step[] = [];
    const makes = (row: number) => (step: Step) =>
      step.quantizer === row && (step.when === undefined || step.when === "static");
    let first = 0;
    for (const [i, { quantizer: row, when }] of steps.entries()) {
      if (row === undefined || (when !== undefined && when !== "static")) continue;
      // Of a tensor that is made in parts, all must be seen.
      if (steps.slice(i + 1).some(makes(row)) || this.scheduler.estimators[row]?.initial) continue;
      out.push(...steps.slice(first, i + 1), calibrate.find((step) => step.quantizer === row)!);
      first = steps.findIndex(makes(row)); // Runs again, with its range, before what reads it.
    }
    return [...out, ...steps.slice(first)];
  }

  #writeRanges(): void {
    for (const { offset, data } of this.scheduler.table()) {
      this.executor.write("quantizers", data, offset);
    }
  }

  #writeRow(row: number): void {
    const { offset, data } = this.scheduler.row(row);
    this.executor.write("quantizers", data, offset);
  }

  /** The whole table of quantizers, and what estimators keep. */
  #writeEverything(): void {
    if (this.program.quantizers.length === 0) return;
    const { table, memory } = this.scheduler.fullTable();
    this.executor.write("quantizers", table.data);
    this.executor.write("memory", memory.data);
  }

  /** Writes micro-batch `micro` of a batch, and what the step is described by. */
  #writeBatch(batch: Batch, how: StepSettings, micro = 0): void {
    const parts = microBatchOf(this.program, this.seed, batch, how, micro);
    for (const [name, data] of Object.entries(parts)) this.executor.write(name, data);
  }
}
