/**
 * One run of the loop over epochs and steps, with its files and events.
 *
 * @module
 */
import type { Dataset } from "../../data/dataset.ts";
import { peakMemory } from "../../program/memory/peak.ts";
import type { Recipe } from "../../recipe/types.ts";
import { VERSION } from "../../core/version.ts";
import { BatchReader } from "../../data/batch_reader.ts";
import { encodeCheckpoint } from "../checkpoint/checkpoint.ts";
import { describeNonfiniteState } from "../network/divergence.ts";
import { DataWait } from "./data_wait.ts";
import { DataChangeMonitor } from "../run_folder/data_change_monitor.ts";
import type { EpochEvent, StartEvent, StepEvent, Summary, TrainEvent } from "../events.ts";
import { Prefetcher } from "./prefetch.ts";
import {
  epochLine,
  mostClipped,
  rangeLines,
  skipLine,
  stepLine,
} from "../run_folder/metrics_log.ts";
import type { StepResult } from "../network/in_flight_steps.ts";
import { ClippingMonitor } from "./clipping_monitor.ts";
import { type InitialWeights } from "../checkpoint/init.ts";
import { Network } from "../network/network.ts";
import type { Batch } from "../../data/batch.ts";
import {
  type Best,
  type EpochFigures,
  recordEvaluation,
  type TrainerState,
} from "../checkpoint/trainer_state.ts";
import { Throughput } from "./throughput.ts";
import { NonfinitePolicy } from "./nonfinite_policy.ts";
import { CheckpointTimer } from "../checkpoint/timer.ts";
import { learningRate } from "./schedule.ts";
import { EvaluationAborted, untilAborted } from "./abortable.ts";
import type { TrainOptions } from "../options.ts";

/** Seconds of steps that are submitted before waiting for them, at most. */
const MAX_WAIT = 0.5;

/** One run of the loop. */
export class Run {
  readonly #reader: BatchReader;
  readonly #feed: Prefetcher;
  readonly #wait: DataWait;
  /** Steps of the whole run. */
  readonly steps: number;
  readonly #rate: (step: number) => number;
  readonly #guard: NonfinitePolicy;
  readonly #clipping = new ClippingMonitor();
  readonly #pace: Throughput;
  #last: EpochFigures | null = null;
  #bests: readonly Best[] = [];
  readonly #saves: CheckpointTimer;

  constructor(
    readonly recipe: Recipe,
    readonly text: string,
    readonly data: Dataset,
    readonly network: Network,
    reader: BatchReader,
    readonly perEpoch: number,
    readonly options: TrainOptions,
    readonly started: number,
    readonly watch: DataChangeMonitor,
  ) {
    const { epochs, max_steps } = recipe.train;
    this.#reader = reader;
    this.steps = Math.min(epochs * perEpoch, max_steps || Infinity);
    this.#feed = new Prefetcher(reader, recipe.seed, perEpoch, this.steps);
    this.#pace = new Throughput(recipe.train.batch);
    this.#wait = new DataWait(network.executor.device);
    const { folder, warn } = options;
    this.#guard = new NonfinitePolicy({ network, train: recipe.train, text, folder, warn });
    this.#rate = learningRate(recipe.train, perEpoch, this.steps);
    this.#saves = new CheckpointTimer(recipe.train.checkpoint_minutes);
  }

  /** Takes over weights from elsewhere, with running statistics; ranges follow from calibration. */
  start({ find, notes }: InitialWeights): void {
    const { network, recipe: { quantize }, options: { warn } } = this;
    network.load({ find, ranges: new Map() }, false);
    for (const note of notes) warn?.(note);
    if (quantize.calibrate > 0 || quantize.arithmetic === "float32") return;
    warn?.("quantize.calibrate: 0, but weights from elsewhere need ranges: calibrating on a batch");
  }

