/**
 * Chooses tiles: which of a kernel's few is fastest on this adapter, timed before a program's first step,
 * on its own buffers. Results do not depend on it: a tile that gives other bits here is not taken.
 *
 * A race is one tile against the default of its class, in turns, and what is remembered is the ratio of
 * their times. Races are run for a limited time, those first that a step spends the most time
 * on; what is left over is for the next run. Compiling counts, as it is most of it: on llvmpipe
 * a convolution takes 0.09 s when the driver remembers it, 0.5 s when it does not, and 0.01 s to run.
 *
 * @module
 */
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
 * Which tiles kernels run with. `default`: the first of each kernel. `remembered`: those that were
 * fastest on this adapter before. `timed`: and what was not timed yet is timed now, for a limited time, and
 * remembered. Results are the same to the bit.
 */
export type Tiles = "default" | "remembered" | "timed";

/** Milliseconds for races, compiling included; one race is run in any case. */
const BUDGET = 700;
/** A slow network may take as long as so many of its steps, as far as they have tiles to choose from. */
const BUDGET_STEPS = 3;
/** A tile must beat the default by this, or noise would decide. */
const MARGIN = 0.95;
/** Classes that take less of a step's time than this stay with their default. */
const MIN_SHARE = 0.01;
/** Milliseconds that each side of a race should run for, within these numbers of rounds. */
const RACE = 15, MIN_ROUNDS = 2, MAX_ROUNDS = 32;
/** Nanoseconds that are not taken twice. */
const LONG = 1e9;

/** What steps are timed with. */
export interface TimingBackend {
  /** Compiles steps. @throws DeviceError when the driver refuses one */
  prepare(steps: readonly Step[]): Promise<void>;
  /** Nanoseconds of each. */
  time(steps: readonly Step[]): Promise<number[]>;
  /** Whether two ways to run a step give the same bits. */
  same(a: Step, b: Step): Promise<boolean>;
  /** Milliseconds of a clock. */
  now(): number;
}

/**
 * The choice for an executor.
 *
 * @param warn hears of it when what was timed cannot be remembered
 * @returns `undefined`: the defaults, as with `QTRAIN_NO_TUNE`
 */
export function chooseTiles(
  gpu: Gpu,
  tiles: Tiles,
  warn?: (text: string) => void,
): ChooseTiles | undefined {
  if (tiles === "default" || isSet("QTRAIN_NO_TUNE")) return undefined;
  const path = tileFile(), adapter = adapterName(gpu.info);
  return async (executor, steps) => {
    const classes = tuningKeys(steps, gpu.emulateDot), known = await readTiles(path, adapter);
    if (tiles === "remembered") return autotuneSteps(classes, known);
    const timer = timerOf(gpu, executor);
    try {
      const found = await tunePair(classes, known, {
        prepare: (steps) => executor.ready(steps),
        time: (steps) => timer.time(steps),
        same: (a, b) => tilesAgree(executor, a, b),
        now: () => performance.now(),
      });
      if (found.size === 0) return autotuneSteps(classes, known);
      executor.clear();
      const problem = await writeTiles(path, adapter, found);
      if (problem && !problem.denied) {
        warn?.(
          `the fastest tiles are not remembered: ${problem.why}. They are timed again in each run; ` +
            "QTRAIN_CACHE names another folder, --no-tune keeps the defaults",
        );
      }
      return autotuneSteps(classes, new Map([...known, ...found]));
    } finally {
      timer.close();
    }
  };
}

/** The tile of each step of classes whose fastest one is known and is not the default. */
export function autotuneSteps(
  classes: readonly TuningKey[],
  times: AdapterTimes,
): ReadonlyMap<Step, Tile> {
  const chosen = new Map<Step, Tile>();
  for (const tileClass of classes) {
    const ratios = timesOf(tileClass, times)?.ratios ?? {};
    for (const step of tileClass.steps) {
      let least = MARGIN;
      for (const tile of tilesOf(step).slice(1)) {
        const ratio = ratios[tileName(tile)] ?? Infinity;
        if (ratio >= least) continue;
        least = ratio;
        chosen.set(step, tile);
      }
    }
  }
  return chosen;
}

/** What is known of a class, where that is of this text of the kernel. */
function timesOf({ name, source }: TuningKey, times: AdapterTimes): TileTimes | undefined {
  const found = times.get(name);
  return found?.source === source ? found : undefined;
}

/**
 * Runs races that were not run yet, as far as the time allows.
 *
 * @returns all that is now known of the classes of which something was timed
 */
export async function tunePair(
  classes: readonly TuningKey[],
  known: AdapterTimes,
  bench: TimingBackend,
): Promise<AdapterTimes> {
  const found = new Map<string, TileTimes>();
  const of = (c: TuningKey) => found.get(c.name) ?? timesOf(c, known);
  const fresh = classes.filter((c) => !of(c));
  if (fresh.length > 0) {
    const defaults = fresh.map(({ ways }) => [...ways.values()][0]!);
    await bench.prepare(defaults);
    // Drivers compile at the first dispatch, so it counts only where it takes long all the same.
    const first = await bench.time(defaults), short = defaults.filter((_, i) => first[i]! < LONG);
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
    .flatMap((c) => [...c.ways.keys()].slice(1).map((tile) => ({ c, tile })))
    .filter(({ c, tile }) => of(c)!.ratios[tile] === undefined);
  const end = bench.now() + Math.max(BUDGET, BUDGET_STEPS * step / 1e6);
  let began = bench.now();
  for (const { c, tile } of races) {
    const { source, ns, ratios } = of(c)!;
    const ratio = await ratioOf(c, tile, ns, bench);
    found.set(c.name, { source, ns, ratios: { ...ratios, [tile]: ratio } });
    const now = bench.now(), took = now - began;
    if (now + took > end) break; // The next one would take as long.
    began = now;
  }
  return found;
}

/** Ratio of a tile's time to that of the default; `null` where it may not be taken. */
async function ratioOf(
  { ways }: TuningKey,
  tile: string,
  ns: number,
  bench: TimingBackend,
): Promise<number | null> {
  const [first] = ways.values() as Iterable<Step>, way = ways.get(tile)!, both = [first!, way];
  try {
    await bench.prepare(both);
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error;
    return null;
  }
  await bench.time(both);
  const ratio = await measured(first!, way, ns, bench);
  if (ratio >= MARGIN) return ratio;
  // What would be chosen is made sure of: not by chance, and not with other bits.
  const again = await measured(first!, way, ns, bench);
  return await bench.same(first!, way) ? Math.max(ratio, again) : null;
}

/** Of each step the fastest of runs in turns: the time of `way` over that of `first`. */
async function measured(first: Step, way: Step, ns: number, bench: TimingBackend): Promise<number> {
  const rounds = Math.min(MAX_ROUNDS, Math.max(MIN_ROUNDS, Math.ceil(RACE * 1e6 / ns)));
  // Each goes first in half of the rounds.
  const order = Array.from(
    { length: rounds },
    (_, i) => i % 2 === 0 ? [first, way] : [way, first],
  ).flat();
  const times = await bench.time(order);
  const fastest = (step: Step) => Math.min(...times.filter((_, i) => order[i] === step));
  const [a, b] = [fastest(first), fastest(way)];
  // A timer may be too coarse to tell.
  return a > 0 && b > 0 ? Math.max(0.001, Math.round(b / a * 1000) / 1000) : 1;
}
