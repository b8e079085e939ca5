/**
 * Initial weights from a file, qtrain's own or one with PyTorch's names: `init` of a recipe.
 *
 * @module
 */
import { matchClasses } from "../../data/classes.ts";
import { DataError } from "../../core/errors.ts";
import { listed } from "../../core/text.ts";
import { floatValues } from "../../core/safetensors.ts";
import { initialValues, toNamed } from "../../program/parameter_layout.ts";
import { small } from "../../model/blocks.ts";
import type { Program } from "../../program/program.ts";
import type { Recipe } from "../../recipe/recipe.ts";
import type { TensorLookup } from "../network/types.ts";
import {
  type Expected,
  type Fit,
  fits,
  isComplete,
  isOwn,
  unusedNames,
  type WeightsFile,
} from "./fit.ts";
import { onePart } from "./foreign_file.ts";
import { decodeInputSpec, type InputSpec } from "../../program/input_spec.ts";
import { type InitNames, initNames } from "./init_names.ts";
import { misfit, type Problem, READABLE } from "./misfit.ts";
import { readWeights } from "./weights_file.ts";

/** Weights for a network to start from. */
export interface InitialWeights {
  /** Returns a tensor by its name in qtrain. */
  readonly find: TensorLookup;
  /** Notes for the user. */
  readonly notes: readonly string[];
  /** What an export of the run takes over from the file. */
  readonly names: InitNames;
}

/**
 * Reads the weights that a recipe's `init` names and compares every tensor with the network. A prefix
 * that all names of the network have in the file is left out.
 *
 * The last layer is initialized by the seed if the file's is of other classes (by name, where file and
 * data have names), has another shape, or is missing. Classes in another order are reordered.
 *
 * @param data shape and classes of the data
 * @throws DataError when the file is missing, damaged or no safetensors file, or does not fit: with the
 * cause, or with at most ten of the tensors that are missing, unexpected, or of another shape or type
 */
export async function initialWeights(
  recipe: Recipe,
  program: Program,
  data: InputSpec,
  warn?: (text: string) => void,
): Promise<InitialWeights> {
  const file = await readWeights(recipe, warn);
  const fit = bestFit(file, program, recipe);
  const { strange, outside } = unusedNames(file, fit);
  const values = new Map<string, Float32Array>(), problems: Problem[] = [];
  const take = (tensor: Expected, read = (values: Float32Array) => values) => {
    const found = valuesOf(file, fit, tensor);
    if (found instanceof Float32Array) values.set(tensor.name, read(found));
    else problems.push(found);
  };
  for (const tensor of fit.body) take(tensor);
  const last = lastLayer(file, fit, data);
  if (last.isNew) {
    const { layer, frozen } = program.parameters.at(-1)!;
    if (frozen && recipe.freeze.length > 0) {
      throw new DataError(
        `freeze: expected the last layer, ${layer}, to train, as it is initialized anew (${file.path} ` +
          `has another or none), got a pattern that freezes it; take it out of freeze`,
      );
    }
    for (const { name, data } of newLayer(program, recipe.seed)) values.set(name, data);
  } else for (const tensor of fit.head) take(tensor, last.reorder);
  for (const name of strange) {
    problems.push({ kind: "unexpected", text: `${name}${formatShape(file.tensors[name]?.shape)}` });
  }
  if (problems.length > 0) throw misfit(file, fit, problems, recipe, data);
  const notes = [
    ...(fit.prefix === ""
      ? []
      : [`init: the names in ${file.path} begin with "${fit.prefix}", which is left out`]),
    ...(last.note === undefined ? [] : [last.note]),
  ];
  if (outside.length > 0) {
    const unused = `${outside.length} tensor${outside.length === 1 ? "" : "s"} not used: ` +
      listed(outside);
    const before = notes.pop() ?? `init: ${file.path} has more than the weights of the network`;
    notes.push(`${before}; ${unused}`);
  }
  if (otherStrides(file, recipe, data)) {
    notes.push(
      "init: mobilenet-v2 for images of at most 64×64 has smaller strides than with torchvision's " +
        "weights; to train those as they are, give model.stem=imagenet",
    );
  }
  const network = "layers" in recipe.model ? undefined : recipe.model.name;
  return { find: (name) => values.get(name)!, notes, names: initNames(file, fit, network) };
}

/** Whether a stem that nobody chose has other strides than torchvision's: all shapes fit both. */
function otherStrides(file: WeightsFile, { model }: Recipe, { shape: [h, w], classes }: InputSpec) {
  if ("layers" in model || model.name !== "mobilenet-v2" || model.stem !== "auto") return false;
  return !isOwn(file) && small("auto", { ...model, classes, size: [h, w] });
}

/**
 * The best place of the network in a file.
 *
 * @throws DataError when the file holds the network more than once, and not under its own names
 */
function bestFit(file: WeightsFile, program: Program, recipe: Recipe): Fit {
  const all = fits(file, program, recipe.model), complete = all.filter(isComplete);
  const plain = all.find(({ prefix }) => prefix === "")!, [first] = complete;
  if (!first) return all.find((fit) => namedShare(file, fit) >= 0.5) ?? plain;
  if (complete.includes(plain)) return plain;
  if (complete.length === 1) return first;
  throw new DataError(
    `init: ${file.path}: expected the weights of one network, got several, whose names begin with ` +
      `${listed(complete.map(({ prefix }) => `"${prefix}"`))}. ` +
      onePart(file.path, first.prefix),
  );
}

