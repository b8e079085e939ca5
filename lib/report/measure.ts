/**
 * Times the layers of programs on this adapter.
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

/** Nanoseconds of a layer for a whole batch. */
export interface LayerTime {
  readonly forward: number;
  readonly backward: number;
}

/** Rounds to take the median over. */
const ROUNDS = 9;

/**
 * Times forward and backward of every layer: the median over rounds. Each round runs every program
 * once, so that a machine that slows down slows all of them. Weights are initialized from the
 * recipe's seed, images are noise, and ranges are calibrated on it.
 *
 * @returns the adapter, and the times of each program's layers
 * @throws DeviceError when there is no GPU, it has no timestamps or too little memory
 */
export async function measureLayers(
  recipes: readonly PlannedRecipe[],
  data: DataShape,
  tiles: Tiles = "default",
): Promise<{ adapter: string; times: ReadonlyMap<string, LayerTime>[] }> {
  const programs: TimedProgram[] = [];
  try {
    for (const recipe of recipes) programs.push(await TimedProgram.open(recipe, data, tiles));
    for (let round = 0; round <= ROUNDS; round++) {
      const order = round % 2 === 0 ? programs : programs.toReversed();
      for (const program of order) await program.round(round > 0); // The first round warms up.
    }
    return {
      adapter: programs[0]?.adapter ?? "",
      times: programs.map((program) => program.times()),
    };
  } finally {
    for (const program of programs) program.close();
  }
}

/** A program on its own device, and its times. */
class TimedProgram {
  readonly #steps: readonly Step[];
  readonly #backward: ReadonlySet<Step>;
  readonly #rounds: number[][] = [];

  private constructor({ sections: s, quantizers }: Program, readonly network: TimedNetwork) {
    this.#backward = new Set(s.backward);
    const steps = [...s.forward, ...s.loss, ...s.backward];
    this.#steps = selectSteps(steps, quantizers, { phase: "train" });
  }

  static async open(recipe: PlannedRecipe, data: DataShape, tiles: Tiles): Promise<TimedProgram> {
    return new TimedProgram(recipe.program, await TimedNetwork.open(recipe, data, { tiles }));
  }

  get adapter(): string {
    return this.network.executor.adapter;
  }

  async round(counts: boolean): Promise<void> {
    const times = await this.network.time(this.#steps);
    if (counts) this.#rounds.push(times);
  }

  /** The median of each layer over the rounds. */
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
