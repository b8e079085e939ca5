/**
 * Chooses the fastest tile of each kernel on this adapter, by timing them on the program's buffers before
 * its first step. Results do not depend on the choice: a tile that gives other bits here is rejected.
 *
 * A race runs one tile and the default of its class alternately; the cache stores the ratio of their
 * times. Races run for a limited time, those of the most expensive classes first; the next run does the
 * rest. The limit includes compiling, which is most of it: on llvmpipe a convolution takes 0.09 s when
 * the driver has it cached, 0.5 s when not, and 0.01 s to run.
 *
 * @module
 */
import type { Target } from "../../../kernels/define_kernel.ts";
import { DeviceError } from "../../core/errors.ts";
import type { Step } from "../../program/program.ts";
import { type Tile, tileName, tilesOf } from "./tile.ts";
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

/** Milliseconds for all races, compiling included; at least one race runs. */
const BUDGET_MS = 700;
/** For a slow network the limit is the time of this many steps, counting only kernels with several tiles. */
const BUDGET_STEPS = 3;
/** A tile replaces the default only below this ratio of times, so that noise does not decide. */
const MARGIN = 0.95;
/** Classes that take a smaller share of a step's time keep their default. */
const MIN_SHARE = 0.01;
/** Milliseconds that each side of a race should run, and limits of its rounds. */
const RACE_MS = 15, MIN_ROUNDS = 2, MAX_ROUNDS = 32;
/** Nanoseconds from which on a step is timed only once. */
const LONG_NS = 1e9;

/** The functions that the tuner times steps with; tests replace them. */
export interface TimingBackend {
  /** Compiles steps. @throws DeviceError when the driver refuses one */
  prepare(steps: readonly Step[]): Promise<void>;
  /** Returns the nanoseconds of each step. */
  time(steps: readonly Step[]): Promise<number[]>;
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
    const timer = timerOf(gpu, executor);
    try {
      const found = await tuneTiles(classes, known, {
        prepare: (steps) => executor.ready(steps),
        time: (steps) => timer.time(steps),
        same: (a, b) => tilesAgree(executor, a, b),
        now: () => performance.now(),
      });
      if (found.size === 0) return fastestTiles(classes, known, gpu.target);
      executor.clear();
      const problem = await writeTiles(path, adapter, found);
      if (problem && !problem.denied) {
        warn?.(
          `cannot save the fastest tiles: ${problem.why}. Every run times them again; ` +
            "QTRAIN_CACHE sets another folder, --no-tune uses the default tiles",
        );
      }
      return fastestTiles(classes, new Map([...known, ...found]), gpu.target);
    } finally {
      timer.close();
    }
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
 * @returns all times of those classes that were timed now
 */
export async function tuneTiles(
  classes: readonly TuningKey[],
  known: AdapterTimes,
  bench: TimingBackend,
): Promise<AdapterTimes> {
  const found = new Map<string, TileTimes>();
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
  const races = classes
    .filter((c) => spent(c) >= MIN_SHARE * step)
    .toSorted((a, b) => spent(b) - spent(a))
    .flatMap((c) => [...c.tilings.keys()].slice(1).map((tile) => ({ c, tile })))
    .filter(({ c, tile }) => of(c)!.ratios[tile] === undefined);
  const end = bench.now() + Math.max(BUDGET_MS, BUDGET_STEPS * step / 1e6);
  let began = bench.now();
  for (const { c, tile } of races) {
    const { source, ns, ratios } = of(c)!;
    const ratio = await raceRatio(c, tile, ns, bench);
    found.set(c.name, { source, ns, ratios: { ...ratios, [tile]: ratio } });
    const now = bench.now(), took = now - began;
    if (now + took > end) break; // The next race would probably take as long as this one.
    began = now;
  }
  return found;
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
  const rounds = Math.min(MAX_ROUNDS, Math.max(MIN_ROUNDS, Math.ceil(RACE_MS * 1e6 / ns)));
  // Each step goes first in half of the rounds.
  const order = Array.from(
    { length: rounds },
    (_, i) => i % 2 === 0 ? [first, way] : [way, first],
  ).flat();
  const times = await bench.time(order);
  const fastest = (step: Step) => Math.min(...times.filter((_, i) => order[i] === step));
  const [a, b] = [fastest(first), fastest(way)];
  // A coarse timer may measure 0.
  return a > 0 && b > 0 ? Math.max(0.001, Math.round(b / a * 1000) / 1000) : 1;
}
