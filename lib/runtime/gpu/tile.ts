/**
 * Tiles: how a step is cut into workgroups and threads on a GPU. Each tile gives the same bits in the
 * same buffers; which one is fastest depends on the adapter (autotune.ts).
 *
 * @module
 */
import {
  type Constants,
  MAX_WORKGROUPS,
  type Target,
  type Workgroups,
} from "../../../kernels/define_kernel.ts";
import type { Step } from "../../program/program.ts";

/** One way to cut a step into workgroups and threads. */
export interface Tile {
  /** Values of the kernel's constants of kind `tile`. */
  readonly constants: Constants;
  readonly workgroups: Workgroups;
  /** Workgroups of the entry point `join`, for kernels that have one. */
  readonly join?: Workgroups | undefined;
}

/** A step with a given tile, which its executor uses instead of choosing one. */
export interface TiledStep extends Step {
  readonly tile: Tile;
  /** The step of the program that it is made from. */
  readonly whole: Step;
}

const known = new WeakMap<Target, WeakMap<Step, readonly Tile[]>>();

/**
 * Returns the tiles of a step on an adapter, its default first, without duplicates and without those that
 * need more workgroups than WebGPU allows (the default is kept).
 */
export function tilesOf(step: Step, target: Target): readonly Tile[] {
  let steps = known.get(target);
  if (!steps) known.set(target, steps = new WeakMap());
  let tiles = steps.get(step);
  if (!tiles) steps.set(step, tiles = listTiles(step, target));
  return tiles;
}

function listTiles({ kernel: { gpu }, constants }: Step, target: Target): readonly Tile[] {
  const all = (gpu.tiles?.(constants, target) ?? [{}]).map((tile) => ({
    constants: tile,
    workgroups: gpu.workgroups({ ...constants, ...tile }),
    join: gpu.join?.({ ...constants, ...tile }),
  }));
  const names = all.map(tileName);
  const fits = ({ workgroups, join }: Tile) =>
    Math.max(...workgroups, ...join ?? []) <= MAX_WORKGROUPS;
  return all.filter((tile, i) => i === 0 || names.indexOf(names[i]!) === i && fits(tile));
}

/** Returns the step with one of its tiles. */
export function withTile(whole: Step, tile: Tile): TiledStep {
  return { ...whole, tile, whole };
}

/** Returns the tile that a step was given, if any. */
export function givenTile(step: Step): Tile | undefined {
  return "tile" in step ? (step as TiledStep).tile : undefined;
}

/** Returns the step of the program that this one is, or is made from. */
export function wholeStep(step: Step): Step {
  return "whole" in step ? (step as TiledStep).whole : step;
}

/** Names a tile by its constants, e.g. `P=8 Q=2`. */
export function tileName({ constants }: Tile): string {
  return describeConstants(Object.entries(constants));
}

/** Formats constants as `NAME=VALUE`, in alphabetical order. */
export function describeConstants(constants: readonly (readonly [string, number])[]): string {
  return constants.map(([name, value]) => `${name}=${value}`).sort().join(" ");
}