  /** First ranges, from the batches of the epoch that `step` belongs to, from that step on. */
  async calibrate(step = 0, least = 0): Promise<void> {
    const epoch = Math.floor(step / this.perEpoch);
    const order = this.#reader.order(this.recipe.seed, epoch);
    const batches: Batch[] = [];
    const { calibrate } = this.recipe.quantize;
    for (let i = 0; i < Math.min(Math.max(calibrate, least), this.perEpoch); i++) {
      batches.push(await this.#reader.training(order, (step + i) % this.perEpoch, epoch));
    }
    await this.network.calibrate(batches);
  }

  /** Trains from a position to the end of the run. */
  async *go(from: TrainerState): AsyncGenerator<TrainEvent, void, void> {
    const { recipe, network, perEpoch, options } = this, guard = this.#guard;
    const { executor, program } = network, { batch, epochs } = recipe.train;
    let { step, epochLoss, epochCorrect } = from;
    // An evaluation that was cut short comes first: no step, then the end of its epoch.
    let unevaluated = from.unevaluated === true && this.#ends(step);
    const position = (): TrainerState => ({
      step,
      epochLoss,
      epochCorrect,
      last: this.#last,
      bests: this.#bests,
      ...guard.skipped,
    });
    this.#last = from.last;
    this.#bests = from.bests;
    await guard.begin(from);
    yield this.startEvent(step);
    let epochStarted = performance.now();
    let next = step < this.steps ? await this.#feed.at(step) : undefined;
    let status: Summary["status"] = "done", reason: string | undefined;
    let stepSeconds = 0;
    run: while (next || unevaluated) {
      const epoch = Math.floor((unevaluated ? step - 1 : step) / perEpoch),
        began = performance.now();
      // Steps are waited for together, as many as the scheduler lets be in flight, none beyond the
      // epoch, and no more than half a second of them, so that Ctrl-C is heard. The first goes alone,
      // as it is not timed.
      const inFlight = step === from.step
        ? 1
        : Math.max(1, Math.min(network.inFlight, Math.floor(MAX_WAIT / stepSeconds)));
      const ahead = Math.min((epoch + 1) * perEpoch, this.steps, guard.next(step));
      const last = unevaluated ? step : Math.min(step + inFlight, ahead);
      let skipped = unevaluated ? undefined : guard.skip(step);
      for (let at = step; at < last; at++) {
        await network.submit(next!, at, this.#rate(at), this.#telemetry(at + 1));
        // The next batch is read while the GPU works.
        this.#wait.begin();
        next = at + 1 < this.steps ? await this.#feed.at(at + 1) : undefined;
        this.#wait.end();
      }
      // What only evaluation and later steps need is compiled while the first step is computed.
      if (step === from.step) await executor.ready(Object.values(program.sections).flat());
      const came = performance.now(), results = await network.collect();
      const ended = performance.now(), seconds = (ended - began) / 1000;
      const waited = this.#wait.since((ended - came) / 1000);
      if (results.length > 0) stepSeconds = seconds / results.length;
      if (step > from.step) this.#pace.add(results.length, seconds, waited);
      for (const result of results) {
        const { loss, correct, observations, notFinite } = result, rate = this.#rate(step);
        if (notFinite) {
          const turn = await guard.handle(step, notFinite, () => this.#feed.at(step));
          if ("stop" in turn) {
            status = "diverged";
            reason = diverged(step + 1, turn.stop);
            break run;
          }
          if ("back" in turn) {
            ({ step, epochLoss, epochCorrect, last: this.#last, bests: this.#bests } = turn.back);
            unevaluated = turn.back.unevaluated === true;
            await options.folder?.truncateLogs(step);
            await this.#save(position()); // What it leaves out must outlive a kill.
            yield turn.event;
            next = await this.#feed.at(step);
            continue run;
          }
          skipped = turn.skipped;
          break;
        }
        step++;
        epochLoss += loss;
        epochCorrect += correct;
        const event = this.#stepEvent(step, epoch + 1, result, rate);
        if (this.#logs(step)) this.#log(event);
        const clips = this.#clipping.see(observations);
        if (clips !== undefined) options.warn?.(`step ${step}: ${clips}`);
        yield event;
      }
      if (skipped) {
        const event = guard.event(skipped, this.steps, epoch + 1);
        options.folder?.appendMetrics(skipLine(event));
        step++;
        yield event;
        // What was in flight behind it has changed nothing either, and runs again.
        next = step < this.steps ? await this.#feed.at(step) : undefined;
      }
      const inEpoch = (step - 1) % perEpoch + 1, ends = this.#ends(step);
      if (ends) {
        const tested = await this.#evaluate();
        if (!tested) {
          const where = await this.#save({ ...position(), unevaluated: true });
          status = where === undefined ? "interrupted" : "diverged";
          if (where !== undefined) reason = diverged(step, where);
          break;
        }
        unevaluated = false;
        const { loss, accuracy } = tested;
        const learned = inEpoch - guard.since(step - inEpoch);
        this.#bests = recordEvaluation(this.#bests, { step, testAccuracy: accuracy });
        this.#last = { trainLoss: epochLoss / learned, testLoss: loss, testAccuracy: accuracy };
        const event: EpochEvent = {
          type: "epoch",
          epoch: epoch + 1,
          epochs,
          step,
          ...this.#last,
          trainAccuracy: epochCorrect / (learned * batch),
          seconds: (performance.now() - epochStarted) / 1000,
        };
        if (inEpoch === perEpoch) epochLoss = epochCorrect = 0;
        options.folder?.appendMetrics(epochLine(event));
        await this.watch.look();
        const where = await this.#save(position());
        if (where !== undefined) {
          status = "diverged";
          reason = diverged(step, where);
          break;
        }
        await guard.keep(position());
        yield event;
        epochStarted = performance.now();
      }
      const interrupted = options.signal?.aborted && next !== undefined;
      if (interrupted) status = "interrupted";
      if (!ends && (interrupted || this.#saves.due)) {
        const where = await this.#save(position());
        if (where !== undefined) {
          [status, reason] = ["diverged", diverged(step, where)];
          break;
        }
      }
      if (interrupted) break;
    }
    const summary = this.#summary(status, step, reason);
    await options.folder?.flush();
    await options.folder?.writeSummary(summary);
    yield { type: "end", summary, state: await network.state() };
  }

  /** What is known before the first step. */
  startEvent(resumedFrom: number): StartEvent {
    const { recipe, data, network: { executor, program } } = this;
    return {
      type: "start",
      recipe,
      program,
      device: executor.device,
      adapter: executor.adapter,
      trainImages: data.train.count,
      testImages: data.test.count,
      steps: this.steps,
      resumedFrom,
    };
  }

  /** Whether the run is evaluated after `step` steps. */
  #ends(step: number): boolean {
    return step % this.perEpoch === 0 || step >= this.steps;
  }

  /** Whether step `step`, from 1, is logged. */
  #logs(step: number): boolean {
    return step % this.recipe.train.log_every === 0 || step === this.steps;
  }

  /** Whether a logged step compares codes with real values. */
  #telemetry(step: number): boolean {
    const { telemetry, quantize } = this.recipe;
    return telemetry === "full" && quantize.arithmetic !== "float32" && this.#logs(step);
  }

  #stepEvent(
    step: number,
    epoch: number,
    { loss, correct, observations, gradientNorm, fidelity }: StepResult,
    rate: number,
  ): StepEvent {
    const own = observations.slice(this.network.program.weightQuantizers);
    const values = own.reduce((sum, o) => sum + o.quantizer.elements, 0);
    const clipped = own.reduce((sum, o) => sum + o.clipped, 0);
    const most = mostClipped(own);
    return {
      type: "step",
      step,
      steps: this.steps,
      epoch,
      loss,
      accuracy: correct / this.recipe.train.batch,
      rate,
      ...(gradientNorm === undefined ? {} : { gradientNorm }),
      imagesPerSecond: this.#pace.imagesPerSecond,
      dataWaitShare: this.#pace.dataWaitShare,
      clipped: values > 0 ? clipped / values : 0,
      ...(most ? { mostClipped: most } : {}),
      secondsLeft: this.#pace.secondsPerStep * (this.steps - step),
      observations,
      ...(fidelity ? { fidelity } : {}),
    };
  }

  #log(event: StepEvent): void {
    const { folder } = this.options;
    if (!folder) return;
    folder.appendMetrics(stepLine(event));
    for (const line of rangeLines(event)) folder.appendRanges(line);
  }

  /** Over the test images; `undefined` where that takes long and the run is asked to end meanwhile. */
  async #evaluate(): Promise<{ loss: number; accuracy: number } | undefined> {
    const batches = this.#reader.testing(this.network.program.batch);
    try {
      return await this.network.evaluate(untilAborted(batches, this.options.signal));
    } catch (error) {
      if (error instanceof EvaluationAborted) return undefined;
      throw error;
    }
  }

  /** Writes a checkpoint, unless the state is not finite: then it says where. */
  async #save(position: TrainerState): Promise<string | undefined> {
    const { folder } = this.options, { keep } = this.recipe.train;
    const state = await this.network.state(), where = describeNonfiniteState(state);
    if (where !== undefined || !folder) return where;
    await folder.flush();
    const bytes = encodeCheckpoint(state, this.text, position, this.data);
    await folder.writeCheckpoint(position.step, bytes, keep, position.bests.map((b) => b.step));
    this.#saves.saved();
    return undefined;
  }

