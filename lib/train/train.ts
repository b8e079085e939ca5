/**
 * Trains the network of a recipe.
 *
 * @module
 */
import type { Dataset } from "../data/dataset.ts";
import { DataLoader } from "../data/loader.ts";
import { localRanks } from "../distributed/local_ranks.ts";
import type { Ranks } from "../distributed/ranks.ts";
import type { Program } from "../program/program.ts";
import type { EstimatorMakers } from "../quant/estimator.ts";
import { estimators as ownEstimators } from "../quant/estimators/mod.ts";
import { formatRecipe, resolveRecipe } from "../recipe/load.ts";
import type { RecipeInput } from "../recipe/recipe.ts";
import type { Recipe } from "../recipe/recipe.ts";
import type { Device } from "../runtime/device.ts";
import type { Executor } from "../runtime/executor.ts";
import { openTestedDevice } from "../runtime/open_tested_device.ts";
import { UsageError } from "../core/errors.ts";
import {
  expectSameData,
  expectSameDevice,
  expectSameRecipe,
  expectSameState,
} from "./agreement.ts";
import { Team } from "./team.ts";
import type { InitialWeights } from "./checkpoint/init.ts";
import { decodeCheckpoint } from "./checkpoint/checkpoint.ts";
import { latestCheckpoint, type LoadedCheckpoint } from "./checkpoint/load.ts";
import { INITIAL_STATE, type TrainerState } from "./checkpoint/trainer_state.ts";
import type { Summary, TrainEvent } from "./events.ts";
import { withDeviceRecovery } from "./loop/device_recovery.ts";
import { withMemoryAdvice } from "./loop/memory_advice.ts";
import { Run } from "./loop/run.ts";
import { RunClock } from "./loop/run_clock.ts";
import { Network } from "./network/network.ts";
import type { TrainOptions } from "./options.ts";
import { prepareTraining } from "./prepare.ts";
import { expectShares } from "./rank_plan.ts";
import { DataChangeMonitor } from "./run_folder/data_change_monitor.ts";
import { checkResumable } from "./run_folder/resume_check.ts";
import type { RunFolder } from "./run_folder/run_folder.ts";

/**
 * Trains a network and yields an event for every step. Prints nothing.
 *
 * @example
 * ```ts
 * for await (const event of train({ data: { format: "glyphs" }, model: { name: "cnn" } })) {
 *   if (event.type === "epoch") console.log(event.epoch, event.testAccuracy);
 * }
 * ```
 * @throws RecipeError, ModelError, DataError, UsageError or DeviceError, each with a message for people
 */
export async function* train(
  input: RecipeInput | Recipe,
  options: TrainOptions = {},
): AsyncGenerator<TrainEvent, void, void> {
  const { distributed } = options;
  if (!distributed || distributed.size === 1) return yield* trainAlone(input, options);
  let ended = false;
  const { rank, onCores } = distributed, { folder: _, progress: __, ...others } = options;
  const team = new Team({ ...options, ranks: distributed });
  try {
    const threads = options.threads ??
      Math.max(1, Math.floor(navigator.hardwareConcurrency / onCores));
    const own = { ...(rank === 0 ? options : others), threads, warn: team.warn };
    await team.sync(); // The run's time begins at what the first rank's clock says now.
    yield* trainAlone(input, own, team);
    ended = true;
  } catch (error) {
    await team.fail(error);
    ended = true;
    throw error;
  } finally {
    if (!ended) await team.fail(new UsageError("the program that trains has ended the training"));
  }
}

/** Trains one rank, or on one machine. */
async function* trainAlone(
  input: RecipeInput | Recipe,
  options: TrainOptions,
  team = new Team(options),
): AsyncGenerator<TrainEvent, void, void> {
  const clock = new RunClock(team.now);
  const { folder, resume = false } = options;
  await using locks = new AsyncDisposableStack();
  const lock = async () => void (folder && locks.use(await folder.lock()));
  // What is resumed must not change while it is read. Another run gets its folder when all is checked.
  if (resume) await lock();
  let begun = false, warn = options.warn;
  try {
    // All ranks would have to go back together: a lost device ends the training.
    const recovering = team.ranks ? once : withDeviceRecovery;
    yield* recovering(options, async function* (again, onOpen) {
      const job = await prepare(input, again, team);
      if (!again.resume) await lock();
      yield* trainOnDevice(job, again, clock, onOpen, () => begun = true);
    });
  } catch (error) {
    // What ended the run, such as a full disk, may end the report too: once is enough to say it.
    warn = undefined;
    throw error;
  } finally {
    // However it ended. The folder is still locked.
    if (folder && begun) await report(folder.path, warn);
  }
}

