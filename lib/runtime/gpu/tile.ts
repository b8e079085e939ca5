/**
 * How a step is cut into workgroups and threads on a GPU: one of its kernel's tiles. Each gives the
 * same bits in the same buffers; which is fastest, an adapter decides (autotune.ts).
 *
 * @module
 */
import { type Constants, MAX_WORKGROUPS, type Workgroups } from "../../../kernels/define_kernel.ts";
import type { Step } from "../../program/program.ts";

/** One way to cut a step. */
export interface Tile {
  /** Values of the kernel's constants of kind `tile`. */
  readonly constants: Constants;
  readonly workgroups: Workgroups;
}

/** A step cut by a tile of its own choice, in place of the one that its executor would take. */
export interface TiledStep extends Step {
  readonly tile: Tile;
  /** The step of the program. */
  readonly whole: Step;
}

const known = new WeakMap<Step, readonly Tile[]>();

/**
 * The tiles of a step, the default first. Those that repeat another are left out, and those that need
 * more workgroups than WebGPU allows, but for the default.
 */
export function tilesOf(step: Step): readonly Tile[] {
  let tiles = known.get(step);
  if (!tiles) known.set(step, tiles = listTiles(step));
  return tiles;
}

function listTiles({ kernel: { gpu }, constants }: Step): readonly Tile[] {
  const all = (gpu.tiles?.(constants) ?? [{}]).map((tile) => ({
    constants: tile,
    workgroups: gpu.workgroups({ ...constants, ...tile }),
  }));
  const names = all.map(tileName);
  return all.filter((tile, i) =>
    i === 0 || names.indexOf(names[i]!) === i && Math.max(...tile.workgroups) <= MAX_WORKGROUPS
  );
}

/** A step that runs with one of its tiles. */
export function withTile(whole: Step, tile: Tile): TiledStep {
  return { ...whole, tile, whole };
}

/** The tile that a step was given, if it was. */
export function givenTile(step: Step): Tile | undefined {
  return "tile" in step ? (step as TiledStep).tile : undefined;
}

/** The step of the program that this one is, or is cut from. */
export function wholeStep(step: Step): Step {
  return "whole" in step ? (step as TiledStep).whole : step;
}

/** A tile by its constants, e.g. `P=8 Q=2`. */
export function tileName({ constants }: Tile): string {
  return describeConstants(Object.entries(constants));
}

/** Constants as `NAME=VALUE`, in alphabetical order. */
export function describeConstants(constants: readonly (readonly [string, number])[]): string {
  return constants.map(([name, value]) => `${name}=${value}`).sort().join(" ");
}
