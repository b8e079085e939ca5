/**
 * Programs and devices that take a certain tile of every kernel that has a choice.
 *
 * @module
 */
import "./isolate.ts";
import { DOT, type Target } from "../../kernels/define_kernel.ts";
import { openGpu } from "../../lib/runtime/gpu/device.ts";
import { GpuExecutor } from "../../lib/runtime/gpu/executor.ts";
import type { Device } from "../../lib/runtime/device.ts";
import { allSteps, type Program, type Step } from "../../lib/program/program.ts";
import {
  type Tile,
  type TiledStep,
  tileName,
  tilesOf,
  withTile,
} from "../../lib/runtime/gpu/tile.ts";

/** Tiles that a step has at most. */
export const MAX_TILES = 24;

/** An adapter that computes on the processor, and one that does not. */
export const SOFTWARE: Target = { software: true, dots: [DOT.native, DOT.unsigned, DOT.emulated] };
export const HARDWARE: Target = { ...SOFTWARE, software: false };
/** An adapter without packed dot products. */
export const EMULATED: Target = { software: true, dots: [DOT.emulated] };

/** Adapters of both kinds, with each way of dot products by itself: together they have every tile. */
export const TARGETS: readonly Target[] = [true, false].flatMap((software) =>
  Object.values(DOT).map((dot) => ({ software, dots: [dot] as const }))
);

/** The tiles of a step on both kinds of adapter, or on others. */
export function everyTile(
  step: Step,
  targets: readonly Target[] = [SOFTWARE, HARDWARE],
): readonly Tile[] {
  const all = targets.flatMap((target) => tilesOf(step, target));
  return [...new Map(all.map((tile) => [tileName(tile), tile])).values()];
}

/** The steps of a program that have more than `n` tiles, with tile `n` of each. */
export function tiledSteps(program: Program, n: number, targets?: readonly Target[]): TiledStep[] {
  return allSteps(program).flatMap((step) => {
    const tile = everyTile(step, targets)[n];
    return tile ? [withTile(step, tile)] : [];
  });
}

/** A program with the buffers of another, and of its steps these. */
export function programOfSteps(program: Program, forward: readonly Step[]): Program {
  const none = Object.keys(program.sections).map((section) => [section, []]);
  return { ...program, sections: { ...Object.fromEntries(none), forward } };
}

/** The GPU, with tile `n` of every kernel, counted around. */
export async function deviceWithTile(n: number, targets?: readonly Target[]): Promise<Device> {
  const gpu = await openGpu();
  return {
    kind: "gpu",
    name: gpu.name,
    createExecutor: (program) =>
      GpuExecutor.create(gpu, program, {}, (_, steps) => {
        const tiles = steps.flatMap((step) => {
          const tiles = everyTile(step, targets);
          return tiles.length > 1 ? [[step, tiles[n % tiles.length]!] as const] : [];
        });
        return Promise.resolve(new Map(tiles));
      }),
  };
}

/** The GPU, with the tiles of another adapter. */
export async function deviceWithTarget(target: Target): Promise<Device> {
  const gpu = { ...await openGpu(), target };
  return {
    kind: "gpu",
    name: gpu.name,
    createExecutor: (program) => GpuExecutor.create(gpu, program),
  };
}
