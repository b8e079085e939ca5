/**
 * `init`: weights from a file, ours or with PyTorch's names, before training starts.
 *
 * @module
 */
import { type Guard, guardOf, refusal } from "../../data/paths/path_policy.ts";
import { expectFile } from "../../data/paths/stat.ts";
import { DataError } from "../../core/errors.ts";
import { decodeSafetensors, floatValues, type SafetensorsFile } from "../../core/safetensors.ts";
import { readBytes } from "../../core/files.ts";
import { initialValues, namedShapes, toNamed } from "../../program/parameter_layout.ts";
import { pytorchNames } from "../../model/pytorch_names.ts";
import type { Program } from "../../program/program.ts";
import type { Recipe } from "../../recipe/types.ts";
import { emaName, isRange, isTrainingState } from "./tensors.ts";
import { FORMAT } from "./checkpoint.ts";
import { hasChecksum } from "./checksum.ts";
import type { TensorLookup } from "../network/types.ts";
import { expectCheckpoint } from "./latest.ts";
import { RunFolder } from "../run_folder/run_folder.ts";

const WHAT = "a safetensors file or the folder of a run";

/** Weights for a network to start from. */
export interface InitialWeights {
  /** Looks up a tensor by our name. */
  readonly find: TensorLookup;
  /** What a person should hear of, as lines. */
  readonly notes: readonly string[];
}

/**
 * Reads the weights that a recipe's `init` names and holds every tensor against the network.
 *
 * Where the last layer differs in the number of classes alone, it gets first values by the seed.
 *
 * @throws DataError when the file is missing, damaged, or does not fit: with a line for every tensor
 * that is missing, left over, or of another shape
 */
export async function initialWeights(
  recipe: Recipe,
  program: Program,
  warn?: (text: string) => void,
): Promise<InitialWeights> {
  const guard = await guardOf("init", recipe.init, recipe.data);
  if (!guard) throw refusal("init", WHAT, recipe.init, recipe.data);
  const { path, bytes } = await readWeights(recipe.init, guard, warn);
  hasChecksum(bytes, path); // A file from elsewhere has none.
  return matchTensors(decodeSafetensors(bytes, path), path, recipe, program);
}

/** The bytes of a file, or of the newest checkpoint of a run's folder. */
async function readWeights(path: string, guard: Guard, warn?: (text: string) => void) {
  const there = await Deno.stat(path).catch(() => undefined);
  if (!there) {
    throw new DataError(
      `init: expected ${WHAT}, found nothing at ${path}; ` +
        "correct the path, which is relative to the recipe",
    );
  }
  await guard.check(path);
  if (!there.isDirectory) {
    await expectFile(path);
    return { path, bytes: await readBytes(path) };
  }
  const run = await RunFolder.open(path);
  for (const checkpoint of await run.checkpoints()) await guard.check(checkpoint.path);
  return await expectCheckpoint(run, warn);
}

/** Every tensor of a program by our name, with its layer and PyTorch's shape. */
function tensorsOf({ parameters, norms }: Program) {
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

function matchTensors(
  { tensors, metadata }: SafetensorsFile,
  path: string,
  recipe: Recipe,
  program: Program,
): InitialWeights {
  const { model } = recipe, own = metadata.format === FORMAT;
  const list = (shape: readonly number[]) => `[${shape.join(", ")}]`;
  /** What a tensor of ours is called in the file, or would be. */
  const nameIn = (name: string, layer: string) => {
    const part = name.slice(layer.length + 1);
    const theirs = "layers" in model ? [] : pytorchNames(model.name, layer);
    // Of a run with averaged weights, those that it was measured with.
    const names = (own ? [emaName(layer), layer, ...theirs] : [...theirs, layer])
      .map((n) => `${n}.${part}`);
    return names.find((n) => Object.hasOwn(tensors, n)) ?? names[own ? 1 : 0]!;
  };
  const values = new Map<string, Float32Array>(), used = new Set<string>(), problems: string[] = [];
  const head = newHead();
  for (const { name, shape, layer } of tensorsOf(program)) {
    const there = nameIn(name, layer), tensor = tensors[there];
    used.add(there);
    if (head?.values.has(name)) {
      values.set(name, head.values.get(name)!);
    } else if (!tensor) {
      problems.push(`missing     ${there} ${list(shape)}`);
    } else if (tensor.shape.join() !== shape.join()) {
      problems.push(`other shape ${there}: expected ${list(shape)}, found ${list(tensor.shape)}`);
    } else {
      const found = floatValues(tensor);
      if (!found) {
        problems.push(`other type  ${there}: expected F32, F16 or BF16, found ${tensor.dtype}`);
      } else if (!found.every(Number.isFinite)) problems.push(`not finite  ${there}`);
      else values.set(name, found);
    }
  }
  for (const [name, { shape }] of Object.entries(tensors)) {
    const known = used.has(name) || used.has(emaName(name)) ||
      name.endsWith(".num_batches_tracked") ||
      own && (isTrainingState(name) || isRange(name));
    if (!known) problems.push(`unexpected  ${name} ${list(shape)}`);
  }
  if (problems.length > 0) {
    throw new DataError(
      `init: ${path}: expected the weights of this network, found ${problems.length} ` +
        `tensor${problems.length === 1 ? " that does" : "s that do"} not fit:\n` +
        problems.map((line) => `  ${line}\n`).join("") +
        "Correct model (and data, which gives channels and classes), or give other weights",
    );
  }
  return { find: (name) => values.get(name)!, notes: head ? [head.note] : [] };

  /** The last layer's first values, where the file's answers another number of classes. */
  function newHead() {
    const specs = program.parameters.map((spec, index) => ({ spec, index }));
    const { layer } = specs.at(-1)!.spec;
    const last = specs.filter(({ spec }) => spec.layer === layer);
    const [{ name, shape }] = namedShapes(last[0]!.spec) as [{ name: string; shape: number[] }];
    const found = tensors[nameIn(name, layer)]?.shape;
    const fits = found?.length === shape.length && found[0] !== shape[0] &&
      found.every((length, i) => i === 0 || length === shape[i]);
    if (!fits) return undefined;
    const tensorsOf = last.flatMap(({ spec, index }) =>
      toNamed(spec, initialValues(spec, recipe.seed, index))
    );
    return {
      values: new Map(tensorsOf.map((t) => [t.name, t.data])),
      note: `init: the last layer, ${layer}, starts anew: it tells ${shape[0]} classes apart, ` +
        `in ${path} ${found[0]}`,
    };
  }
}
