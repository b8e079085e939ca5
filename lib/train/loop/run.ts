/**
 * The training loop: epochs of steps, an evaluation and a checkpoint after each epoch, and the events,
 * logs and summary of the run.
 *
 * @module
 */
import type { Batch } from "../../data/batch.ts";
import type { EvaluationRecord } from "../../metrics/evaluation_record.ts";
import type { Observation } from "../../quant/scheduler.ts";
import { encodeCheckpoint } from "../checkpoint/checkpoint.ts";
import {
  INITIAL_STATE,
  recordEvaluation,
  type SkippedStep,
  type TrainerState,
} from "../checkpoint/trainer_state.ts";
import type {
  EndEvent,
  EpochEvent,
  StartEvent,
  StepEvent,
  Summary,
  TrainEvent,
} from "../events.ts";
import { evaluationRecord, measure, type Measured } from "../measure.ts";
import { describeNonfiniteState } from "../network/divergence.ts";
import type { StepResult } from "../network/in_flight_steps.ts";
import {
  epochLine,
  mostClipped,
  rangeLines,
  skipLine,
  stepLine,
} from "../run_folder/metrics_log.ts";
import type { EventLog } from "../tensorboard/event_log.ts";
import { expectSameState } from "../agreement.ts";
import { ClippingMonitor } from "./clipping_monitor.ts";
import { Course } from "./course.ts";
import { NonfinitePolicy } from "./nonfinite_policy.ts";
import type { RunSetup } from "./run_setup.ts";
import { summaryOf } from "./summary.ts";
import { Throughput } from "./throughput.ts";

/** Seconds of steps that are submitted before waiting for them, so that Ctrl-C is noticed soon. */
const MAX_WAIT_S = 0.5;

/** One run of the training loop. */
export class Run {
  /** Where the run stands, without the skipped steps, which the policy counts. */
  #state: TrainerState = INITIAL_STATE;
  /** Whether an epoch's steps are done but its evaluation was aborted: it comes first. */
  #evaluationPending = false;
  /** The batch of the next step; `undefined` after the last one. */
  #batch: Batch | undefined;
  /** How the run ended; `undefined` while it continues. */
  #status: Summary["status"] | undefined;
  /** Why the run diverged. */
  #reason: string | undefined;
  /** The last step that was not skipped, if it is not in the logs. */
  #last: StepEvent | undefined;
  /** Whether no step was computed yet: the first one compiles kernels, so it is not timed. */
  #first = true;
  #epochStarted = 0;
  #lastSave = performance.now();
  #eventLog: EventLog | undefined;
  readonly #stepsPerEpoch: number;
  readonly #course: Course;
  readonly #throughput: Throughput;
  readonly #policy: NonfinitePolicy;
  readonly #clipping = new ClippingMonitor();

  constructor(readonly setup: RunSetup) {
    const { recipe: { train }, recipeText, data, network, loader, clock } = setup;
    const { options: { folder, warn }, team } = setup, { stepsPerEpoch } = loader.sampler;
    this.#stepsPerEpoch = stepsPerEpoch;
    this.#course = new Course({ train, stepsPerEpoch, testImages: data.test.count, clock });
    this.#throughput = new Throughput(network.executor.idleWait, train.batch);
    this.#policy = new NonfinitePolicy({ network, train, recipeText, folder, warn, team });
  }

  /**
   * Sets first ranges from the batches of the epoch of `step`, from that step on.
   *
   * @param step counts from 0
   * @param minBatches minimum number of batches, if the recipe has fewer
   */
  async calibrate(step = 0, minBatches = 0): Promise<void> {
    const { recipe, network, loader } = this.setup, stepsPerEpoch = this.#stepsPerEpoch;
    const epochStart = step - step % stepsPerEpoch;
    const count = Math.min(
      Math.max(recipe.quantize.calibration_batches, minBatches),
      stepsPerEpoch,
    );
    const batches: Batch[] = [];
    for (let i = 0; i < count; i++) {
      batches.push(await loader.wholeBatch(epochStart + (step + i) % stepsPerEpoch));
    }
    await network.calibrate(batches);
  }