/** Trains without opening a lost device again. */
function once(
  options: TrainOptions,
  trainOnce: (
    options: TrainOptions,
    onOpen: (device: Device) => void,
  ) => AsyncGenerator<TrainEvent>,
): AsyncGenerator<TrainEvent> {
  return trainOnce(options, () => {});
}

/** Writes the report of a run that has ended. What fails is a warning: the run is done. */
async function report(path: string, warn: TrainOptions["warn"]): Promise<void> {
  try {
    // Imported when it is needed: a run starts without it.
    const { writeReport } = await import("../view/report/write_report.ts");
    await writeReport(path, warn);
  } catch (error) {
    warn?.(`${path}: cannot make the report: ${(error as Error).message}`);
  }
}

/** Trains until the run ends or its device is lost. */
async function* trainOnDevice(
  job: Job,
  options: TrainOptions,
  clock: RunClock,
  onOpen: (device: Device) => void,
  onBegin: () => void,
): AsyncGenerator<TrainEvent, void, void> {
  const { recipe, data, program, estimators, team } = job;
  const before = job.checkpoint?.trainerState.device;
  const device = options.opened ??
    await openTestedDevice(options.device, program, {
      ...options,
      before,
      memory: recipe.memory,
    });
  onOpen(device);
  await expectSameDevice(team, device);
  let executor: Executor | undefined, loader: DataLoader | undefined;
  try {
    executor = await device.createExecutor(program, { lazily: true, memory: recipe.memory });
    await executor.ready(program.sections.weights);
    loader = await openLoader(job, options);
    const run = openRun(job, executor, loader, options, clock);
    const finished = await finishedSummary(job, run, options, team);
    if (finished) {
      // A finished run stays as it is, to the byte.
      yield run.startEvent(finished.steps);
      yield { type: "end", summary: finished, state: await run.setup.network.state() };
      return;
    }
    if (options.folder) await prepareFolder(options.folder, job, run);
    onBegin();
    const from = await loadWeights(job, run, options);
    await expectSameState(team, await run.setup.network.state());
    yield* run.train(from);
  } catch (error) {
    throw withMemoryAdvice(error, recipe, data, program, estimators);
  } finally {
    loader?.close();
    executor?.close();
  }
}

/** What a run needs beside a device. */
interface Job {
  readonly recipe: Recipe;
  /** The recipe as YAML. */
  readonly recipeText: string;
  /** Those of qtrain and the custom ones. */
  readonly estimators: EstimatorMakers;
  readonly data: Dataset;
  /** A weight for each class, of mean 1. */
  readonly classWeights: Float32Array<ArrayBuffer>;
  readonly program: Program;
  /** The checkpoint to resume from; dropped once it is loaded, as it is large. */
  checkpoint: LoadedCheckpoint | undefined;
  /** The weights of the recipe's `init`; dropped once they are loaded. */
  initial: InitialWeights | undefined;
  /** The ranks that exchange gradients. */
  readonly ranks: Ranks | undefined;
  readonly team: Team;
}

/** Completes the recipe, finds the checkpoint, opens the data and plans the program. */
async function prepare(
  input: RecipeInput | Recipe,
  { folder, resume, warn, progress, distributed, estimators: custom = {} }: TrainOptions,
  team: Team,
): Promise<Job> {
  let recipe = resolveRecipe(input as RecipeInput, ".", Object.keys(custom));
  const estimators = { ...ownEstimators, ...custom }, warning = warn ? { warn } : {};
  let checkpoint: LoadedCheckpoint | undefined, began = recipe;
  const names = Object.keys(custom);
  await expectSameRecipe(team, formatRecipe(recipe), resume === true, names);
  if (resume) {
    const found = folder && await latestCheckpoint(folder, warn);
    checkpoint = await fromFirst(team, found);
    if (folder) {
      began = await checkResumable(folder, recipe, found, { estimators: names, ...warning });
      recipe = { ...recipe, pathScope: recipe.pathScope.resuming(folder.path) };
    }
    // A run keeps the batch that it chose at its beginning.
    const train = await team.fromFirst(() => began.train);
    recipe = { ...recipe, train };
  }
  // Codes on the wire change results, so one machine rounds its gradients like a rank.
  const ranks = distributed ??
    (recipe.distributed.wire === "int8" ? localRanks(1)[0] : undefined);
  const prepared = await prepareTraining(recipe, {
    estimators,
    exchanges: ranks !== undefined,
    checkpoint,
    warn,
    progress,
  });
  await expectSameData(team, prepared.data);
  if (distributed) expectShares(prepared.program, distributed.size);
  const recipeText = formatRecipe({ ...began, train: prepared.recipe.train });
  return { ...prepared, recipeText, estimators, checkpoint, ranks, team };
}

