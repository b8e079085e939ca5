/**
 * The parts of `deno task bench:gpu` that run in this process: each adds to the result until its time
 * is over, and says what it left out.
 *
 * @module
 */
import { reportBlock } from "../../cli/doctor_report.ts";
import { examinationJson, examine, examineFurther } from "../../cli/examination.ts";
import { benchKernels } from "../../lib/bench/kernels.ts";
import { LAYER_GROUPS, type LayerGroup, planLayers } from "../../lib/bench/layers.ts";
import { measurePeakRates } from "../../lib/bench/peak_rates.ts";
import type { BenchReport, PeakRates } from "../../lib/bench/report.ts";
import { benchSteps, stepsRecipe } from "../../lib/bench/steps.ts";
import { ARITHMETIC_VARIANTS } from "../../lib/bench/variants.ts";
import { DeviceError, DeviceMemoryError } from "../../lib/core/errors.ts";
import { VERSION } from "../../lib/core/version.ts";
import { DOT_NAMES, type Target } from "../../kernels/define_kernel.ts";
import { plan } from "../../lib/program/plan.ts";
import { allSteps, type Program, type Step } from "../../lib/program/program.ts";
import { compareExecutors } from "../../lib/runtime/compare_executors.ts";
import { openDevice } from "../../lib/runtime/device.ts";
import { fill } from "../../lib/runtime/fill.ts";
import { fastestTiles } from "../../lib/runtime/gpu/autotune.ts";
import { adapterName, readTiles, tileFile } from "../../lib/runtime/gpu/autotune_cache.ts";
import { type Gpu, isSet, openGpu, packedDotProduct } from "../../lib/runtime/gpu/device.ts";
import { GpuExecutor } from "../../lib/runtime/gpu/executor.ts";
import { type Tile, tileName, tilesOf, withTile } from "../../lib/runtime/gpu/tile.ts";
import { hasTimestamps } from "../../lib/runtime/gpu/timing.ts";
import { tuningKeys } from "../../lib/runtime/gpu/tuning_key.ts";
import { ReferenceExecutor } from "../../lib/runtime/reference_executor.ts";
import { rememberDots } from "../../lib/runtime/self_test/cache.ts";
import { judge } from "../../lib/runtime/self_test/self_test.ts";
import { programOf, TEST_NETWORKS } from "../../lib/runtime/self_test/test_networks.ts";
import type { GpuBench, PartRecord, StepsSize, TileCheck, TuningRow } from "./report.ts";

/** A run of a part. */
export interface Part {
  readonly result: GpuBench;
  readonly record: PartRecord;
  /** Folder of the cache of tiles that are timed here. */
  readonly cache: string;
  /** Seconds that the part may take. */
  readonly seconds: number;
  /** Seconds that are left to the part; they may be negative. */
  left(): number;
  progress(text: string): void;
}

/** Rounds of kernels and steps, on a GPU and on a software adapter. */
const ROUNDS = { hardware: 5, software: 1 };
/** Batches of the kernel table on a GPU, large enough to fill it; other groups keep theirs. */
const GROUP_BATCHES: Readonly<Record<string, number>> = {
  "conv-14": 256,
  "conv-56": 64,
  "resnet18": 64,
  "mobilenet-v2": 32,
};
/** Whole steps on a software adapter, and those on a GPU, whose batch a trial decides if it is 0. */
const SOFTWARE_STEPS: readonly StepsSize[] = [
  { model: "cnn", batch: 4, size: 28 },
  { model: "resnet8", batch: 1, size: 32 },
];
const HARDWARE_STEPS: readonly StepsSize[] = [
  { model: "cnn", batch: 64, size: 28 },
  { model: "resnet18", batch: 0, size: 224 },
  { model: "mobilenet-v2", batch: 0, size: 224 },
];
/** Batches to choose from, and that of the trial. */
const BATCHES = [64, 32, 16, 8, 4, 2, 1], TRIAL_BATCH = 8;
/** Share of the steps' time that one float32 step of a network may take: there are about 50 of three networks. */
const STEP_SHARE = 1 / 250;

/** Marks the part as cut, with what was left out. */
export function cut({ record }: Part, what: string): void {
  record.result = "cut";
  record.notes.push(`no time for ${what}`);
}

