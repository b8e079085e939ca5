/**
 * Trains a recipe: opens what a run needs, and lets it go.
 *
 * @module
 */
import { Loader } from "../data/loader.ts";
import { openDataset } from "../data/open.ts";
import { stepsPerEpoch } from "../data/sampler.ts";
import { dataOf } from "../data/recipe.ts";
import { plan } from "../program/plan.ts";
import type { Device } from "../runtime/device.ts";
import { estimators as ownEstimators } from "../quant/estimators.ts";
import type { RecipeInput } from "../recipe/recipe_input.ts";
import { formatRecipe, resolveRecipe } from "../recipe/load.ts";
import type { Recipe } from "../recipe/types.ts";
import { BatchReader } from "../data/batch_reader.ts";
import { openTestedDevice } from "../runtime/open_tested_device.ts";
import { withMemoryAdvice } from "./loop/memory_advice.ts";
import { DataChangeMonitor } from "./run_folder/data_change_monitor.ts";
import type { Summary, TrainEvent } from "./events.ts";
import { initialWeights } from "./checkpoint/init.ts";
import { Network } from "./network/network.ts";
import { latestCheckpoint } from "./checkpoint/latest.ts";
import { INITIAL_STATE } from "./checkpoint/trainer_state.ts";
import { withDeviceRecovery } from "./loop/device_recovery.ts";
import { checkResumable } from "./run_folder/resume_check.ts";
import type { TrainOptions } from "./options.ts";
import { Run } from "./loop/run.ts";

/**
 * Trains a network, telling of every step. Nothing is printed.
 *
 * @example
 * ```ts
 * for await (const event of train({ data: { format: "glyphs" }, model: { name: "cnn" } })) {
 *   if (event.type === "epoch") console.log(event.epoch, event.testAccuracy);
 * }
 * ```
 * @throws RecipeError, ModelError, DataError, UsageError, DeviceError: each with a message for people
 */
export async function* train(
  input: RecipeInput | Recipe,
  options: TrainOptions = {},
): AsyncGenerator<TrainEvent, void, void> {
  const started = performance.now();
  await using _lock = await options.folder?.lock();
  yield* withDeviceRecovery(options, (again, opens) => trainOnce(input, again, started, opens));
}

/** The same on one device, which {@linkcode train} may open again. */
async function* trainOnce(
  input: RecipeInput | Recipe,
  options: TrainOptions,
  started: number,
  opens: (device: Device) => void,
): AsyncGenerator<TrainEvent, void, void> {
  const { folder, estimators = {} } = options, more = Object.keys(estimators);
  const recipe = resolveRecipe(input as RecipeInput, ".", more);
  const makers = { ...ownEstimators, ...estimators };
  const text = formatRecipe(recipe);
  const { warn } = options;
  let found = folder && options.resume ? await latestCheckpoint(folder, warn) : undefined;
  if (folder && options.resume) {
    await checkResumable(folder, recipe, found, { estimators: more, ...(warn ? { warn } : {}) });
  }
  const data = await openDataset(
    dataOf(recipe),
    options.warn ? { warn: options.warn } : {},
  );
  const perEpoch = stepsPerEpoch(data.train.count, recipe.train.batch);
  const { program } = plan(recipe, data, { estimators: makers });
  let initial = recipe.init && !found ? await initialWeights(recipe, program, warn) : undefined;
  const device = options.opened ??
    await openTestedDevice(options.device, program, options);
  opens(device);
  const fitting = (error: unknown) => withMemoryAdvice(error, recipe, data, program, makers);
  const executor = await device.createExecutor(program, { lazily: true }).catch((error) => {
    throw fitting(error);
  });
  let loader: Loader | undefined;
  try {
    await executor.ready(program.sections.weights);
    loader = await Loader.open(data, {
      ...recipe.data,
      seed: recipe.seed,
      ...(warn ? { warn } : {}),
    });
    const network = new Network(program, executor, recipe.seed, recipe.quantize, data, makers);
    if (found) network.load(found);
    else if (options.resume) {
      warn?.(`${folder?.path ?? "the run"} holds no whole checkpoint: starting afresh`);
    }
    const position = found?.position;
    found = undefined; // Lets the file go.
    const reader = new BatchReader(data, recipe.train.batch, loader);
    const watch = new DataChangeMonitor(data, recipe, warn);
    const run = new Run(recipe, text, data, network, reader, perEpoch, options, started, watch);
    if (folder && position && position.step >= run.steps) {
      const before = await folder.readSummary();
      if (before?.status === "done" && before.steps === position.step) {
        // A finished run stays as it is, to the byte.
        yield run.startEvent(position.step);
        yield { type: "end", summary: before as unknown as Summary, state: await network.state() };
        return;
      }
    }
    if (folder) {
      await watch.begin(folder.path, position !== undefined);
      await folder.truncateLogs(position?.step ?? 0);
      await folder.writeRecipe(text);
    }
    if (!position) {
      network.initialize();
      if (initial) run.start(initial);
      // Loaded weights are far from first ones: a network without ranges would unlearn in a step.
      await run.calibrate(0, initial ? 1 : 0);
      initial = undefined; // Lets the file go.
    } else if (network.lostRanges && recipe.quantize.calibrate > 0) {
      // Without its ranges a network unlearns in a step: docs/results.md, When something jumps.
      warn?.("the checkpoint has lost its ranges: calibrating anew");
      await run.calibrate(position.step);
    }
    yield* run.go(position ?? INITIAL_STATE);
  } catch (error) {
    throw fitting(error);
  } finally {
    loader?.close();
    executor.close();
  }
}
