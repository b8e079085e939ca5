/**
 * Initial weights from a file, qtrain's own or one with PyTorch's names: `init` of a recipe.
 *
 * @module
 */
import { outsideScope, type PathPolicy, pathPolicy } from "../../data/paths/path_policy.ts";
import { checkIsFile } from "../../data/paths/stat.ts";
import { DataError } from "../../core/errors.ts";
import {
  decodeSafetensors,
  floatValues,
  type SafetensorsFile,
  type Tensor,
} from "../../core/safetensors.ts";
import { readBytes } from "../../core/files.ts";
import { initialValues, namedShapes, toNamed } from "../../program/parameter_layout.ts";
import { pytorchNames } from "../../model/pytorch_names.ts";
import type { Program } from "../../program/program.ts";
import type { Recipe } from "../../recipe/recipe.ts";
import { emaName, isRange, isTrainingState } from "./tensors.ts";
import { FORMAT } from "./checkpoint.ts";
import { hasChecksum } from "./checksum.ts";
import type { TensorLookup } from "../network/types.ts";
import { expectCheckpoint } from "./load.ts";
import { RunFolder } from "../run_folder/run_folder.ts";

const WHAT = "a safetensors file or the folder of a run";

/** Weights for a network to start from. */
export interface InitialWeights {
  /** Returns a tensor by its name in qtrain. */
  readonly find: TensorLookup;
  /** Notes for the user. */
  readonly notes: readonly string[];
}

/**
 * Reads the weights that a recipe's `init` names and compares every tensor with the network.
 *
 * If the last layer differs only in the number of classes, it is initialized by the seed.
 *
 * @throws DataError when the file is missing or damaged, or does not fit: with a line for every tensor
 * that is missing, unexpected, or of another shape
 */
export async function initialWeights(
  recipe: Recipe,
  program: Program,
  warn?: (text: string) => void,
): Promise<InitialWeights> {
  const guard = await pathPolicy("init", recipe.init, recipe.pathScope);
  if (!guard) throw outsideScope("init", recipe.init, recipe.pathScope);
  const { path, bytes } = await readWeights(recipe.init, guard, warn);
  hasChecksum(bytes, path); // A file of another program has none.
  return matchTensors(decodeSafetensors(bytes, path), path, recipe, program);
}

/** Reads a file, or the latest checkpoint of a run's folder. */
async function readWeights(path: string, guard: PathPolicy, warn?: (text: string) => void) {
  const info = await Deno.stat(path).catch(() => undefined);
  if (!info) {
    throw new DataError(
      `init: expected ${WHAT}, found nothing at ${path}; ` +
        "correct the path, which is relative to the recipe",
    );
  }
  await guard.check(path);
  if (!info.isDirectory) {
    await checkIsFile(path);
    return { path, bytes: await readBytes(path) };
  }
  const run = await RunFolder.open(path);
  for (const checkpoint of await run.checkpoints()) await guard.check(checkpoint.path);
  return await expectCheckpoint(run, warn);
}

/** A tensor of a program: its name in qtrain, its layer, and PyTorch's shape. */
interface Expected {
  readonly name: string;
  readonly layer: string;
  readonly shape: readonly number[];
}

/** Name of an expected tensor in a file; where it is missing, the name that it should have. */
type NameInFile = (name: string, layer: string) => string;

