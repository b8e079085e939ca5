/**
 * Chooses the fastest tile of each kernel on this adapter, by timing them on the program's buffers before
 * its first step. Results do not depend on the choice: a tile that gives other bits here is rejected.
 *
 * A race runs one tile and the default of its class alternately; the cache stores the ratio of their
 * times. Not all tiles are raced ({@link nextTile}): first other shapes with the default's dot product,
 * then the fastest shape with other dot products. Races run for a limited time, those that can gain most
 * first; the next run does the rest. The limit includes compiling, which is most of it: on llvmpipe a
 * convolution takes 0.09 s when the driver has it cached, 0.5 s when not, and 0.01 s to run; drivers of
 * GPUs take 0.02 to 0.3 s. Compiling several tiles at once would gain nothing: Deno 2.9 compiles within
 * the call of `createComputePipelineAsync`, on the thread that calls it.
 *
 * @module
 */
import { DOT, type Target } from "../../../kernels/define_kernel.ts";
import { DeviceError } from "../../core/errors.ts";
import type { Step } from "../../program/program.ts";
import { describeConstants, givenTile, type Tile, tileName, tilesOf } from "./tile.ts";
import type { Gpu } from "./device.ts";
import { isSet } from "./device.ts";
import type { ChooseTiles } from "./executor.ts";
import { tilesAgree } from "./compare_tiles.ts";
import {
  adapterName,
  type AdapterTimes,
  readTiles,
  tileFile,
  writeTiles,
} from "./autotune_cache.ts";
import type { TileTimes } from "./autotune_cache.ts";
import { type TuningKey, tuningKeys } from "./tuning_key.ts";
import { timerOf } from "./timing.ts";

/**
 * The tiles that kernels run with. `default`: the first of each kernel. `remembered`: the fastest ones
 * in this adapter's cache. `timed`: the same, after timing tiles that are not in the cache yet, for a
 * limited time, and adding them to it. Results are the same to the bit.
 */
export type Tiles = "default" | "remembered" | "timed";

/**
 * Milliseconds for all races, compiling included; at least one race runs. A GPU has more tiles to choose
 * from, which differ more, and its runs are worth more: 2 s are about 15 races.
 */
const BUDGET_MS = { software: 700, hardware: 2000 } as const;
/** For a slow network the limit is the time of this many steps, counting only kernels with several tiles. */
const BUDGET_STEPS = 3;
/** A tile replaces the default only below this ratio of times, so that noise does not decide. */
const MARGIN = 0.95;
/** Classes that take a smaller share of a step's time keep their default. */
const MIN_SHARE = 0.01;
/** Milliseconds that each side of a race should run, and limits of its rounds. */
const RACE_MS = 15, MIN_ROUNDS = 2, MAX_ROUNDS = 32;
/**
 * Nanoseconds that one measurement should take, and the maximum of dispatches in it: the timestamps of
 * some adapters are coarse, and beginning a pass takes microseconds.
 */
const MEASURED_NS = 200_000, MAX_DISPATCHES = 16;
/**
 * Nanoseconds from which on a step is timed only once. Shorter ones may be mostly compiling: 0.5 s, and
 * 4 s on a processor that others use too.
 */
const LONG_NS = 5e9;

/** The functions that the tuner times steps with; tests replace them. */
export interface TimingBackend {
  /** Compiles steps. @throws DeviceError when the driver refuses one */
  prepare(steps: readonly Step[]): Promise<void>;
  /** Returns the nanoseconds of each step, of which it runs `dispatches` one after the other (1). */
  time(steps: readonly Step[], dispatches?: number): Promise<number[]>;
  /** Returns whether two tilings of a step give the same bits. */
  same(a: Step, b: Step): Promise<boolean>;
  /** Returns the milliseconds of a clock. */
  now(): number;
}

/**
 * Returns the function that chooses tiles for an executor.
 *
 * @param warn called when the cache file cannot be written
 * @returns `undefined` for the default tiles, also when `QTRAIN_NO_TUNE` is set
 */