  /** Trains from a state to the end of the run. */
  async *train(from: TrainerState): AsyncGenerator<TrainEvent, void, void> {
    this.#restore(from);
    await this.#policy.begin(from);
    this.#eventLog = await this.#beginEventLog(from.step);
    yield this.startEvent(from.step);
    this.#epochStarted = performance.now();
    await this.#readBatch();
    while (!this.#status && (!this.#ended || this.#evaluationPending)) {
      const advanced = this.#evaluationPending || (yield* this.#trainSteps());
      if (!advanced) continue; // It diverged, or went back to an earlier state.
      if (!this.#evaluationPending) this.#course.recordSteps(this.#step);
      if (this.#step >= this.#course.end) this.#logLast(); // As `train.time` may have just decided.
      if (this.#course.endsEpoch(this.#step)) yield* this.#endEpoch();
      else if (this.#interrupted || this.#checkpointDue) await this.#save();
      if (this.#interrupted) this.#status ??= "interrupted";
    }
    yield await this.#finish();
  }

  /** Whether a run that stands at `state` has come to its end. */
  hasEnded(state: TrainerState): boolean {
    this.#restore(state);
    return this.#ended;
  }

  /** What TensorBoard reads, where the recipe asks for it. */
  async #beginEventLog(step: number): Promise<EventLog | undefined> {
    const { recipe: { tensorboard, train }, recipeText, options: { folder, warn } } = this.setup;
    if (!tensorboard || !folder) return undefined;
    const { EventLog } = await import("../tensorboard/event_log.ts");
    const steps = this.#course.plannedSteps(step), logEvery = train.log_every;
    const options = { step, steps, logEvery, recipeText, warn };
    return await EventLog.begin(`${folder.path}/events`, options);
  }

  /** The event before the first step. */
  startEvent(resumedFrom: number): StartEvent {
    const { recipe, data, network: { executor, program } } = this.setup;
    return {
      type: "start",
      recipe,
      program,
      device: executor.device,
      adapter: executor.adapter,
      memoryBytes: executor.bytes,
      trainImages: data.train.count,
      testImages: data.test.count,
      ...(data.layout === undefined ? {} : { layout: data.layout }),
      steps: this.#course.plannedSteps(this.#step),
      resumedFrom,
    };
  }

  /** Steps done. */
  get #step(): number {
    return this.#state.step;
  }

  /** Whether no step is left. */
  get #ended(): boolean {
    return this.#course.hasEnded(this.#state);
  }

  /** Epoch of the last step done, from 1. */
  get #epoch(): number {
    return Math.ceil(this.#step / this.#stepsPerEpoch);
  }

  /** Whether the user has stopped the run before its last step. */
  get #interrupted(): boolean {
    return this.setup.team.stopped && !this.#ended;
  }

  get #checkpointDue(): boolean {
    return this.setup.team.isDue(this.#isCheckpointDue());
  }

  /** Whether a checkpoint is due by this process's clock. */
  #isCheckpointDue(): boolean {
    const { checkpoint_minutes: minutes } = this.setup.recipe.train;
    return minutes > 0 && performance.now() - this.#lastSave >= minutes * 60_000;
  }