/** The report of the doctor: self-test, peak rates. @returns whether there is an adapter */
export async function doctor({ result, record, cache, progress }: Part): Promise<boolean> {
  progress("testing every kernel, and measuring peak rates");
  const found = await examine(undefined), details = await examineFurther(found);
  result.doctor = examinationJson(found, details);
  result.doctor_report = reportBlock(found, details);
  record.notes.push(...found.problems);
  Deno.env.set("QTRAIN_CACHE", cache); // Not before: the doctor reads the user's.
  const [adapter] = found.adapters;
  if (!adapter) return false;
  result.software = adapter.software;
  const gpu = await openGpu();
  result.bench = {
    qtrain: VERSION,
    device: "gpu",
    adapter: gpu.name,
    packed_dot_product: packedDotProduct(),
    timestamps: hasTimestamps(gpu),
    os: Deno.build.os,
    arch: Deno.build.arch,
    cores: navigator.hardwareConcurrency,
    rounds: rounds(result),
    ...(details.peakRates ? { peak_rates: details.peakRates } : {}),
  };
  gpu.device.destroy();
  // What follows leaves out ways of dot products with wrong results.
  const right = gpu.target.dots.filter((dot) => found.dots[DOT_NAMES[dot]!]);
  if (right.length > 0) await rememberDots(gpu, right);
  return true;
}

/** Whether only `end` seconds are left, so that rounds end; says so. */
function isOver(part: Part, end: number, what: string): boolean {
  const over = part.left() <= end;
  if (over) part.record.notes.push(`${what}: fewer rounds, for lack of time`);
  return over;
}

const rounds = ({ software }: GpuBench) => software ? ROUNDS.software : ROUNDS.hardware;

/** Adds to what was measured of speed. */
function add(result: GpuBench, more: Partial<BenchReport>): void {
  result.bench = { ...result.bench!, ...more };
}

/** Every tile of every kernel against its reference: first the default of each, then the others. */
export async function tiles(part: Part): Promise<void> {
  const shapes = (["int8", "float32"] as const).flatMap((arithmetic) => {
    const own = TEST_NETWORKS.find(({ only, quantize }) =>
      !only && quantize.arithmetic === arithmetic
    )!;
    const cnn = LAYER_GROUPS.find(({ group }) => group === "cnn")!;
    return [
      { network: "self-test", program: programOf(own) },
      { network: "cnn, batch 2", program: planLayers({ ...cnn, batch: 2 }, arithmetic).program },
    ];
  });
  for (let n = 0, most = 1; n < most; n++) {
    for (const { network, program } of shapes) {
      if (part.left() <= 0) return cut(part, `tiles of a kernel from number ${n + 1} on`);
      part.progress(`tile ${n + 1} of each kernel: ${network}, ${program.arithmetic}`);
      most = Math.max(most, await checkTiles(part.result, network, program, n));
    }
  }
}

/** Runs tile `n` of each step that has one. @returns the most tiles that a step has */
async function checkTiles(
  { tiles }: GpuBench,
  network: string,
  program: Program,
  n: number,
): Promise<number> {
  const cpu = new ReferenceExecutor(program.buffers), { arithmetic } = program;
  fill(program, cpu);
  const gpu = await openGpu(), most = { tiles: 0 };
  const steps = [...program.sections.weights, ...program.sections.forward]
    .concat(program.sections.loss, program.sections.backward, program.sections.update)
    .map((step) => {
      const of = everyTile(step, gpu.target);
      most.tiles = Math.max(most.tiles, of.length);
      return of.length > 1 && n < of.length ? withTile(step, of[n]!) : step;
    });
  const tiled = new Set<Step>(steps.filter((step) => "tile" in step));
  const none = Object.keys(program.sections).map((section) => [section, []]);
  const sections = { ...Object.fromEntries(none), forward: [...tiled] };
  const executor = await GpuExecutor.create(gpu, { ...program, sections });
  const found = new Map<string, TileCheck>(), seen = new Set<Step>();
  try {
    await compareExecutors(steps, cpu, executor, (difference) => {
      const { step, type, largest } = difference, tile = tileName(executor.tileOf(step));
      const key = `${step.kernel.name} ${tile}`, before = found.get(key);
      const check: TileCheck = {
        network,
        kernel: step.kernel.name,
        arithmetic,
        tile,
        result: judge(difference, arithmetic),
        type,
        largest,
        steps: (before?.steps ?? 0) + (seen.has(step) ? 0 : 1),
      };
      seen.add(step);
      const isWorse = !before || BADNESS.indexOf(check.result) > BADNESS.indexOf(before.result);
      found.set(key, isWorse ? check : { ...before, steps: check.steps });
    }, (step) => tiled.has(step));
  } finally {
    executor.close();
  }
  tiles.push(...found.values());
  return most.tiles;
}

