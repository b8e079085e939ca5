/**
 * The kernel table: every layer of a few small networks in every direction, in int8 and in float32;
 * and the cost of statistics in the epilogues of convolutions. Times are those of the steps that
 * training runs, by the GPU's own clock; or on the CPU.
 *
 * @module
 */
import { withThousands } from "../core/format.ts";
import { boundBytesOf } from "../report/program_traffic.ts";
import { median } from "../report/statistics.ts";
import { noise, TimedNetwork } from "../report/timed_network.ts";
import type { Device, DeviceOptions } from "../runtime/device.ts";
import { GpuExecutor } from "../runtime/gpu/executor.ts";
import { tileName } from "../runtime/gpu/tile.ts";
import type { Program, Step } from "../program/program.ts";
import { selectSteps } from "../program/select_steps.ts";
import {
  backwardDirection,
  type LayerGroup,
  planLayers,
  type PlannedLayers,
  type TimedLayer,
} from "./layers.ts";
import {
  type Direction,
  type KernelRow,
  type PeakRates,
  spread,
  type StatisticsRow,
} from "./report.ts";
import { recordsStatistics, withBaselineSteps } from "./statistics_cost.ts";

const ARITHMETICS = ["int8", "float32"] as const;
/** Passes over all steps in a round on the CPU, as other work disturbs single ones. */
const CPU_PASSES = 3;
/** Repetitions of a step with statistics and its baseline in a round. */
const PAIRS = 3;

/** Both tables. */
export interface KernelTables {
  readonly kernels: readonly KernelRow[];
  readonly statistics: readonly StatisticsRow[];
}

/** The steps of a layer in one direction. */
interface TimedSteps {
  readonly layer: TimedLayer;
  readonly direction: Direction;
  readonly steps: readonly Step[];
}

interface KernelsOptions {
  readonly device: DeviceOptions & { readonly kind: Device["kind"] };
  readonly peaks: PeakRates;
  /** Measures the peak rate now, on a device whose speed other work changes: the CPU. */
  readonly peakNow: ((arithmetic: "int8" | "float32") => Promise<number>) | undefined;
  readonly rounds: number;
  progress(text: string): void;
  /** Asked after each round but the last: whether to stop there. */
  isOver?(): boolean;
}

/**
 * Times the kernels of networks, int8 and float32 in turns.
 *
 * @throws DeviceError if there is no GPU, it has no timestamps or too little memory
 */
export async function benchKernels(
  groups: readonly LayerGroup[],
  options: KernelsOptions,
): Promise<KernelTables> {
  const kernels: KernelRow[] = [], statistics: StatisticsRow[] = [];
  for (const group of groups) {
    const found = await benchGroup(group, options);
    kernels.push(...found.kernels);
    statistics.push(...found.statistics);
  }
  return { kernels, statistics };
}

async function benchGroup(
  group: LayerGroup,
  { device, peaks, peakNow, rounds, progress, isOver }: KernelsOptions,
): Promise<KernelTables> {
  const runs: ArithmeticRun[] = [], name = `kernels of ${group.group}, batch ${group.batch}`;
  try {
    for (const arithmetic of ARITHMETICS) {
      progress(`${name}: setting up ${arithmetic}`);
      runs.push(await ArithmeticRun.open(group, arithmetic, device));
    }
    for (let round = 0; round < rounds; round++) {
      progress(`${name}: round ${round + 1} of ${rounds}`);
      for (const run of round % 2 === 0 ? runs : runs.toReversed()) await run.round(peakNow);
      if (round < rounds - 1 && isOver?.()) break;
    }
    return {
      // Both arithmetics of a layer are adjacent.
      kernels: runs[0]!.rows(peaks).flatMap((
        row,
        i,
      ) => [row, ...runs.slice(1).map((run) => run.rows(peaks)[i]!)]),
      statistics: runs.flatMap((run) => run.statistics()),
    };
  } finally {
    for (const run of runs) run.close();
  }
}

/** A network in one arithmetic, and its times. */
class ArithmeticRun {
  readonly #timed: readonly TimedSteps[];
  readonly #bytesOf: (step: Step) => number;
  /** Nanoseconds by pass, for each of `#timed`. */
  readonly #times: number[][];
  /** GOP/s that were possible just before or after, by pass. */
  readonly #peaks: number[] = [];
  /** Steps with statistics and their baselines. */
  readonly #pairs: readonly (readonly [Step, Step, TimedSteps])[];
  /** Nanoseconds of both, for each of `#pairs`. */
  readonly #both: [number, number][][];

