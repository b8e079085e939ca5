/**
 * Occupancy on paper: how many workgroups each layer of a network has in each direction, on a GPU's default
 * tiles, against two for each of 132 multiprocessors. Runs nothing and needs no GPU.
 *
 *     deno run --allow-read experiments/occupancy.ts [NETWORK [BATCH]]
 *
 * Prints tables in Markdown, by default of ResNet18 at 224×224, batch 64. Layers of one shape are one row.
 *
 * @module
 */
import { DOT, type Target } from "../kernels/define_kernel.ts";
import { backwardDirection, timedLayers } from "../lib/bench/layers.ts";
import { type DataShape, plan } from "../lib/program/plan.ts";
import type { Step } from "../lib/program/program.ts";
import type { ZooName } from "../lib/recipe/model.ts";
import { resolveRecipe } from "../lib/recipe/load.ts";
import { markdownTable } from "../lib/report/markdown.ts";
import { withThousands } from "../lib/core/format.ts";
import { tileName, tilesOf } from "../lib/runtime/gpu/tile.ts";

/** Workgroups that fill a large GPU: two for each of 132 multiprocessors. */
const ENOUGH = 2 * 132;
const HARDWARE: Target = { software: false, dots: [DOT.native, DOT.unsigned, DOT.emulated] };
/** ImageNet. */
const DATA: DataShape = {
  shape: [224, 224, 3],
  classes: 1000,
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
};
const DIRECTIONS = ["forward", "input gradient", "weight gradient"] as const;
type Direction = (typeof DIRECTIONS)[number];
const ARITHMETICS = ["int8", "float32"] as const;

/** Layers of one shape, in one arithmetic. */
interface Shape {
  layers: number;
  /** Workgroups and tile of the largest dispatch in each direction. */
  readonly found: Map<Direction, { readonly workgroups: number; readonly tile: string }>;
}

function shapesOf(model: ZooName, batch: number, arithmetic: "int8" | "float32") {
  const recipe = resolveRecipe({
    data: { format: "idx", root: "unused" },
    model: { name: model },
    quantize: { arithmetic, scheduler: "auto" },
    train: { batch },
  });
  const { sections } = plan(recipe, DATA).program, shapes = new Map<string, Shape>();
  for (const layer of timedLayers(recipe, DATA)) {
    if (layer.operations === 0) continue;
    const shape: Shape = shapes.get(layer.label) ?? { layers: 0, found: new Map() };
    shapes.set(layer.label, shape);
    shape.layers++;
    const add = (direction: Direction, step: Step) => {
      const [tile] = tilesOf(step, HARDWARE), workgroups = tile!.workgroups.reduce((a, b) => a * b);
      if (workgroups <= (shape.found.get(direction)?.workgroups ?? 0)) return;
      shape.found.set(direction, { workgroups, tile: tileName(tile!) });
    };
    const isTrained = ({ layer: name, phase, kernel }: Step) =>
      name === layer.name && phase !== "eval" && /^(conv|depthwise)_/.test(kernel.name);
    for (const step of sections.forward.filter(isTrained)) add("forward", step);
    for (const step of sections.backward.filter(isTrained)) {
      add(backwardDirection(step, layer) as Direction, step);
    }
  }
  return shapes;
}

/** A table of layers with a cell for each arithmetic and direction. */
function table(cell: (found: { workgroups: number; tile: string }) => string): string {
  return markdownTable({
    headers: ["layer", ...ARITHMETICS.flatMap((a) => DIRECTIONS.map((d) => `${a}: ${d}`))],
    alignments: ["left", ...ARITHMETICS.flatMap(() => DIRECTIONS.map(() => "right" as const))],
    rows: [...all[0]!].map(([label, { layers }]) => [
      label + (layers > 1 ? `, ${layers} layers` : ""),
      ...all.flatMap((shapes) =>
        DIRECTIONS.map((direction) => {
          const found = shapes.get(label)!.found.get(direction);
          return found ? cell(found) : "–";
        })
      ),
    ]),
  });
}

const [model = "resnet18", batch = "64"] = Deno.args;
const all = ARITHMETICS.map((arithmetic) => shapesOf(model as ZooName, Number(batch), arithmetic));
console.log(`Workgroups of ${model}, batch ${batch}, 224×224; few: below ${ENOUGH}\n`);
console.log(table(({ workgroups: n }) => `${withThousands(n)}${n < ENOUGH ? " (few)" : ""}`));
console.log(`\nTiles\n`);
console.log(table(({ tile }) => tile));