/** The share of the network's names that a file has: a few may be those of another network's parts. */
function namedShare({ tensors }: WeightsFile, { nameOf }: Fit): number {
  const names = [...nameOf.values()];
  return names.filter((name) => Object.hasOwn(tensors, name)).length / names.length;
}

/** Values of a tensor in a file, or what is wrong with it. */
function valuesOf(
  { tensors, others }: WeightsFile,
  { nameOf }: Fit,
  expected: Expected,
): Float32Array | Problem {
  const name = nameOf.get(expected)!, tensor = tensors[name], shape = formatShape(expected.shape);
  const otherType = (type: string): Problem => ({
    kind: "other type",
    text: `${name}: expected ${READABLE}, got ${type}`,
    type,
  });
  if (Object.hasOwn(others, name)) return otherType(others[name]!);
  if (!tensor) return { kind: "missing", text: name + shape };
  if (tensor.shape.join() !== expected.shape.join()) {
    const got = formatShape(tensor.shape);
    return { kind: "other shape", text: `${name}: expected${shape}, got${got}` };
  }
  const values = floatValues(tensor);
  if (!values) return otherType(tensor.dtype);
  if (!values.every(Number.isFinite)) return { kind: "not finite", text: name };
  if (expected.name.endsWith(".running_var") && values.some((variance) => variance < 0)) {
    return { kind: "negative", text: `${name}, a variance` };
  }
  return values;
}

/** What becomes of the last layer. */
interface LastLayer {
  /** Whether it is initialized anew. */
  readonly isNew: boolean;
  /** What to tell the user. */
  readonly note?: string;
  /** Puts the rows of a tensor of the file in the order of the data's classes, where it is another. */
  readonly reorder?: (values: Float32Array) => Float32Array;
}

/** Compares the last layer with the file's: by the names of its classes, else by shape. */
function lastLayer(file: WeightsFile, { head, body, nameOf }: Fit, data: InputSpec): LastLayer {
  const { layer } = head[0]!, { path, tensors } = file;
  const anew = (why: string): LastLayer => ({
    isNew: true,
    note: `init: the last layer, ${layer}, is initialized anew: ${why}`,
  });
  const there = head.map((t) => tensors[nameOf.get(t)!]?.shape);
  const missing = head.filter((_, i) =>
    !there[i] && !Object.hasOwn(file.others, nameOf.get(head[i]!)!)
  );
  if (body.length > 0 && missing.length > 0) {
    const none = missing.length === head.length;
    return anew(
      `${path} has ${none ? "none" : `no ${listed(missing.map((t) => nameOf.get(t)!))}`}`,
    );
  }
  const known = namesOfClasses(file), { classNames } = data;
  const match = known && classNames ? matchClasses(known, classNames) : undefined;
  const other = head.findIndex((t, i) => there[i] && there[i].join() !== t.shape.join());
  const otherClasses = match && match.added.length + match.missing.length > 0;
  // Of a network of one layer, another shape would leave nothing of the file.
  if (otherClasses || (body.length > 0 && other >= 0)) {
    const sameButClasses = head.every((t, i) =>
      t.shape.slice(1).join() === there[i]?.slice(1).join()
    );
    if (!sameButClasses) {
      const [own, its] = [head[other]!.shape, there[other]!].map(formatShape);
      return anew(`${nameOf.get(head[other]!)} is${own},${its} in ${path}`);
    }
    const names = match ? ` (${differences(match.added, match.missing)})` : "";
    return anew(`it has ${head[0]!.shape[0]} classes, ${there[0]![0]} in ${path}${names}`);
  }
  if (!match || match.same) return { isNew: false };
  return {
    isNew: false,
    note:
      `init: the rows of the last layer, ${layer}, are put in the order of the data's classes, ` +
      `which is another in ${path}`,
    reorder: (values) => {
      const row = values.length / match.labels.length, ordered = new Float32Array(values.length);
      for (const [to, from] of match.labels.entries()) {
        ordered.set(values.subarray(from! * row, (from! + 1) * row), to * row);
      }
      return ordered;
    },
  };
}

/** Names of the classes of a run, in its checkpoint or export. */
function namesOfClasses({ metadata, path, ...file }: WeightsFile): readonly string[] | undefined {
  if (!isOwn({ metadata, ...file }) || metadata.data === undefined) return undefined;
  return decodeInputSpec(metadata.data, path).classNames;
}

function differences(added: readonly string[], missing: readonly string[]): string {
  return [
    ...(added.length > 0 ? [`new: ${listed(added)}`] : []),
    ...(missing.length > 0 ? [`missing: ${listed(missing)}`] : []),
  ].join("; ");
}

/** The initial tensors of the last layer. */
function newLayer({ parameters }: Program, seed: number) {
  const { layer } = parameters.at(-1)!;
  return parameters.flatMap((spec, index) =>
    spec.layer === layer ? toNamed(spec, initialValues(spec, seed, index)) : []
  );
}

function formatShape(shape: readonly number[] = []): string {
  return ` [${shape.join(", ")}]`;
}