/** The checkpoint that the first rank has found, on all ranks. */
async function fromFirst(
  team: Team,
  found: LoadedCheckpoint | undefined,
): Promise<LoadedCheckpoint | undefined> {
  const bytes = await team.bytesFromFirst(() => Promise.resolve(found?.bytes));
  if (team.isFirst || !bytes) return found;
  const path = "the checkpoint of rank 0";
  return { ...decodeCheckpoint(bytes, path), path, bytes };
}

function openLoader(
  { data, recipe, program, team: { ranks } }: Job,
  { warn }: TrainOptions,
): Promise<DataLoader> {
  return DataLoader.open(data, {
    ...(ranks
      ? {
        share: { rank: ranks.rank, size: ranks.size, micro: program.batch },
        onCores: ranks.onCores,
      }
      : {}),
    ...recipe.data,
    seed: recipe.seed,
    batch: recipe.train.batch,
    ...(warn ? { warn } : {}),
  });
}

function openRun(
  job: Job,
  executor: Executor,
  loader: DataLoader,
  options: TrainOptions,
  clock: RunClock,
): Run {
  const { recipe, recipeText, estimators, data, classWeights, program, checkpoint, initial } = job;
  const { ranks, team } = job;
  return new Run({
    recipe,
    recipeText,
    data,
    network: new Network(program, executor, recipe.seed, recipe.quantize, data, {
      estimators,
      classWeights,
      ranks,
      wire: recipe.distributed.wire,
    }),
    estimators,
    loader,
    options,
    clock,
    team,
    dataChanges: new DataChangeMonitor(data, recipe, options.warn),
    initNames: checkpoint ? checkpoint.initNames : initial?.names,
  });
}

/** The summary of a run that has ended already, whose network is then loaded. */
async function finishedSummary(
  { checkpoint }: Job,
  run: Run,
  { folder }: TrainOptions,
  team: Team,
): Promise<Summary | undefined> {
  if (!checkpoint || !run.hasEnded(checkpoint.trainerState)) return undefined;
  const summary = await team.fromFirst(() =>
    folder?.readSummary() as Promise<Summary | undefined> | undefined
  );
  if (summary?.status !== "done" || summary.steps !== checkpoint.trainerState.step) {
    return undefined;
  }
  run.setup.network.load(checkpoint);
  return summary;
}

/**
 * Compares the data with that of the run's beginning, takes the logs back to the checkpoint, and writes
 * the recipe and what the folder is.
 */
async function prepareFolder(folder: RunFolder, job: Job, run: Run): Promise<void> {
  const { checkpoint, recipeText } = job;
  await run.setup.dataChanges.begin(folder.path, checkpoint !== undefined);
  await folder.truncateLogs(checkpoint?.trainerState.step ?? 0);
  await folder.writeRecipe(recipeText);
  const { beginReadMe } = await import("../view/report/write_report.ts");
  await beginReadMe(folder.path, job.recipe, run.setup.options.warn);
}

const NAMES = { gpu: "GPU", cpu: "CPU" } as const;

/** Loads the checkpoint, or else first weights and ranges. Returns the state to train from. */
async function loadWeights(
  job: Job,
  run: Run,
  { folder, resume, warn }: TrainOptions,
): Promise<TrainerState> {
  const { checkpoint, initial, recipe: { quantize } } = job, { network } = run.setup;
  job.checkpoint = job.initial = undefined;
  if (checkpoint) {
    network.load(checkpoint);
    const { device: before } = checkpoint.trainerState, { device } = network.executor;
    if (before && before !== device) {
      warn?.(
        `resuming on the ${NAMES[device]} (was the ${
          NAMES[before]
        }): the last digits of results may ` +
          "differ from those of a run on one device",
      );
    }
    if (network.lostRanges && quantize.calibration_batches > 0) {
      // Without its ranges a network unlearns in a step: docs/results.md, When something jumps.
      warn?.("the checkpoint has lost its ranges: calibrating again");
      await run.calibrate(checkpoint.trainerState.step);
    }
    return checkpoint.trainerState;
  }
  if (resume) warn?.(`${folder?.path ?? "the run"} has no intact checkpoint: starting over`);
  network.initialize();
  if (initial) {
    network.load({ find: initial.find, ranges: new Map() }, false);
    for (const note of initial.notes) warn?.(note);
    if (quantize.calibration_batches === 0 && quantize.arithmetic !== "float32") {
      warn?.(
        "quantize.calibration_batches: 0, but loaded weights need ranges: calibrating on one batch",
      );
    }
  }
  // Loaded weights are far from first ones: a network without ranges would unlearn in a step.
  await run.calibrate(0, initial ? 1 : 0);
  return INITIAL_STATE;
}
