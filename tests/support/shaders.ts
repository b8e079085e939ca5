/**
 * Every shader that programs need, once each: what tests of limits, of a second compiler and the register
 * counts of tests/soak/gpu_stats.ts go through.
 *
 * @module
 */
import {
  type Constants,
  isOperand,
  type Kernel,
  type Target,
} from "../../kernels/define_kernel.ts";
import { includes } from "../../kernels/include/mod.ts";
import { kernels } from "../../kernels/mod.ts";
import { plan } from "../../lib/program/plan.ts";
import { allSteps, type Program, type Step } from "../../lib/program/program.ts";
import { resolveRecipe } from "../../lib/recipe/load.ts";
import type { ZooName } from "../../lib/recipe/model.ts";
import type { RecipeInput } from "../../lib/recipe/recipe.ts";
import { wgsl } from "../../lib/runtime/gpu/executor.ts";
import { type Tile, tileName, tilesOf, withTile } from "../../lib/runtime/gpu/tile.ts";
import { CASES, ESTIMATOR_CASES, SIMULATED_CASES } from "./cases.ts";
import { type Arithmetic, programOf } from "./networks.ts";
import { TARGETS } from "./tiles.ts";

const ARITHMETICS: readonly Arithmetic[] = ["int8", "simulated", "float32"];

/** Networks of the zoo with the images that they are for. */
const ZOO: readonly (readonly [ZooName, side: number, channels: number, classes: number])[] = [
  ["cnn", 28, 1, 10],
  ["resnet8", 32, 3, 10],
  ["resnet20", 32, 3, 10],
  ["resnet18", 224, 3, 1000],
  ["vgg16", 224, 3, 1000],
  ["mobilenet-v2", 224, 3, 1000],
];

/** Settings that reach the kernels which the default settings do not. */
const VARIANTS: readonly Omit<RecipeInput, "data" | "model">[] = [
  { train: { optimizer: { name: "adamw" }, ema: 0.9, clip_norm: 1, micro_batch: 32 } },
  {
    telemetry: "full",
    quantize: {
      scheduler: "device",
      activations: { estimator: "dsgc" },
      gradients: { estimator: "current-minmax" },
    },
  },
];

/** The programs of the zoo in batches of 64, in all arithmetics; `cnn` also with other settings. */
export function* zooPrograms(): Generator<Program> {
  for (const [name, side, channels, classes] of ZOO) {
    const mean = Array<number>(channels).fill(0.5), std = mean;
    for (const arithmetic of ARITHMETICS) {
      for (const variant of name === "cnn" ? [{}, ...VARIANTS] : [{}]) {
        const recipe = resolveRecipe({
          data: { format: "glyphs" },
          model: { name },
          ...variant,
          quantize: { ...variant.quantize, arithmetic },
        });
        yield plan(recipe, { shape: [side, side, channels], classes, mean, std }).program;
      }
    }
  }
}

/** The programs of the tests' small networks, in all arithmetics. */
export function* casePrograms(): Generator<Program> {
  for (const arithmetic of ARITHMETICS) {
    for (const test of [...CASES, ...ESTIMATOR_CASES]) yield programOf(test, arithmetic);
  }
  for (const test of SIMULATED_CASES) yield programOf(test, "simulated");
}

/** A shader, and the first step that needs it. */
export interface Shader {
  readonly kernel: Kernel;
  readonly code: string;
  readonly step: Step;
  readonly tile: Tile;
  readonly target: Target;
  /** KERNEL-TILE-FLAGS: fit for a file's name, but not unique. */
  readonly name: string;
}

/** Names that a directive of any template reads, in conditions and bounds of loops. */
const IN_DIRECTIVES: ReadonlySet<string> = new Set(
  [...[...kernels.values()].map(({ gpu }) => gpu.source), ...Object.values(includes)]
    .flatMap((text) => text.match(/\/\/@.*/g) ?? []).flatMap((line) => line.match(/\w+/g) ?? []),
);

/**
 * Names the text of a shader, which takes 2 ms to write: most layers of a network differ in operands
 * alone, whose values are in no text unless a directive reads them.
 */
function textKey(kernel: Kernel, constants: Constants): string {
  const read = Object.entries(constants)
    .filter(([name]) => !isOperand(kernel, name) || IN_DIRECTIVES.has(name));
  return `${kernel.name} ${read}`;
}

/**
 * Every distinct shader of the steps of programs, on the adapters `targets`: of all tiles, or of those that
 * `choose` selects.
 */
export function* everyShader(
  programs: Iterable<Program>,
  targets: readonly Target[] = TARGETS,
  choose: (step: Step, target: Target) => readonly Tile[] = tilesOf,
): Generator<Shader> {
  const seen = new Set<string>(), made = new Set<string>();
  for (const program of programs) {
    for (const step of allSteps(program)) {
      const { kernel } = step;
      for (const target of targets) {
        for (const tile of choose(step, target)) {
          const key = textKey(kernel, {
            ...step.constants,
            ...tile.constants,
            dot: target.dots[0],
          });
          if (made.has(key)) continue;
          made.add(key);
          const code = wgsl(withTile(step, tile), target);
          if (seen.has(code)) continue;
          seen.add(code);
          const flags = Object.entries(kernel.constants)
            .filter(([flag, kind]) =>
              (kind === "flag" || kind === "epilogue") && step.constants[flag]
            )
            .map(([flag]) => flag);
          const name = [kernel.name, tileName(tile), ...flags]
            .filter((part) => part !== "").join("-").replaceAll(" ", "_").replaceAll("=", "");
          yield { kernel, code, step, tile, target, name };
        }
      }
    }
  }
}