  /** Sets where the run stands; the network has been loaded with the weights of then. */
  #restore(state: TrainerState): void {
    const { step, epochLoss, epochCorrect, last, bests, unevaluated } = state;
    this.#state = { step, epochLoss, epochCorrect, last, bests };
    this.#course.restore(state);
    this.#evaluationPending = unevaluated === true && this.#course.endsEpoch(step);
  }

  /** Where the run stands, as a checkpoint holds it. */
  #trainerState(): TrainerState {
    return { ...this.#state, ...this.#policy.skipped, ...this.#course.state };
  }

  /** The batch of a step; those of later steps are prefetched. */
  #trainBatch(step: number): Promise<Batch> {
    return this.setup.loader.trainBatch(step, this.#course.end);
  }

  /** Reads the batch of the next step. */
  async #readBatch(step = this.#step): Promise<void> {
    this.#batch = step < this.#course.end ? await this.#trainBatch(step) : undefined;
  }

  /**
   * Trains the steps that may be in flight together.
   *
   * @returns false when a step diverged: the run ends, or continues from an earlier state
   */
  async *#trainSteps(): AsyncGenerator<TrainEvent, boolean, void> {
    const planned = this.#policy.takePlannedSkip(this.#step);
    if (planned) {
      yield* this.#skipStep(planned);
      return true;
    }
    for (const result of await this.#runSteps()) {
      if (!result.nonfinite) {
        yield this.#recordStep(result);
        continue;
      }
      const step = this.#step;
      const action = await this.#policy.handle(
        step,
        result.nonfinite,
        () => this.#trainBatch(step),
      );
      if ("skipped" in action) {
        // Later steps that were in flight have changed nothing either, and run again.
        yield* this.#skipStep(action.skipped);
        return true;
      }
      if ("stop" in action) this.#diverge(step + 1, action.stop);
      else {
        await this.#rollBack(action.back);
        yield action.event;
        await this.#readBatch();
      }
      return false;
    }
    await this.setup.options.folder?.writeLines();
    await this.#eventLog?.writeSoon();
    return true;
  }

  /**
   * Submits as many steps as may be in flight and waits for all of them. The next batch is read while
   * the GPU works.
   */
  async #runSteps(): Promise<StepResult[]> {
    const { network, team } = this.setup, { executor, program } = network;
    const end = this.#endOfFlight();
    this.#throughput.begin();
    network.note = team.note(this.#isCheckpointDue());
    for (let at = this.#step; at < end; at++) {
      await network.submit(
        this.#batch!,
        at,
        this.#course.learningRate(at),
        this.#hasTelemetry(at + 1),
      );
      await this.#throughput.waitForData(() => this.#readBatch(at + 1));
    }
    // What only evaluation and later steps need is compiled while the first step is computed.
    if (this.#first) await executor.ready(Object.values(program.sections).flat());
    this.#throughput.beginCollect();
    const results = await network.collect();
    team.read(network.notes);
    this.#throughput.end(results.length, !this.#first);
    this.#first = false;
    return results;
  }

  /**
   * The step before which to wait for results: as many as the scheduler allows are in flight, at most
   * half a second of them, none of the next epoch. The first one goes alone, as it is not timed.
   */
  #endOfFlight(): number {
    const { network } = this.setup, step = this.#step, stepsPerEpoch = this.#stepsPerEpoch;
    const { lastStepSeconds } = this.#throughput;
    const most = Math.min(network.maxInFlight, Math.floor(MAX_WAIT_S / lastStepSeconds));
    const count = this.#first ? 1 : Math.max(1, most);
    const epochEnd = (Math.floor(step / stepsPerEpoch) + 1) * stepsPerEpoch;
    return Math.min(step + count, epochEnd, this.#course.end, this.#policy.nextPlannedSkip(step));
  }

  /** Adds a step to the figures of its epoch, and to the logs. */
  #recordStep(result: StepResult): StepEvent {
    const { warn } = this.setup.options, state = this.#state;
    const learningRate = this.#course.learningRate(state.step);
    this.#state = {
      ...state,
      step: state.step + 1,
      epochLoss: state.epochLoss + result.loss,
      epochCorrect: state.epochCorrect + result.correct,
    };
    const event = this.#stepEvent(result, learningRate);
    this.#last = event;
    if (this.#isLogged(event.step)) this.#logLast();
    const clipping = this.#clipping.see(result.observations);
    if (clipping !== undefined) warn?.(`step ${event.step}: ${clipping}`);
    return event;
  }

  /** Adds the last step to the logs, unless it is there. */
  #logLast(): void {
    const { folder } = this.setup.options, event = this.#last;
    this.#last = undefined;
    if (!folder || !event) return;
    folder.appendMetrics(stepLine(event));
    for (const line of rangeLines(event)) folder.appendRanges(line);
    this.#eventLog?.step(event);
  }

  /** Continues after a step that has changed nothing. */
  async *#skipStep(skipped: SkippedStep): AsyncGenerator<TrainEvent, void, void> {
    this.#state = { ...this.#state, step: this.#step + 1 };
    const event = this.#policy.skipEvent(
      skipped,
      this.#course.plannedSteps(this.#step),
      this.#epoch,
    );
    this.setup.options.folder?.appendMetrics(skipLine(event));
    yield event;
    await this.#readBatch();
  }

  /** Continues from an earlier state, which the network has been loaded with. */
  async #rollBack(to: TrainerState): Promise<void> {
    this.#last = undefined;
    this.#restore(to);
    await this.setup.options.folder?.truncateLogs(to.step);
    this.#eventLog?.restart(to.step);
    await this.#save(); // The step to be skipped must survive a kill.
  }

  /** Evaluates, saves a checkpoint and begins the next epoch. */
  async *#endEpoch(): AsyncGenerator<TrainEvent, void, void> {
    const { options: { folder }, data, dataChanges, clock, team } = this.setup;
    const began = clock.seconds, test = await this.#evaluate();
    await team.sync();
    data.fileWarnings?.summarize();
    this.#evaluationPending = test === undefined;
    if (!test) {
      if (await this.#save()) this.#status = "interrupted";
      return;
    }
    const evaluation = await evaluationRecord(this.#step, data, test);
    const event = this.#recordEpoch(test, evaluation);
    folder?.appendMetrics(epochLine(event));
    await folder?.writeEvaluation(evaluation);
    this.#eventLog?.epoch(event);
    await dataChanges.check();
    this.#course.recordEvaluation(this.#state, test.loss, clock.seconds - began);
    if (!await this.#save()) return;
    await this.#policy.recordGoodState(this.#trainerState());
    yield event;
    this.#epochStarted = performance.now();
  }

  /** Evaluates on the test images; `undefined` where that takes long and the run is interrupted. */
  async #evaluate(): Promise<Measured | undefined> {
    const { network, loader, options, team } = this.setup, { program, executor } = network;
    // Compiled already, but where a run resumes with an evaluation.
    await executor.ready(Object.values(program.sections).flat());
    return await measure(network, loader, "test", { ...options, distributed: team.ranks });
  }

  /** Takes the figures of an epoch that has ended, and begins new sums for the next one. */
  #recordEpoch(test: Measured, evaluation: EvaluationRecord): EpochEvent {
    const { recipe: { train } } = this.setup, stepsPerEpoch = this.#stepsPerEpoch;
    const { step, epochLoss, epochCorrect, bests } = this.#state;
    const inEpoch = (step - 1) % stepsPerEpoch + 1;
    const learned = inEpoch - this.#policy.skippedAfter(step - inEpoch);
    const { loss, accuracy, top5, calibrationError } = test;
    const last = {
      trainLoss: epochLoss / learned,
      testLoss: loss,
      testAccuracy: accuracy,
      ...(top5 === undefined ? {} : { testTop5: top5 }),
      calibrationError,
    };
    this.#state = {
      ...this.#state,
      ...(inEpoch === stepsPerEpoch ? { epochLoss: 0, epochCorrect: 0 } : {}),
      last,
      bests: recordEvaluation(bests, { step, testAccuracy: accuracy }),
    };
    return {
      type: "epoch",
      epoch: this.#epoch,
      epochs: this.#course.epochs(step),
      step,
      ...last,
      isBest: this.#state.bests.at(-1)?.step === step,
      trainAccuracy: epochCorrect / (learned * train.batch),
      evaluation,
      seconds: (performance.now() - this.#epochStarted) / 1000,
    };
  }

  /** Saves a checkpoint. @returns false where the state is not finite: the run has diverged */
  async #save(): Promise<boolean> {
    const { network, recipe: { train }, recipeText, data, initNames, team } = this.setup;
    const { options: { folder } } = this.setup;
    const weights = await network.state(), where = describeNonfiniteState(weights);
    if (where !== undefined) {
      this.#diverge(this.#step, where);
      return false;
    }
    await expectSameState(team, weights);
    if (!folder) {
      this.#lastSave = performance.now(); // Else every later step would read the state again.
      return true;
    }
    const state: TrainerState = {
      ...this.#trainerState(),
      ...(this.#evaluationPending ? { unevaluated: true } : {}),
      device: network.executor.device,
    };
    await folder.flush();
    await this.#eventLog?.flush();
    const bytes = encodeCheckpoint(weights, recipeText, state, data, initNames);
    await folder.writeCheckpoint(
      state.step,
      bytes,
      train.keep_checkpoints,
      state.bests.map((b) => b.step),
    );
    this.#lastSave = performance.now();
    return true;
  }

  /** Ends the run because of a number that is not finite. */
  #diverge(step: number, where: string): void {
    this.#status = "diverged";
    this.#reason = `step ${step}: ${where}. ` +
      "Lower train.optimizer.lr or raise train.schedule.warmup_steps";
    // The last step before it tells most, and a run that diverges soon has no other.
    this.#logLast();
  }

  /** Writes the summary. */
  async #finish(): Promise<EndEvent> {
    const { network, options: { folder }, team } = this.setup, status = this.#status ?? "done";
    await team.sync(); // Warnings since the last exchange.
    const summary = summaryOf(this.setup, this.#state, {
      status,
      stepsPerEpoch: this.#stepsPerEpoch,
      throughput: this.#throughput,
      skipped: this.#policy.skippedAfter(0),
      stoppedEarly: status === "done" && this.#course.endedEarly(this.#state),
      reason: this.#reason,
    });
    await folder?.flush();
    await this.#eventLog?.flush();
    await folder?.writeSummary(summary);
    return { type: "end", summary, state: await network.state() };
  }

  /** Whether step `step`, from 1, is logged. */
  #isLogged(step: number): boolean {
    return step % this.setup.recipe.train.log_every === 0 || step === this.#course.end;
  }

  /** Whether step `step`, from 1, compares codes with real values. */
  #hasTelemetry(step: number): boolean {
    const { telemetry, quantize } = this.setup.recipe;
    return telemetry === "full" && quantize.arithmetic !== "float32" && this.#isLogged(step);
  }

  /** The event of the last step done. */
  #stepEvent(
    { loss, correct, observations, gradientNorm, quantizationErrors }: StepResult,
    learningRate: number,
  ): StepEvent {
    const { network: { program }, recipe: { train } } = this.setup, pace = this.#throughput;
    const noWeights = observations.slice(program.weightQuantizers), most = mostClipped(noWeights);
    return {
      type: "step",
      step: this.#step,
      steps: this.#course.plannedSteps(this.#step),
      epoch: this.#epoch,
      loss,
      accuracy: correct / train.batch,
      learningRate,
      ...(gradientNorm === undefined ? {} : { gradientNorm }),
      imagesPerSecond: pace.imagesPerSecond,
      dataWaitShare: pace.dataWaitShare,
      clipped: clippedShare(noWeights),
      ...(most ? { mostClipped: most } : {}),
      secondsLeft: pace.secondsPerStep * (this.#course.plannedSteps(this.#step) - this.#step),
      observations,
      ...(quantizationErrors ? { quantizationErrors } : {}),
    };
  }
}

/** Share of values outside their range, 0–1. */
function clippedShare(observations: readonly Observation[]): number {
  const values = observations.reduce((sum, o) => sum + o.quantizer.elements, 0);
  const clipped = observations.reduce((sum, o) => sum + o.clipped, 0);
  return values > 0 ? clipped / values : 0;
}
