/**
 * Steps for which the same tile is fast: those of one kernel on one shape. Where their tensors lie and
 * what the epilogue does make no difference that counts, so a class is timed once for all of its steps.
 *
 * @module
 */
import type { Kernel } from "../../../kernels/define_kernel.ts";
import { includes } from "../../../kernels/include/mod.ts";
import type { Step } from "../../program/program.ts";
import { describeConstants, tileName, tilesOf, withTile } from "./tile.ts";

/** Steps of one class. */
export interface TuningKey {
  /** Kernel and shape, e.g. `norm_forward CW=2 INT8=1 PIXELS=50176 V=4`. */
  readonly name: string;
  /** Names the text of the kernel: a class of another text must be timed anew. */
  readonly source: string;
  /** Its steps; the first stands for all when it is timed. */
  readonly steps: readonly Step[];
  /** The first step as each tile has it, by the tile's name, e.g. `P=8 Q=2`. The first is the default. */
  readonly ways: ReadonlyMap<string, Step>;
}

/** The classes of those steps that have tiles to choose from, in the order in which they come. */
export function tuningKeys(steps: readonly Step[], emulateDot: boolean): TuningKey[] {
  const classes = new Map<string, Step[]>();
  for (const step of steps) {
    if (tilesOf(step).length < 2) continue;
    const name = className(step, emulateDot), found = classes.get(name);
    if (found) found.push(step);
    else classes.set(name, [step]);
  }
  return [...classes].map(([name, members]) => {
    const [first] = members as [Step];
    return {
      name,
      source: sourceOf(first.kernel),
      steps: members,
      ways: new Map(tilesOf(first).map((tile) => [tileName(tile), withTile(first, tile)])),
    };
  });
}

function className({ kernel, constants }: Step, emulateDot: boolean): string {
  const shape = Object.entries(constants).filter(([name]) => {
    const kind = kernel.constants[name];
    return (kind !== "row" && kind !== "epilogue" && kind !== "epilogue operand" ||
      name === "INT8") &&
      !kernel.gpu.sameSpeed?.includes(name);
  });
  return `${kernel.name} ${describeConstants(shape)}${emulateDot ? " EMULATE=1" : ""}`;
}

const sources = new Map<Kernel, string>();

/** FNV-1a of a kernel's template and of all that templates may include, as eight hex digits. */
export function sourceOf(kernel: Kernel): string {
  let found = sources.get(kernel);
  if (found === undefined) {
    let hash = 0x811c9dc5;
    for (const text of [kernel.gpu.source, ...Object.values(includes)]) {
      for (let i = 0; i < text.length; i++) {
        hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
      }
    }
    found = (hash >>> 0).toString(16).padStart(8, "0");
    sources.set(kernel, found);
  }
  return found;
}
