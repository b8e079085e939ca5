/**
 * Steps for which the same tile is fast: those of one kernel on one shape. Where their tensors lie and
 * what the epilogue does make no difference that counts, so a class is timed once for all of its steps.
 *
 * @module
 */
import { includes, kernels } from "../../../kernels/mod.ts";
import { type Step, type Tile, withTile } from "../../program/program.ts";

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

/** Constants of the epilogue, and those that place a tensor. Besides them, names that end in _ROW. */
const NON_KEY_CONSTANTS: ReadonlySet<string> = new Set([
  "ACCUMULATE",
  "ACT",
  "ADDEND",
  "BIAS",
  "CHANNELS",
  "FIRST",
  "FROZEN",
  "IMAGE",
  "LOGITS",
  "MASK",
  "QUIET",
  "STOCHASTIC",
  "STORE",
  "SUMS",
  "TILES",
]);

/** A tile by its constants. */
export function tileName({ constants }: Tile): string {
  return describe(Object.entries(constants));
}

/** The classes of those steps that have tiles to choose from, in the order in which they come. */
export function tuningKeys(steps: readonly Step[], emulateDot: boolean): TuningKey[] {
  const classes = new Map<string, Step[]>();
  for (const step of steps) {
    if (!step.tiles) continue;
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
      ways: new Map(first.tiles!.map((tile) => [tileName(tile), withTile(first, tile)])),
    };
  });
}

function className({ kernel, constants, tiles }: Step, emulateDot: boolean): string {
  const chosen = new Set(tiles!.flatMap((tile) => Object.keys(tile.constants)));
  const shape = Object.entries(constants).filter(([name]) =>
    !chosen.has(name) && !NON_KEY_CONSTANTS.has(name) && !name.endsWith("_ROW")
  );
  return `${kernel} ${describe(shape)}${emulateDot ? " EMULATE=1" : ""}`;
}

function describe(constants: readonly (readonly [string, number])[]): string {
  return constants.map(([name, value]) => `${name}=${value}`).sort().join(" ");
}

const sources = new Map<string, string>();

/** FNV-1a of a kernel's template and of all that templates may include, as eight hex digits. */
export function sourceOf(kernel: string): string {
  let found = sources.get(kernel);
  if (found === undefined) {
    let hash = 0x811c9dc5;
    for (const text of [kernels[kernel]!.source, ...Object.values(includes)]) {
      for (let i = 0; i < text.length; i++) {
        hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
      }
    }
    found = (hash >>> 0).toString(16).padStart(8, "0");
    sources.set(kernel, found);
  }
  return found;
}