/**
 * The tiles of a step in each way of dot products that the adapter has; on a software adapter also those
 * of a GPU.
 */
function everyTile(step: Step, { software, dots: all }: Target): Tile[] {
  const kinds = software ? [true, false] : [false];
  const dots = step.constants.INT8 ? all : all.slice(0, 1);
  const tiles = kinds.flatMap((software) =>
    dots.flatMap((dot) => tilesOf(step, { software, dots: [dot] }))
  );
  return [...new Map(tiles.map((tile) => [tileName(tile), tile])).values()];
}

const BADNESS = ["equal", "close", "wrong"];

/** Decides the batches of whole steps by a step of float32, so that they fit memory and time. */
export async function batches(part: Part): Promise<void> {
  const { result, seconds } = part;
  if (result.software) return void result.sizes.push(...SOFTWARE_STEPS);
  for (const { model, batch, size } of HARDWARE_STEPS) {
    if (batch > 0) {
      result.sizes.push({ model, batch, size });
      continue;
    }
    if (part.left() <= 0) {
      cut(part, `a trial of ${model}: its batch is ${TRIAL_BATCH}`);
      result.sizes.push({ model, size, batch: TRIAL_BATCH });
      continue;
    }
    part.progress(`a trial of ${model} at ${size}×${size}`);
    result.sizes.push({ model, size, batch: await chooseBatch(part, model, size, seconds) });
  }
}

async function chooseBatch(
  { record }: Part,
  model: StepsSize["model"],
  size: number,
  allowed: number,
): Promise<number> {
  const variants = [{ name: "float32", quantize: ARITHMETIC_VARIANTS.float32! }];
  const trial = (batch: number) =>
    benchSteps({ device: { kind: "gpu" }, model, size, batch, rounds: 1, variants, progress() {} });
  for (let batch = TRIAL_BATCH; batch >= 1; batch /= 2) {
    try {
      const { variants: [row] } = await trial(batch), ms = row!.ms.median / batch;
      return BATCHES.find((b) => ms * b <= 1000 * allowed * STEP_SHARE) ?? 1;
    } catch (error) {
      if (!(error instanceof DeviceMemoryError) || batch === 1) throw error;
      record.notes.push(`${model}: a batch of ${batch} does not fit the memory`);
    }
  }
  return 1;
}

/** Times the tiles of each network's kernels. */
export async function tuning(part: Part): Promise<void> {
  if (isSet("QTRAIN_NO_TUNE")) part.record.notes.push("QTRAIN_NO_TUNE is set: no tile is timed");
  const variants = Object.entries(ARITHMETIC_VARIANTS);
  const all = part.result.sizes.flatMap((size) => variants.map((variant) => ({ size, variant })));
  for (const [i, { size: { model, batch, size }, variant: [name, quantize] }] of all.entries()) {
    if (part.left() <= 0) {
      const rest = all.slice(i).map(({ size, variant }) => `${size.model} (${variant[0]})`);
      return cut(part, `tiles of ${rest.join(", ")}`);
    }
    const recipe = stepsRecipe({ model, batch, size }, quantize);
    const shape = { shape: [size, size, 1], classes: 10, mean: [0.5], std: [0.5] } as const;
    const seconds = part.left() / (all.length - i);
    await tune(part, `${model}, ${name}`, plan(recipe, shape).program, seconds);
  }
}

/** Times the tiles of a program, in as many turns of the tuner as need be, for some seconds. */
async function tune(part: Part, network: string, program: Program, seconds: number): Promise<void> {
  if (seconds <= 0) return cut(part, `tiles of ${network}`);
  part.progress(`tiles of ${network}`);
  const end = part.left() - seconds;
  for (let before = -1;;) {
    const device = await openDevice("gpu", { tiles: "timed", warn: part.progress });
    const gpu = device.gpu!;
    (await device.createExecutor(program, { lazily: true })).close();
    const rows = await tuned(gpu, network, program);
    const races = rows.reduce((sum, { ratios }) => sum + Object.keys(ratios).length, 0);
    if (races === before || part.left() <= end) {
      if (races !== before) cut(part, `all tiles of ${network}`);
      part.result.tuning.push(...rows);
      return;
    }
    before = races;
  }
}