export function chooseTiles(
  gpu: Gpu,
  tiles: Tiles,
  warn?: (text: string) => void,
): ChooseTiles | undefined {
  if (tiles === "default" || isSet("QTRAIN_NO_TUNE")) return undefined;
  const path = tileFile(), adapter = adapterName(gpu.info);
  return async (executor, steps) => {
    const classes = tuningKeys(steps, gpu.target), known = await readTiles(path, adapter);
    if (tiles === "remembered") return fastestTiles(classes, known, gpu.target);
    const timer = timerOf(gpu, executor), found = new Map<string, TileTimes>();
    const save = async () => {
      const problem = found.size > 0 ? await writeTiles(path, adapter, found) : undefined;
      if (!problem || problem.denied) return;
      warn?.(
        `cannot save the fastest tiles: ${problem.why}. Every run times them again; ` +
          "QTRAIN_CACHE sets another folder, --no-tune uses the default tiles",
      );
    };
    try {
      const budget = BUDGET_MS[gpu.target.software ? "software" : "hardware"];
      await tuneTiles(classes, known, {
        prepare: (steps) => executor.ready(steps),
        time: (steps, dispatches) => timer.time(steps, dispatches),
        same: (a, b) => tilesAgree(executor, a, b, steps),
        now: () => performance.now(),
      }, { budget, found });
      if (found.size > 0) executor.clear();
    } finally {
      timer.close();
      await save(); // Also after a tile that the device was lost with, so that the next run leaves it out.
    }
    return fastestTiles(classes, new Map([...known, ...found]), gpu.target);
  };
}

/** Returns the fastest tile of each step for which a tile faster than the default is known. */
export function fastestTiles(
  classes: readonly TuningKey[],
  times: AdapterTimes,
  target: Target,
): ReadonlyMap<Step, Tile> {
  const chosen = new Map<Step, Tile>();
  for (const tileClass of classes) {
    const ratios = timesOf(tileClass, times)?.ratios ?? {};
    for (const step of tileClass.steps) {
      let least = MARGIN;
      for (const tile of tilesOf(step, target).slice(1)) {
        const ratio = ratios[tileName(tile)] ?? Infinity;
        if (ratio >= least) continue;
        least = ratio;
        chosen.set(step, tile);
      }
    }
  }
  return chosen;
}

/** Returns the times of a class, if they are those of the kernel's present text. */
function timesOf({ name, source }: TuningKey, times: AdapterTimes): TileTimes | undefined {
  const found = times.get(name);
  return found?.source === source ? found : undefined;
}

/**
 * Runs the races that are missing in `known`, within the time limit.
 *
 * @param budget milliseconds, unless the step is slow
 * @param found set to the times of those classes that were timed now, also if a race ends with an error
 * @returns `found`
 */
export async function tuneTiles(
  classes: readonly TuningKey[],
  known: AdapterTimes,
  bench: TimingBackend,
  { budget = BUDGET_MS.software, found = new Map() }: {
    readonly budget?: number;
    readonly found?: Map<string, TileTimes>;
  } = {},
): Promise<AdapterTimes> {
  const of = (c: TuningKey) => found.get(c.name) ?? timesOf(c, known);
  const fresh = classes.filter((c) => !of(c));
  if (fresh.length > 0) {
    const defaults = fresh.map(({ tilings }) => [...tilings.values()][0]!);
    await bench.prepare(defaults);
    // Drivers compile at the first dispatch, so its time counts only if it is too long to repeat.
    const first = await bench.time(defaults),
      short = defaults.filter((_, i) => first[i]! < LONG_NS);
    const second = await bench.time(short);
    fresh.forEach(({ name, source }, i) => {
      const ns = second[short.indexOf(defaults[i]!)] ?? first[i]!;
      found.set(name, { source, ns: Math.max(1, ns), ratios: {} });
    });
  }
  const spent = (c: TuningKey) => of(c)!.ns * c.steps.length;
  const step = classes.reduce((sum, c) => sum + spent(c), 0);
  const races = classes.filter((c) => spent(c) >= MIN_SHARE * step);
  const end = bench.now() + Math.max(budget, BUDGET_STEPS * step / 1e6);
  let began = bench.now();
  for (;;) {
    // What a race can gain, times its chance: the tiles of a kernel stand in the order of their chances.
    const gain = ({ c, rank }: { c: TuningKey; rank: number }) => spent(c) / rank;
    const [next] = races.flatMap((c) => {
      const { tile, rank } = nextTile(c, of(c)!.ratios) ?? {};
      return tile === undefined ? [] : [{ c, tile, rank: rank! }];
    }).toSorted((a, b) => gain(b) - gain(a));
    if (!next) break;
    const { c, tile } = next, { source, ns, ratios } = of(c)!;
    const set = (ratio: number | null) =>
      found.set(c.name, { source, ns, ratios: { ...ratios, [tile]: ratio } });
    set(null); // Stays if the device is lost.
    set(await raceRatio(c, tile, ns, bench));
    const now = bench.now(), took = now - began;
    if (now + took > end) break; // The next race would probably take as long as this one.
    began = now;
  }
  return found;
}

