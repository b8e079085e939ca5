/**
 * Chooses the device of `--device auto`: a hardware GPU, else the CPU. Where both are there, a step of
 * the program is timed once on each, as some GPUs are slower than their CPU (a Raspberry Pi's). The times
 * are remembered in a file of the user's cache folder, as those of tiles are.
 *
 * @module
 */
import { DeviceError } from "../core/errors.ts";
import { isMap } from "../core/json_value.ts";
import { VERSION } from "../core/version.ts";
import { allSteps, type Program } from "../program/program.ts";
import { selectSteps, trainingSteps } from "../program/select_steps.ts";
import { processorName } from "./cpu/support.ts";
import { type Device, type DeviceChoice, type DeviceOptions, openDevice } from "./device.ts";
import { fill } from "./fill.ts";
import { adapterName, cacheFile, readCache, writeCache } from "./gpu/cache_file.ts";
import { isSet } from "./gpu/device.ts";
import { describeConstants } from "./gpu/tile.ts";
import { hashOf, sourceOf } from "./gpu/tuning_key.ts";
import { ReferenceExecutor } from "./reference_executor.ts";

/** The file's format and version. */
const FORMAT = "qtrain devices 1";
/** Days after which devices are timed again, as WebGPU does not report a new driver. */
const MAX_AGE_DAYS = 30;
const DAY_MS = 86_400_000;
/** Milliseconds that steps are timed for together, and the maximum of them: as many as are in flight. */
const GROUP_MS = 200, MAX_GROUP = 8;
/** Milliseconds from which on a step is not repeated. */
const LONG_MS = 1000;

/** Milliseconds of a step on each device. */
type Times = Readonly<Record<Device["kind"], number>>;

/** Options of {@linkcode openAuto}. */
export interface AutoOptions extends DeviceOptions {
  /** Kind of device that the run was trained on so far: it is taken again if it is there. */
  readonly before?: Device["kind"] | undefined;
  /** Maximum bytes of the CPU executor's memory; 0, the default: no limit. */
  readonly memory?: number;
}

/** What {@linkcode openAuto} uses; tests replace it. */
export interface AutoTools {
  open(choice: DeviceChoice, options: DeviceOptions): Promise<Device>;
  /** Returns the milliseconds of a step and frees the device. */
  time(device: Device, program: Program, memory?: number): Promise<number>;
  /** Milliseconds since 1970. */
  now(): number;
}

/**
 * Opens the device of `auto` for a program. Times only with `tiles: "timed"`, without
 * `QTRAIN_NO_TUNE`, and for a run that was not trained before; else takes the GPU.
 *
 * @throws DeviceError when there is no device
 */
export async function openAuto(
  program: Program,
  options: AutoOptions,
  tools: AutoTools = { open: openDevice, time: stepMilliseconds, now: Date.now },
): Promise<Device> {
  if (options.before === "cpu") return await tools.open("cpu", options);
  const found = await tools.open("auto", options);
  const isTimed = found.kind === "gpu" && options.before === undefined &&
    options.tiles === "timed" && !isSet("QTRAIN_NO_TUNE");
  return isTimed ? await faster(program, found, options, tools) : found;
}

/** Returns the faster of a GPU and the CPU, with a line that says why. */
async function faster(
  program: Program,
  gpu: Device,
  options: AutoOptions,
  tools: AutoTools,
): Promise<Device> {
  const { warn } = options, cpu = await opened(() => tools.open("cpu", options));
  if (cpu instanceof DeviceError) return gpu;
  const path = cacheFile("devices.json"), key = programKey(program);
  const names = [adapterName(gpu.gpu!.info), processorName(), cpu.name, `qtrain ${VERSION}`];
  const adapter = names.filter((name) => name !== "").join(", ");
  const day = Math.floor(tools.now() / DAY_MS);
  const known = timesOf((await readCache(path, FORMAT, adapter))[key], day);
  const take = (kind: Device["kind"], why: string) => {
    warn?.(`auto takes ${kind === "gpu" ? gpu.name : `the ${cpu.name}`}: ${why}`);
    return kind;
  };
  let kind: Device["kind"];
  if (known) {
    kind = take(...fasterOf(known, gpu, cpu));
    if (kind === "gpu") return gpu;
    gpu.gpu!.device.destroy();
    return cpu;
  }
  const onCpu = await opened(() => tools.time(cpu, program, options.memory));
  const onGpu = await opened(() => tools.time(gpu, program, options.memory));
  if (onGpu instanceof DeviceError) kind = take("cpu", `the GPU fails (${onGpu.message})`);
  else if (onCpu instanceof DeviceError) kind = take("gpu", `the CPU fails (${onCpu.message})`);
  else {
    const times: Times = { gpu: onGpu, cpu: onCpu };
    kind = take(...fasterOf(times, gpu, cpu));
    // If that fails, the next run times again.
    await writeCache(path, FORMAT, adapter, new Map([[key, { ...times, day }]]));
  }
  return kind === "cpu" ? cpu : await gpu.reopen!();
}