  private constructor(
    readonly group: LayerGroup,
    readonly arithmetic: "int8" | "float32",
    { program, layers }: PlannedLayers,
    baselines: ReadonlyMap<Step, Step>,
    readonly network: TimedNetwork,
  ) {
    this.#timed = timedSteps(program, layers, new Set(baselines.values()));
    this.#bytesOf = boundBytesOf(program);
    this.#times = this.#timed.map(() => []);
    this.#pairs = this.#timed.flatMap((timed) =>
      timed.steps.flatMap((step) => {
        const baseline = baselines.get(step);
        return baseline ? [[step, baseline, timed] as const] : [];
      })
    );
    this.#both = this.#pairs.map(() => []);
  }

  static async open(
    group: LayerGroup,
    arithmetic: "int8" | "float32",
    device: KernelsOptions["device"],
  ): Promise<ArithmeticRun> {
    const planned = planLayers(group, arithmetic), { recipe, data } = planned;
    const names = new Set(planned.layers.map(({ name }) => name));
    const { program, baselines } = withBaselineSteps(
      planned.program,
      (step) => names.has(step.layer) && recordsStatistics(step),
    );
    const network = await TimedNetwork.open({ recipe, program }, data, device);
    try {
      const run = new ArithmeticRun(group, arithmetic, { ...planned, program }, baselines, network);
      // A whole step, so that all tensors have realistic values.
      await network.network.step(noise(program), 0, 0.01);
      await network.time(run.#timed.flatMap(({ steps }) => steps));
      return run;
    } catch (error) {
      network.close();
      throw error;
    }
  }

  async round(peakNow: KernelsOptions["peakNow"]): Promise<void> {
    for (let pass = 0; pass < (peakNow ? CPU_PASSES : 1); pass++) {
      const before = await peakNow?.(this.arithmetic);
      const times = await this.network.time(this.#timed.flatMap(({ steps }) => steps));
      const after = await peakNow?.(this.arithmetic);
      if (before && after) this.#peaks.push(Math.max(before, after));
      let at = 0;
      for (const [i, { steps }] of this.#timed.entries()) {
        const own = times.slice(at, at += steps.length);
        this.#times[i]!.push(own.reduce((a, b) => a + b, 0));
      }
    }
    if (this.#pairs.length > 0) await this.#timePairs();
  }

  /** Times steps with statistics and their baselines in turns. */
  async #timePairs(): Promise<void> {
    // The first run of a step fills the caches and does not count.
    const each = this.#pairs.map(([step, baseline]) => [
      step,
      ...Array.from({ length: PAIRS }, () => [step, baseline]).flat(),
    ]);
    const both = await this.network.time(each.flat());
    for (const i of this.#pairs.keys()) {
      const own = both.splice(0, 1 + 2 * PAIRS).slice(1);
      for (let p = 0; p < PAIRS; p++) this.#both[i]!.push([own[2 * p]!, own[2 * p + 1]!]);
    }
  }

  rows(peaks: PeakRates): KernelRow[] {
    return this.#timed.map(({ layer, direction, steps }, i) => {
      const ms = spread(this.#times[i]!.map((ns) => ns / 1e6)), seconds = ms.median / 1000;
      const { operations } = layer;
      const bytes = steps.reduce((sum, step) => sum + this.#bytesOf(step), 0);
      const gops = operations > 0 ? operations / seconds / 1e9 : null;
      const shares = this.#peaks.map((peak, pass) => operations / this.#times[i]![pass]! / peak);
      const gbs = bytes / seconds / 1e9;
      return {
        group: this.group.group,
        layer: layer.label,
        batch: this.group.batch,
        direction,
        arithmetic: this.arithmetic,
        ...this.#tilesOf(steps),
        ms,
        operations,
        bytes,
        gop_per_second: gops,
        gb_per_second: gbs,
        share_of_peak: gops === null
          ? null
          : shares.length > 0
          ? median(shares)
          : gops / peaks[this.arithmetic].max,
        share_of_copy: gbs / peaks.copy.max,
      };
    });
  }

  /** The tiles of a GPU's steps. */
  #tilesOf(steps: readonly Step[]): Pick<KernelRow, "tiles"> {
    const { executor } = this.network;
    if (!(executor instanceof GpuExecutor)) return {};
    const tiles = steps.map((step) => [step.kernel.name, tileName(executor.tileOf(step))] as const);
    return { tiles: Object.fromEntries(tiles) };
  }

  statistics(): StatisticsRow[] {
    return this.#pairs.map(([, , { layer, direction }], i) => {
      const both = this.#both[i]!;
      return {
        group: this.group.group,
        layer: layer.label,
        batch: this.group.batch,
        direction,
        ms: spread(both.map(([ns]) => ns / 1e6)),
        ms_without: spread(both.map(([, ns]) => ns / 1e6)),
        share: median(both.map(([ns, without]) => 1 - without / ns)),
      };
    });
  }

  close(): void {
    this.network.close();
  }
}

/**
 * The steps of each layer by direction, then the updates and the packing of all weights.
 *
 * @param excluded steps to leave out
 */
export function timedSteps(
  { sections, quantizers, parameters }: Program,
  layers: readonly TimedLayer[],
  excluded: ReadonlySet<Step> = new Set(),
): TimedSteps[] {
  const of = (section: keyof Program["sections"]) =>
    selectSteps(sections[section], quantizers, { phase: "train" }).filter((step) =>
      !excluded.has(step)
    );
  const forward = of("forward"), backward = of("backward");
  const each = layers.flatMap((layer) => {
    const groups = new Map<Direction, Step[]>();
    const add = (direction: Direction, step: Step) =>
      groups.set(direction, [...groups.get(direction) ?? [], step]);
    for (const step of forward) if (step.layer === layer.name) add("forward", step);
    for (const step of backward) {
      if (step.layer === layer.name) add(backwardDirection(step, layer), step);
    }
    return [...groups].map(([direction, steps]) => ({ layer, direction, steps }));
  });
  const count = parameters.reduce((sum, { dims }) => sum + dims.reduce((a, b) => a * b), 0);
  const label = `${withThousands(count)} parameters`;
  const all = { name: "", label, operations: 0 } as const;
  const ends = [["update", of("update")], ["pack weights", of("weights")]] as const;
  return [
    ...each,
    ...ends.flatMap(([direction, steps]) =>
      steps.length > 0 ? [{ layer: all, direction, steps }] : []
    ),
  ];
}