/**
 * Returns the tile that is raced next: the other shapes with the default's dot product, in the order of
 * the kernel's list; then the fastest shape with the other dot products, but for emulated ones where the
 * default's is not, as they are never faster than an instruction.
 *
 * @param ratios times of the tiles that were raced
 * @returns the tile's name, and its place among the tiles of its class that are raced; `undefined` when
 * all were
 */
function nextTile(
  { tilings }: TuningKey,
  ratios: TileTimes["ratios"],
): { readonly tile: string; readonly rank: number } | undefined {
  const all = [...tilings].map(([name, step]) => {
    const { DOT: dot = DOT.native, ...shape } = givenTile(step)!.constants;
    return { name, dot, shape: describeConstants(Object.entries(shape)) };
  });
  const [first, ...others] = all as [typeof all[number], ...typeof all];
  const shapes = others.filter(({ dot }) => dot === first.dot);
  const best = [first, ...shapes].reduce((a, b) => ratioOf(b, ratios) < ratioOf(a, ratios) ? b : a);
  const dots = others.filter(({ dot, shape }) =>
    shape === best.shape && dot !== first.dot && dot !== DOT.emulated
  );
  const races = [...shapes, ...dots];
  const place = races.findIndex(({ name }) => ratios[name] === undefined);
  return place < 0 ? undefined : { tile: races[place]!.name, rank: place + 1 };
}

/** Returns a tile's time over the default's, for a choice: the default wins within the margin. */
function ratioOf({ name }: { readonly name: string }, ratios: TileTimes["ratios"]): number {
  const ratio = ratios[name] ?? Infinity;
  return ratio < MARGIN ? ratio : Infinity;
}

/** Returns the ratio of a tile's time to that of the default; `null` if the tile must not be used. */
async function raceRatio(
  { tilings }: TuningKey,
  tile: string,
  ns: number,
  bench: TimingBackend,
): Promise<number | null> {
  const [first] = tilings.values() as Iterable<Step>,
    way = tilings.get(tile)!,
    both = [first!, way];
  try {
    await bench.prepare(both);
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error;
    return null;
  }
  await bench.time(both);
  const ratio = await timeRatio(first!, way, ns, bench);
  if (ratio >= MARGIN) return ratio;
  // Before a tile is chosen: time it again, as it may have won by chance, and compare its bits.
  const again = await timeRatio(first!, way, ns, bench);
  return await bench.same(first!, way) ? Math.max(ratio, again) : null;
}

/** Runs both steps alternately and returns the fastest time of `way` over that of `first`. */
async function timeRatio(
  first: Step,
  way: Step,
  ns: number,
  bench: TimingBackend,
): Promise<number> {
  const dispatches = Math.min(MAX_DISPATCHES, Math.ceil(MEASURED_NS / ns));
  const rounds = Math.min(
    MAX_ROUNDS,
    Math.max(MIN_ROUNDS, Math.ceil(RACE_MS * 1e6 / (ns * dispatches))),
  );
  // Each step goes first in half of the rounds.
  const order = Array.from(
    { length: rounds },
    (_, i) => i % 2 === 0 ? [first, way] : [way, first],
  ).flat();
  const times = await bench.time(order, dispatches);
  const fastest = (step: Step) => Math.min(...times.filter((_, i) => order[i] === step));
  const [a, b] = [fastest(first), fastest(way)];
  // A coarse timer may measure 0.
  return a > 0 && b > 0 ? Math.max(0.001, Math.round(b / a * 1000) / 1000) : 1;
}