/** Runs a function; returns its DeviceError instead of throwing it. */
async function opened<T>(open: () => Promise<T>): Promise<T | DeviceError> {
  try {
    return await open();
  } catch (error) {
    if (error instanceof DeviceError) return error;
    throw error;
  }
}

/** Returns the kind of the faster device and the times in words. */
function fasterOf(times: Times, gpu: Device, cpu: Device): [Device["kind"], string] {
  const ms = (kind: Device["kind"]) => `${times[kind].toPrecision(3)} ms`;
  return times.cpu < times.gpu
    ? ["cpu", `a step takes ${ms("cpu")} there and ${ms("gpu")} on ${gpu.name} (--device gpu)`]
    : ["gpu", `a step takes ${ms("gpu")} there and ${ms("cpu")} on the ${cpu.name}`];
}

/** Reads an entry of the file; `undefined` if it is too old or no entry. */
function timesOf(entry: unknown, day: number): Times | undefined {
  if (!isMap(entry)) return undefined;
  const { gpu, cpu, day: timed } = entry;
  if (![gpu, cpu, timed].every((n) => typeof n === "number" && n > 0)) return undefined;
  const age = day - (timed as number);
  return age >= -1 && age < MAX_AGE_DAYS ? entry as Times : undefined;
}

/** Returns a hash of what a program computes: its kernels with their text and constants. */
function programKey(program: Program): string {
  const steps = allSteps(program).map(({ kernel, constants }) =>
    `${kernel.name} ${sourceOf(kernel)} ${describeConstants(Object.entries(constants))};`
  );
  return `${program.arithmetic}, batch ${program.batch}, ${hashOf(steps)}`;
}

/**
 * Times a training step, or a micro-batch of one, on random data. Frees the device.
 *
 * @returns milliseconds of a step among as many as are in flight
 * @throws DeviceError when the device cannot run the program
 */
export async function stepMilliseconds(
  device: Device,
  program: Program,
  memory = 0,
): Promise<number> {
  const executor = await device.createExecutor(program, { lazily: true, memory });
  try {
    const written = program.buffers.filter(({ name, kind }) =>
      ["parameter", "optimizer", "table"].includes(kind) || name === "pixels" || name === "labels"
    );
    const host = new ReferenceExecutor(written);
    fill(program, host);
    for (const [name, { bytes }] of host.memory) executor.write(name, bytes);
    const steps = selectSteps(trainingSteps(program), program.quantizers, { phase: "train" });
    await executor.ready([...program.sections.weights, ...steps]);
    executor.run(program.sections.weights);
    const time = async (count: number) => {
      const began = performance.now();
      let wait = executor.run(steps, ["statistics", "metrics"], ["metrics"]);
      for (let i = 1; i < count; i++) {
        wait = executor.run(steps, ["statistics", "metrics"], ["metrics"]);
      }
      await wait();
      return (performance.now() - began) / count;
    };
    await time(1); // Drivers compile at the first use.
    const one = await time(1);
    if (one > LONG_MS) return one;
    const count = Math.min(MAX_GROUP, Math.max(1, Math.round(GROUP_MS / one)));
    return Math.min(one, await time(count), await time(count));
  } finally {
    executor.close();
  }
}