function matchTensors(
  file: SafetensorsFile,
  path: string,
  recipe: Recipe,
  program: Program,
): InitialWeights {
  const isOwn = file.metadata.format === FORMAT, nameIn = namesInFile(file, recipe.model, isOwn);
  const newHead = initialHead(file, nameIn, program, recipe.seed);
  const values = new Map<string, Float32Array>(), used = new Set<string>(), problems: string[] = [];
  for (const { name, shape, layer } of tensorsOf(program)) {
    const there = nameIn(name, layer);
    used.add(there);
    const found = newHead?.values.get(name) ?? valuesOf(file.tensors[there], there, shape);
    if (typeof found === "string") problems.push(found);
    else values.set(name, found);
  }
  for (const [name, { shape }] of Object.entries(file.tensors)) {
    const known = used.has(name) || used.has(emaName(name)) ||
      name.endsWith(".num_batches_tracked") || isOwn && (isTrainingState(name) || isRange(name));
    if (!known) problems.push(`unexpected  ${name} ${formatShape(shape)}`);
  }
  if (problems.length > 0) {
    throw new DataError(
      `init: ${path}: expected the weights of this network, got ${problems.length} ` +
        `tensor${problems.length === 1 ? " that does" : "s that do"} not fit:\n` +
        problems.map((line) => `  ${line}\n`).join("") +
        "Correct model (and data, which sets channels and classes), or use other weights",
    );
  }
  const note = newHead &&
    `init: the last layer, ${newHead.layer}, is initialized anew: it has ${newHead.classes} ` +
      `classes, ${newHead.classesInFile} in ${path}`;
  return { find: (name) => values.get(name)!, notes: note ? [note] : [] };
}

/** Every tensor of a program. */
function tensorsOf({ parameters, norms }: Program): Expected[] {
  return [
    ...parameters.flatMap((spec) => namedShapes(spec).map((t) => ({ ...t, layer: spec.layer }))),
    ...norms.flatMap(({ layer, channels }) =>
      ["running_mean", "running_var"].map((part) => ({
        name: `${layer}.${part}`,
        shape: [channels],
        layer,
      }))
    ),
  ];
}

function namesInFile(
  { tensors }: SafetensorsFile,
  model: Recipe["model"],
  isOwn: boolean,
): NameInFile {
  return (name, layer) => {
    const part = name.slice(layer.length + 1);
    const pytorch = "layers" in model ? [] : pytorchNames(model.name, layer);
    // A run with averaged weights was evaluated with the averages.
    const layers = isOwn ? [emaName(layer), layer, ...pytorch] : [...pytorch, layer];
    const names = layers.map((layer) => `${layer}.${part}`);
    return names.find((name) => Object.hasOwn(tensors, name)) ?? names[isOwn ? 1 : 0]!;
  };
}

/** Values of a tensor of a file, or what is wrong with it. */
function valuesOf(
  tensor: Tensor | undefined,
  name: string,
  shape: readonly number[],
): Float32Array | string {
  if (!tensor) return `missing     ${name} ${formatShape(shape)}`;
  if (tensor.shape.join() !== shape.join()) {
    const [expected, got] = [shape, tensor.shape].map(formatShape);
    return `other shape ${name}: expected ${expected}, got ${got}`;
  }
  const values = floatValues(tensor);
  if (!values) return `other type  ${name}: expected F32, F16 or BF16, got ${tensor.dtype}`;
  return values.every(Number.isFinite) ? values : `not finite  ${name}`;
}

/** Initial values of the last layer, if the file's differs only in the number of classes. */
function initialHead(
  { tensors }: SafetensorsFile,
  nameIn: NameInFile,
  { parameters }: Program,
  seed: number,
) {
  const specs = parameters.map((spec, index) => ({ spec, index }));
  const { layer } = specs.at(-1)!.spec, last = specs.filter(({ spec }) => spec.layer === layer);
  const [{ name, shape }] = namedShapes(last[0]!.spec) as [{ name: string; shape: number[] }];
  const found = tensors[nameIn(name, layer)]?.shape;
  const fits = found?.length === shape.length && found[0] !== shape[0] &&
    found.every((length, i) => i === 0 || length === shape[i]);
  if (!fits) return undefined;
  const initial = last.flatMap(({ spec, index }) =>
    toNamed(spec, initialValues(spec, seed, index))
  );
  return {
    layer,
    values: new Map(initial.map((t) => [t.name, t.data])),
    classes: shape[0],
    classesInFile: found[0],
  };
}

function formatShape(shape: readonly number[]): string {
  return `[${shape.join(", ")}]`;
}
