/**
 * Groups steps for which the same tile is fast: those of one kernel on one shape. Tensors and epilogue
 * hardly matter for the speed, so a class is timed once for all of its steps.
 *
 * @module
 */
import { DOT, type Kernel, type Target } from "../../../kernels/define_kernel.ts";
import { includes } from "../../../kernels/include/mod.ts";
import type { Step } from "../../program/program.ts";
import { describeConstants, tileName, tilesOf, withTile } from "./tile.ts";

/** A class of steps that share a tile. */
export interface TuningKey {
  /** Kernel and shape, e.g. `norm_forward CW=2 INT8=1 PIXELS=50176 V=4`. */
  readonly name: string;
  /** Hash of the kernel's text and its default tile: when one changes, the class is timed again. */
  readonly source: string;
  /** Steps of the class; only the first is timed. */
  readonly steps: readonly Step[];
  /** The first step with each of its tiles, by the tile's name, e.g. `P=8 Q=2`; the default first. */
  readonly tilings: ReadonlyMap<string, Step>;
}

/** Returns the classes of the steps that have several tiles, in the order of their first step. */
export function tuningKeys(steps: readonly Step[], target: Target): TuningKey[] {
  const classes = new Map<string, Step[]>();
  for (const step of steps) {
    if (tilesOf(step, target).length < 2) continue;
    const name = className(step, target), found = classes.get(name);
    if (found) found.push(step);
    else classes.set(name, [step]);
  }
  return [...classes].map(([name, members]) => {
    const [first] = members as [Step], tiles = tilesOf(first, target);
    return {
      name,
      source: hashOf([sourceOf(first.kernel), tileName(tiles[0]!)]),
      steps: members,
      tilings: new Map(tiles.map((tile) => [tileName(tile), withTile(first, tile)])),
    };
  });
}

function className({ kernel, constants }: Step, { dots }: Target): string {
  const shape = Object.entries(constants).filter(([name]) => {
    const kind = kernel.constants[name];
    // Where non-finite values are counted differs by parameter.
    if (typeof kind === "object") return false;
    return (kind !== "row" && kind !== "epilogue" && kind !== "epilogue operand" ||
      name === "INT8") &&
      !kernel.gpu.sameSpeed?.includes(name);
  });
  return `${kernel.name} ${describeConstants(shape)}${
    dots[0] === DOT.emulated ? " EMULATE=1" : ""
  }`;
}

const sources = new Map<Kernel, string>();

/** Returns the FNV-1a hash of texts, as eight hex digits. */
export function hashOf(texts: Iterable<string>): string {
  let hash = 0x811c9dc5;
  for (const text of texts) {
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return (hash >>> 0).toString(16).padStart(8, "0");
}

/** Returns the hash of a kernel's template and of all includes. */
export function sourceOf(kernel: Kernel): string {
  let found = sources.get(kernel);
  if (found === undefined) {
    found = hashOf([kernel.gpu.source, ...Object.values(includes)]);
    sources.set(kernel, found);
  }
  return found;
}