/** What is remembered of the tiles of a program. */
async function tuned(gpu: Gpu, network: string, program: Program): Promise<TuningRow[]> {
  const classes = tuningKeys(allSteps(program), gpu.target);
  const times = await readTiles(tileFile(), adapterName(gpu.info));
  const fastest = fastestTiles(classes, times, gpu.target);
  return classes.map(({ name, source, steps, tilings }) => {
    const [first] = tilings.keys(), chosen = fastest.get(steps[0]!);
    const known = times.get(name)?.source === source ? times.get(name) : undefined;
    return {
      network,
      shape: name,
      steps: steps.length,
      default_tile: first!,
      default_ms: known ? known.ns / 1e6 : null,
      chosen_tile: chosen ? tileName(chosen) : first!,
      ratios: known?.ratios ?? {},
    };
  });
}

/** Times the kernels of each direction of a layer, as a share of the peak rates. */
export async function kernels(part: Part): Promise<void> {
  const { result, record } = part;
  const peaks = result.bench!.peak_rates ?? await peakRates();
  add(result, { peak_rates: peaks, kernels: [], statistics: [] });
  const groups = LAYER_GROUPS.filter(({ group }) =>
    !result.software || ["cnn", "conv-14"].includes(group)
  );
  for (const [i, group] of groups.entries()) {
    if (part.left() <= 0) {
      return cut(part, `kernels of ${groups.slice(i).map(({ group }) => group).join(", ")}`);
    }
    const seconds = part.left() / (groups.length - i);
    for (const batch of batchesOf(group, result.software)) {
      try {
        await benchGroup(part, { ...group, batch }, peaks, seconds);
        break;
      } catch (error) {
        if (!(error instanceof DeviceError)) throw error;
        record.notes.push(`${group.group}, batch ${batch}: ${error.message}`);
      }
    }
  }
}

/** Times the tiles of a group for half of some seconds, then its kernels. */
async function benchGroup(
  part: Part,
  group: LayerGroup,
  peaks: PeakRates,
  seconds: number,
): Promise<void> {
  const { result, progress } = part, end = part.left() - seconds;
  for (const arithmetic of ["int8", "float32"] as const) {
    const { program } = planLayers(group, arithmetic);
    await tune(part, `kernels of ${group.group}, ${arithmetic}`, program, seconds / 4);
  }
  const found = await benchKernels([group], {
    device: { kind: "gpu", tiles: "remembered" },
    peaks,
    peakNow: undefined,
    rounds: rounds(result),
    progress,
    isOver: () => isOver(part, end, group.group),
  });
  const { kernels = [], statistics = [] } = result.bench!;
  add(result, {
    kernels: [...kernels, ...found.kernels],
    statistics: [...statistics, ...found.statistics],
  });
}

/** Batches to try, until one fits the memory. */
function batchesOf({ group, batch }: LayerGroup, software: boolean): number[] {
  if (software) return [1];
  return [...new Set([GROUP_BATCHES[group] ?? batch, batch])];
}

async function peakRates(): Promise<PeakRates> {
  const gpu = await openGpu();
  try {
    return await measurePeakRates(gpu, 1);
  } finally {
    gpu.device.destroy();
  }
}

/** Times whole steps, in int8 with static and with dynamic ranges and in float32. */
export async function steps(part: Part): Promise<void> {
  const { result, progress, record } = part;
  add(result, { steps: [] });
  const variants = Object.entries(ARITHMETIC_VARIANTS)
    .map(([name, quantize]) => ({ name, quantize }));
  for (const [i, { model, size, batch: chosen }] of result.sizes.entries()) {
    const end = part.left() * (1 - 1 / (result.sizes.length - i));
    for (let batch = chosen; batch >= 1; batch = Math.floor(batch / 2)) {
      if (part.left() <= 0) {
        const left = result.sizes.slice(i).map(({ model }) => model);
        return cut(part, `steps of ${left.join(", ")}`);
      }
      try {
        const found = await benchSteps({
          device: { kind: "gpu", tiles: "remembered" },
          model,
          size,
          batch,
          rounds: rounds(result),
          variants,
          progress,
          isOver: () => isOver(part, end, model),
        });
        add(result, { steps: [...result.bench!.steps!, found] });
        break;
      } catch (error) {
        if (!(error instanceof DeviceError)) throw error;
        record.notes.push(`${model}, batch ${batch}: ${error.message}`);
        if (!(error instanceof DeviceMemoryError)) break;
      }
    }
  }
}