  #summary(status: Summary["status"], steps: number, reason: string | undefined): Summary {
    const { recipe, network: { executor } } = this, q = recipe.quantize;
    const skipped = this.#guard.since(0);
    return {
      status,
      epochs: Math.ceil(steps / this.perEpoch),
      steps,
      train_loss: this.#last?.trainLoss ?? null,
      test_loss: this.#last?.testLoss ?? null,
      test_accuracy: this.#last?.testAccuracy ?? null,
      best_test_accuracy: this.#bests.at(-1)?.testAccuracy ?? null,
      best_step: this.#bests.at(-1)?.step ?? null,
      images_per_second: this.#pace.imagesPerSecond,
      data_wait_share: this.#pace.dataWaitShare,
      seconds: (performance.now() - this.started) / 1000,
      peak_gpu_bytes: executor.device === "gpu" ? peakMemory(this.network.program).total : 0,
      adapter: executor.adapter,
      device: executor.device,
      arithmetic: q.arithmetic,
      estimators: q.arithmetic === "float32" ? null : {
        weights: q.weights.estimator,
        activations: q.activations.estimator,
        gradients: q.gradients.estimator,
      },
      scheduler: this.network.scheduler.device ? "device" : "host",
      seed: recipe.seed,
      qtrain_version: VERSION,
      ...(skipped > 0 ? { skipped_steps: skipped } : {}),
      ...(reason === undefined ? {} : { reason }),
    };
  }
}

function diverged(step: number, where: string): string {
  return `step ${step}: ${where}. Lower train.optimizer.lr or raise train.schedule.warmup_steps`;
}
