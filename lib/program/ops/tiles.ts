/**
 * Tiles that a kernel may be cut into. An op lists them beside the kernel's other constants; results
 * do not depend on which is taken, so none may decide in which order f32 values are added, nor the size of a
 * buffer.
 *
 * @module
 */
import type { Constants, Tile } from "../program.ts";
import { MAX_WORKGROUPS } from "./grid.ts";

/**
 * A step's tiles, to be given to the builder in place of workgroups.
 *
 * @param tiles constants of each tile; the first is the default, which the references run with
 * @param workgroups those of a tile; one that needs more than WebGPU allows is left out, as is one that repeats another
 */
export function tiled<C extends Constants>(
  tiles: readonly C[],
  workgroups: (tile: C) => readonly [number, number, number],
): readonly Tile[] {
  const all = tiles.map((constants) => ({ constants, workgroups: workgroups(constants) }));
  const isNew = ({ constants }: Tile, i: number) =>
    all.findIndex((other) =>
      Object.entries(constants).every(([k, v]) => other.constants[k] === v)
    ) ===
      i;
  return all.filter((tile, i) =>
    i === 0 || isNew(tile, i) && Math.max(...tile.workgroups) <= MAX_WORKGROUPS
  );
}
