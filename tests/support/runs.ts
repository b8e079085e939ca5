/**
 * Short training runs for tests.
 *
 * @module
 */
import "./isolate.ts";
import { type Device, type DeviceChoice, openDevice } from "../../lib/runtime/device.ts";
import { UNRESTRICTED } from "../../lib/recipe/path_scope.ts";
import type { LayerInput } from "../../lib/recipe/layers.ts";
import type { RecipeInput } from "../../lib/recipe/recipe.ts";
import { RunFolder } from "../../lib/train/run_folder/run_folder.ts";
import type { EndEvent, TrainEvent } from "../../lib/train/events.ts";
import { train } from "../../lib/train/train.ts";

export { SHORT } from "./short_recipe.ts";

/** Convolution, norm and residual, up to its ReLU: kernels that have tiles to choose from. */
export const RESIDUAL: readonly LayerInput[] = [
  { type: "conv2d", channels: 8, kernel: 3, padding: 1, bias: false },
  "batch_norm",
  "relu",
  {
    type: "residual",
    body: [{ type: "conv2d", channels: 8, kernel: 3, padding: 1, bias: false }, "batch_norm"],
  },
  "relu",
];

/** How a run is done. */
export interface RunOptions {
  readonly device?: DeviceChoice;
  /** In place of one that is opened for the run. */
  readonly opened?: Device;
  /** The run's folder. */
  readonly out?: string;
  readonly resume?: boolean;
  /** Asks for an end after this step. */
  readonly stopAt?: number;
  /** Not before an event of this type. */
  readonly stopFrom?: TrainEvent["type"];
  /** Makes a clock in which each step takes so many seconds, and nothing else takes any. */
  readonly stepSeconds?: number;
}

/** What a run told. */
export interface Run {
  readonly events: readonly TrainEvent[];
  readonly warnings: readonly string[];
  readonly losses: readonly number[];
  readonly end: EndEvent;
}

/** Trains to the end, or until asked to stop. Paths of a recipe without a scope may lead anywhere. */
export async function runOf(recipe: RecipeInput, options: RunOptions = {}): Promise<Run> {
  const { device = "gpu", out, resume = false, stopAt, stopFrom = "start", stepSeconds } = options;
  const opened = options.opened ?? await openDevice(device);
  const events: TrainEvent[] = [], warnings: string[] = [];
  const stop = new AbortController();
  const folder = out === undefined ? {} : {
    folder: await RunFolder.create({ out, name: "run", resume }),
    resume,
  };
  let milliseconds = 0;
  const clock = stepSeconds === undefined ? {} : { now: () => milliseconds };
  const warn = (text: string) => void warnings.push(text);
  for await (
    const event of train({ pathScope: UNRESTRICTED, ...recipe }, {
      opened,
      signal: stop.signal,
      warn,
      ...folder,
      ...clock,
    })
  ) {
    events.push(event);
    if (event.type === "step") milliseconds += 1000 * (stepSeconds ?? 0);
    const counts = events.some(({ type }) => type === stopFrom);
    if (counts && event.type === "step" && event.step === stopAt) stop.abort();
  }
  return {
    events,
    warnings,
    losses: events.flatMap((event) => event.type === "step" ? [event.loss] : []),
    end: events.at(-1) as EndEvent,
  };
}

/** Runs `body` with the path of a folder that is removed behind it. */
export async function inFolder(body: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempDir();
  try {
    await body(`${path}/run`);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
}

/** Copies the folder of a run that has been killed after a checkpoint: its logs are ahead of it. */
export async function copyKilledAt(from: string, to: string, step: number): Promise<void> {
  await Deno.mkdir(`${to}/checkpoints`, { recursive: true });
  for (const file of ["recipe.yaml", "metrics.jsonl", "ranges.jsonl"]) {
    await Deno.copyFile(`${from}/${file}`, `${to}/${file}`);
  }
  for (const checkpoint of await (await RunFolder.open(from)).checkpoints()) {
    if (checkpoint.step > step) continue;
    await Deno.copyFile(checkpoint.path, checkpoint.path.replace(from, to));
  }
}

/** The bytes of the newest checkpoint. */
export async function newestCheckpoint(folder: string): Promise<Uint8Array<ArrayBuffer>> {
  const [newest] = await (await RunFolder.open(folder)).checkpoints();
  return await Deno.readFile(newest!.path);
}
