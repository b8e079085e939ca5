/**
 * A planned network on an executor: its weights and ranges, and what one does with it: training steps,
 * evaluation, prediction, calibration of ranges.
 *
 * @module
 */
import type { Batch } from "../../data/batch.ts";
import type { Ranks } from "../../distributed/ranks.ts";
import type { Copies, Executor } from "../../runtime/executor.ts";
import { rangesOnDevice, stepsInFlight } from "../../program/scheduler_placement.ts";
import type { DataShape } from "../../program/plan.ts";
import type { Program } from "../../program/program.ts";
import type { EstimatorMakers } from "../../quant/estimator.ts";
import { estimators as ownEstimators } from "../../quant/estimators/mod.ts";
import { METRICS, wordsOf } from "../../quant/layouts.ts";
import type { Range } from "../../quant/range.ts";
import { Scheduler } from "../../quant/scheduler.ts";
import { readStatistics } from "../../quant/statistics.ts";
import type { DistributedSpec } from "../../recipe/recipe.ts";
import type { QuantizeSpec } from "../../recipe/quantize.ts";
import { InFlightSteps, type StepResult } from "./in_flight_steps.ts";
import { shardedExecutor } from "../../runtime/sharded_executor.ts";
import { microBatchOf, type StepSettings } from "./micro_batch.ts";
import { undoStep } from "./undo_step.ts";
import { selectSteps, trainingSteps } from "../../program/select_steps.ts";
import { RankStep } from "./rank_step.ts";
import { type Segment, Segments } from "./segments.ts";
import type { LoadedState, NetworkState } from "./types.ts";
import { Weights } from "./weights.ts";

/**
 * Gets the scores of a batch of an evaluation.
 *
 * @param logits f32 [n, stride], of which the first scores of each row are those of the classes
 * @param metrics f32: the loss of the batch, summed over its images, and its right answers
 */
type Answered = (
  batch: Batch,
  logits: Float32Array,
  stride: number,
  metrics: { readonly loss: number; readonly correct: number },
) => void;

/**
 * Batches of an evaluation whose sums stay on the device: a wait costs 11 ms, but what is submitted without
 * one stays in memory until it has run.
 */
export const MAX_UNREAD_BATCHES = 64;

/** What not every network has. */
interface NetworkOptions {
  /** Estimators by name; those of qtrain by default. */
  readonly estimators?: EstimatorMakers | undefined;
  /** A weight for each class, of mean 1; 1 for each by default. Without effect in a program without weights. */
  readonly classWeights?: Float32Array | undefined;
  /** The ranks that train together, for a program whose gradients they exchange. */
  readonly ranks?: Ranks | undefined;
  /** How the gradients go from rank to rank; f32 by default. */
  readonly wire?: DistributedSpec["wire"] | undefined;
}

/** A network on an executor. */
export class Network {
  /** The executor; it knows a split parameter by the name of the whole. */
  readonly executor: Executor;
  readonly scheduler: Scheduler;
  /** A weight for each class, in whole quads; none in a program without weights. */
  readonly classWeights: Float32Array<ArrayBuffer>;
  /** Maximum number of steps to submit before waiting for their results. */
  readonly maxInFlight: number;
  readonly #inFlightSteps: InFlightSteps;
  readonly #segments: Segments;
  readonly #weights: Weights;
  /** The step of one rank among several; absent on one machine. */
  readonly #rankStep: RankStep | undefined;

  /**
   * Writes constants and the tables of quantizers; weights follow by {@linkcode initialize} or
   * {@linkcode load}.
   *
   * @param seed the seed of the run
   * @param data mean and standard deviation of the images, by channel
   */
  constructor(
    readonly program: Program,
    executor: Executor,
    readonly seed: number,
    quantize: QuantizeSpec,
    data: DataShape,
    options: NetworkOptions = {},
  ) {
    const { estimators: makers = ownEstimators, classWeights, ranks, wire = "f32" } = options;
    this.executor = shardedExecutor(executor, program);
    this.#weights = new Weights(program, this.executor);
    this.classWeights = new Float32Array(program.training.weights).fill(1);
    if (classWeights) this.classWeights.set(classWeights.subarray(0, program.training.weights));
    const { quantizers } = program, device = rangesOnDevice(quantize, makers);
    const estimators = quantizers.map(({ role, settings }) =>
      role === "weight" ? undefined : makers[settings.estimator]!(settings)
    );
    this.scheduler = new Scheduler(quantizers, estimators, device);
    this.#segments = new Segments(program, this.scheduler);
    this.#inFlightSteps = new InFlightSteps(program, this.scheduler);
    if (ranks) this.#rankStep = new RankStep(program, this.executor, ranks, wire);
    // Ranks wait for one another in every step.
    this.maxInFlight = ranks ? 1 : stepsInFlight(quantizers.length > 0, quantize, makers);
    const affine = new Float32Array(8);
    for (let c = 0; c < program.input[2]; c++) {
      affine[c] = 1 / (255 * data.std[c]!);
      affine[4 + c] = -data.mean[c]! / data.std[c]!;
    }
    executor.write("normalization", affine);
    const rules = this.scheduler.rules();
    if (rules.length > 0) executor.write("rules", rules);
    this.#writeTables();
  }

