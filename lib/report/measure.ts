/**
 * Times the layers of variants of a network on this adapter.
 *
 * @module
 */
import type { Tiles } from "../runtime/gpu/autotune.ts";
import type { DataShape } from "../program/plan.ts";
import type { Program, Step } from "../program/program.ts";
import { selectSteps } from "../program/select_steps.ts";
import { median } from "./statistics.ts";
import { TimedNetwork } from "./timed_network.ts";
import type { PlannedRecipe } from "./static_dynamic.ts";

/** Nanoseconds of a layer's steps, for the whole batch. */
export interface LayerTime {
  readonly forward: number;
  readonly backward: number;
}

/** Rounds that the median is of. */
const ROUNDS = 9;

/**
 * Times forward and backward of every layer: a round runs each variant once, in turns, so that what
 * slows the machine down slows all of them, and the median of the rounds counts. Weights are the first ones of
 * the recipe's seed and images are noise; ranges are calibrated on it.
 *
 * @returns the adapter, and for each variant its layers' times
 * @throws DeviceError when there is no GPU, it has no timestamps or too little memory
 */
export async function measureLayers(
  variants: readonly PlannedRecipe[],
  data: DataShape,
  tiles: Tiles = "default",
): Promise<{ adapter: string; times: ReadonlyMap<string, LayerTime>[] }> {
  const benches: TimedProgram[] = [];
  try {
    for (const variant of variants) benches.push(await TimedProgram.open(variant, data, tiles));
    for (let round = 0; round <= ROUNDS; round++) {
      const order = round % 2 === 0 ? benches : benches.toReversed();
      for (const bench of order) await bench.round(round > 0); // The first one warms up.
    }
    return { adapter: benches[0]?.adapter ?? "", times: benches.map((bench) => bench.times()) };
  } finally {
    for (const bench of benches) bench.close();
  }
}

/** A variant on a device of its own. */
class TimedProgram {
  readonly #steps: readonly Step[];
  readonly #backward: ReadonlySet<Step>;
  readonly #rounds: number[][] = [];

  private constructor({ sections: s, quantizers }: Program, readonly network: TimedNetwork) {
    this.#backward = new Set(s.backward);
    const steps = [...s.forward, ...s.loss, ...s.backward];
    this.#steps = selectSteps(steps, quantizers, { phase: "train" });
  }

  static async open(variant: PlannedRecipe, data: DataShape, tiles: Tiles): Promise<TimedProgram> {
    return new TimedProgram(variant.program, await TimedNetwork.open(variant, data, tiles));
  }

  get adapter(): string {
    return this.network.executor.adapter;
  }

  async round(counts: boolean): Promise<void> {
    const times = await this.network.time(this.#steps);
    if (counts) this.#rounds.push(times);
  }

  /** The median of each layer. */
  times(): Map<string, LayerTime> {
    const layers = new Map<string, { forward: number[]; backward: number[] }>();
    const zeros = () => this.#rounds.map(() => 0);
    for (const [i, step] of this.#steps.entries()) {
      const layer = layers.get(step.layer) ?? { forward: zeros(), backward: zeros() };
      const rounds = layer[this.#backward.has(step) ? "backward" : "forward"];
      this.#rounds.forEach((times, round) => rounds[round]! += times[i]!);
      layers.set(step.layer, layer);
    }
    return new Map(
      [...layers].map(([name, { forward, backward }]) => [
        name,
        { forward: median(forward), backward: median(backward) },
      ]),
    );
  }

  close(): void {
    this.network.close();
  }
}