  /** Sets initial weights, by the seed. */
  initialize(): void {
    this.#weights.initialize(this.seed);
    this.executor.run(this.program.sections.weights);
  }

  /**
   * Loads weights, running statistics, ranges and, for training, optimizer state.
   *
   * @param training false: for evaluation only, without optimizer state; the weights are their moving
   * averages where there are any
   */
  load({ find, has, ranges, memories }: LoadedState, training = true): void {
    this.#weights.load(find, has, training);
    this.program.quantizers.forEach((q, row) => {
      this.scheduler.table.setRange(row, ranges.get(q.name));
      const memory = this.scheduler.table.memory(row), kept = memories?.get(q.name);
      memory.fill(0);
      if (kept && kept.length === memory.length) memory.set(kept);
    });
    this.#inFlightSteps.discard();
    this.#rankStep?.load(memories);
    this.#writeTables();
    this.executor.run(this.program.sections.weights);
  }

  /** Reads the state for a checkpoint. */
  async state(): Promise<NetworkState> {
    const names = ["quantizers", "memory", ...this.#weights.buffers];
    const bytes = await this.executor.read(names);
    const values = new Map(names.map((name, i) => [name, new Float32Array(bytes[i]!.buffer)]));
    this.scheduler.mirrorFromDevice(wordsOf(values.get("quantizers")!), values.get("memory"));
    const ranges = new Map<string, Range>(),
      memories = new Map<string, Float32Array<ArrayBuffer>>();
    this.program.quantizers.forEach((q, row) => {
      const range = this.scheduler.table.range(row), kept = this.scheduler.table.memory(row);
      if (q.role === "weight" || this.scheduler.estimators[row]?.initial) return;
      if (range) ranges.set(q.name, range);
      if (kept.length > 0) memories.set(q.name, kept.slice());
    });
    for (const [name, values] of this.#rankStep?.memories() ?? []) memories.set(name, values);
    return { ...this.#weights.state(values), ranges, memories };
  }

  /**
   * Submits one training step; {@linkcode collect} waits for it. At most {@linkcode maxInFlight} steps
   * may be in flight, because the host sets the ranges of a step from the results of steps before it.
   *
   * @param step counts from 0; steps come in order
   * @param telemetry whether to compare codes with real values; needs a program planned for it
   */
  async submit(
    batch: Batch,
    step: number,
    learningRate: number,
    telemetry = false,
  ): Promise<void> {
    const { micros } = this.program;
    const before = this.scheduler.snapshot();
    this.#writeRanges();
    if (this.#rankStep) {
      await this.#submitOnRank(
        this.#rankStep,
        batch,
        { step, learningRate, normWeight: 1 },
        telemetry,
      );
      const copies = await this.#runSegments(
        this.#segments.end,
        [],
        this.#inFlightSteps.readbackBuffers(telemetry),
      );
      return this.#inFlightSteps.enqueue(batch.samples, before, copies);
    }
    for (let micro = 0; micro < micros; micro++) {
      this.#writeBatch(batch, { step, learningRate, normWeight: 1 }, micro);
      const last = micro === micros - 1, segments = this.#segments.training(step, telemetry, last);
      const readback = last ? this.#inFlightSteps.readbackBuffers(telemetry) : [];
      const clear = micro === 0 ? ["statistics", "metrics"] : [];
      const copies = await this.#runSegments(segments, clear, readback);
      if (last) this.#inFlightSteps.enqueue(batch.samples, before, copies);
    }
  }

  /**
   * Waits for the submitted steps and returns their results in order. A step that was not finite is the
   * last one; weights, optimizer state, averages, running statistics and ranges are as before it.
   */
  async collect(): Promise<StepResult[]> {
    const results = await this.#inFlightSteps.collect();
    if (results.at(-1)?.nonfinite) {
      await undoStep(this.program, this.executor, this.scheduler);
      this.#rankStep?.undo();
    }
    return results;
  }

  /** The micro-batches of a step that this machine computes, in their order. */
  get microBatches(): readonly number[] {
    return this.#rankStep?.microBatches ?? Array.from({ length: this.program.micros }, (_, i) => i);
  }

  /**
   * What each rank's training loop added to the exchange of the last step, in the order of ranks; none on
   * one machine.
   */
  get notes(): readonly Uint8Array[] {
    return this.#rankStep?.notes ?? [];
  }

  /** Sets what this rank's training loop adds to the next step's exchange. */
  set note(note: Uint8Array) {
    if (this.#rankStep) this.#rankStep.note = note;
  }

  /** Runs this rank's micro-batches of a step, and exchanges what they add up to. */
  async #submitOnRank(
    rankStep: RankStep,
    batch: Batch,
    settings: StepSettings,
    telemetry: boolean,
  ): Promise<void> {
    await rankStep.run(
      this.#segments.microBatch(settings.step, telemetry),
      settings.step,
      telemetry,
      (micro, at) => this.#writeBatch(batch, settings, micro, at),
      (steps, clear, copied) => this.#runSegments(this.#segments.of(steps), clear, copied),
    );
  }

  /** Submits a training step and waits for it. */
  async step(
    batch: Batch,
    step: number,
    learningRate: number,
    telemetry = false,
  ): Promise<StepResult> {
    await this.submit(batch, step, learningRate, telemetry);
    return (await this.collect())[0]!;
  }

  /**
   * Runs segments in order; the host sets a range after each but the last one.
   *
   * @returns copies of buffers as they are after the last segment
   */
  async #runSegments(
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
      this.scheduler.updateRange(row, readStatistics(wordsOf(statistics!), row));
      this.#writeRange(row);
    }
    throw new Error("the last segment must not wait for the host");
  }

  /**
   * Evaluates on batches of the size of a micro-batch: mean loss in nats and accuracy, with running
   * norm statistics and the moving averages of weights where there are any. Changes no range.
   *
   * @param answered gets each batch, in order, with its scores
   */
  async evaluate(
    batches: AsyncIterable<Batch>,
    answered?: Answered,
  ): Promise<{ loss: number; accuracy: number }> {
    this.#swapAverages();
    try {
      return await this.#evaluate(batches, answered);
    } finally {
      this.#swapAverages();
    }
  }

  /** Swaps weights with their moving averages, where there are any. */
  #swapAverages(): void {
    const { exchange, weights } = this.program.sections;
    if (exchange.length === 0) return;
    // Frozen weights have no average: their codes and ranges stay as they are.
    const packing = weights.filter((step) => !step.afterLoad);
    this.executor.run([...exchange, ...packing], ["statistics"]);
  }

  async #evaluate(
    batches: AsyncIterable<Batch>,
    answered?: Answered,
  ): Promise<{ loss: number; accuracy: number }> {
    const { sections, quantizers, classes } = this.program;
    const scores = sections.loss[0]!.buffers.logits!, stride = Math.ceil(classes / 4) * 4;
    const steps = selectSteps([...sections.forward, ...sections.loss], quantizers, {
      phase: "eval",
    });
    this.#writeRanges(); // Those of the next step, as in a checkpoint.
    let samples = 0, pending = 0, loss = 0, correct = 0;
    const collect = async () => {
      const [metrics] = await this.executor.read(["metrics"]);
      const { totalLoss, totalCorrect } = METRICS.read(wordsOf(metrics!), 0);
      loss += totalLoss;
      correct += totalCorrect;
      pending = 0;
    };
    const copies: { readonly batch: Batch; readonly read: Copies }[] = [];
    const answer = async (count: number) => {
      const some = copies.splice(0, count);
      const read = await Promise.all(some.map(({ read }) => read()));
      for (const [i, [bytes, metrics]] of read.entries()) {
        const logits = new Float32Array(bytes!.buffer);
        answered!(some[i]!.batch, logits, stride, METRICS.read(wordsOf(metrics!), 0));
      }
    };
    for await (const batch of batches) {
      this.#writeBatch(batch, { step: 0, learningRate: 0, normWeight: 0, soft: false });
      await this.executor.ready(steps);
      // The device works on the later half while the host waits for the scores of the earlier one.
      if (copies.length === this.maxInFlight) await answer(Math.ceil(copies.length / 2));
      const read = this.executor.run(
        steps,
        pending === 0 ? ["metrics"] : [],
        answered ? [scores, "metrics"] : [],
      );
      if (answered) copies.push({ batch, read });
      samples += batch.samples;
      if (++pending === MAX_UNREAD_BATCHES) await collect();
    }
    if (pending > 0) await collect();
    await answer(copies.length);
    return { loss: loss / samples, accuracy: correct / samples };
  }

  /**
   * Returns the scores of each sample, an array of `classes` f32. They use running norm statistics and
   * the present ranges, so they do not depend on the other samples of the batch. Changes no range.
   */
  async logits(batch: Batch): Promise<Float32Array<ArrayBuffer>[]> {
    const { sections: { forward, loss }, quantizers, classes, batch: size } = this.program;
    if (batch.samples > size) {
      throw new RangeError(`expected at most ${size} images, got ${batch.samples}`);
    }
    this.#writeRanges();
    this.#writeBatch(batch, { step: 0, learningRate: 0, normWeight: 0 });
    this.executor.run(selectSteps(forward, quantizers, { phase: "eval" }), ["metrics"]);
    const [bytes] = await this.executor.read([loss[0]!.buffers.logits!]);
    const values = new Float32Array(bytes!.buffer), padded = Math.ceil(classes / 4) * 4;
    return Array.from(
      { length: batch.samples },
      (_, n) => values.slice(n * padded, n * padded + classes),
    );
  }

  /**
   * Whether no range is known of any quantizer whose range earlier steps should have set. A single
   * range may be missing with good reason: its tensor was always zero.
   */
  get lostRanges(): boolean {
    const rows = this.program.quantizers.flatMap((q, row) => {
      const estimator = this.scheduler.estimators[row];
      return !estimator || estimator.initial || q.dynamic ? [] : [row];
    });
    const known = rows.some((row) => this.scheduler.table.range(row));
    return rows.length > 0 && !known;
  }

  /**
   * Sets first ranges, layer by layer with the static kernels: a step runs once to measure, its range is
   * set, and it runs again; forward, then backward. Each micro-batch counts like a batch. Changes
   * nothing but ranges.
   *
   * The device sets the ranges, so nothing waits, and it computes while later kernels are compiled.
   */
  async calibrate(batches: readonly Batch[]): Promise<void> {
    const { quantizers, micros, batch: size } = this.program;
    if (quantizers.length === 0) return;
    const parts = this.#segments.calibration();
    for (const batch of batches) {
      for (let micro = 0; micro < micros && micro * size < batch.samples; micro++) {
        this.#writeBatch(batch, { step: 0, learningRate: 0, normWeight: 0 }, micro);
        let clear = ["statistics", "metrics"];
        for (const part of parts) {
          await this.#runSegments(part, clear);
          clear = [];
        }
      }
    }
    await this.executor.ready(trainingSteps(this.program));
    const [table] = await this.executor.read(["quantizers"]);
    this.scheduler.mirrorFromDevice(wordsOf(table!), undefined, true);
  }

  /** Writes all ranges that the host sets. */
  #writeRanges(): void {
    for (const { offset, data } of this.scheduler.hostRows()) {
      this.executor.write("quantizers", data, offset);
    }
  }

  /** Writes the range of one row. */
  #writeRange(row: number): void {
    const { offset, data } = this.scheduler.table.encode(row);
    this.executor.write("quantizers", data, offset);
  }

  /** Writes the whole table of quantizers, and what estimators keep. */
  #writeTables(): void {
    if (this.program.quantizers.length === 0) return;
    const { table, memory } = this.scheduler.table.encodeAll();
    this.executor.write("quantizers", table);
    this.executor.write("memory", memory);
  }

  /**
   * Writes micro-batch `micro` of a batch, and the uniform of the step.
   *
   * @param at its position among those whose images the batch holds
   */
  #writeBatch(batch: Batch, settings: StepSettings, micro = 0, at = micro): void {
    const buffers = microBatchOf(this, batch, settings, micro, at);
    for (const [name, data] of Object.entries(buffers)) this.executor.write(name, data);
  }
}
