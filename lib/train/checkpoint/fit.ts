/**
 * Finds a network's tensors in a file of weights: under which prefix they are, what their names are,
 * and what else is there.
 *
 * @module
 */
import type { SafetensorsFile } from "../../core/safetensors.ts";
import { namedShapes } from "../../program/parameter_layout.ts";
import type { Program } from "../../program/program.ts";
import { pytorchNames } from "../../model/pytorch_names.ts";
import type { ModelSpec } from "../../recipe/model.ts";
import { FORMAT } from "./checksum.ts";
import { emaName, isRange, isTrainingState } from "./tensors.ts";

/** A file of weights. */
export interface WeightsFile extends SafetensorsFile {
  /** Its path, for messages. */
  readonly path: string;
}

/** A tensor of a network. */
export interface Expected {
  /** Its name in qtrain. */
  readonly name: string;
  /** Its layer. */
  readonly layer: string;
  /** Its shape in PyTorch. */
  readonly shape: readonly number[];
}

/** Where a network's tensors are in a file. */
export interface Fit {
  /** What the names of the network's tensors begin with in the file; often nothing. */
  readonly prefix: string;
  /** The name of a tensor in the file; where it is missing, the name that it should have. */
  readonly nameOf: ReadonlyMap<Expected, string>;
  /** The tensors of the last layer. */
  readonly head: readonly Expected[];
  /** All other tensors. */
  readonly body: readonly Expected[];
  /** How many tensors of the body (of the head, if there is no other) are there in their shape. */
  readonly found: number;
}

/** At most so many prefixes are tried, those of most names first. */
const MAX_PREFIXES = 16;

/** Whether qtrain wrote a file. */
export function isOwn({ metadata }: Pick<WeightsFile, "metadata">): boolean {
  return metadata.format === FORMAT;
}

/** Whether a file is a checkpoint, and no export: it knows where its run stands. */
export function isCheckpoint(file: Pick<WeightsFile, "metadata">): boolean {
  return isOwn(file) && file.metadata.position !== undefined;
}

/** Every tensor of a network that a file of weights has. */
export function tensorsOf({ parameters, norms }: Program): Expected[] {
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

/**
 * Finds a network's tensors under each prefix that they may have in a file. The best fit comes first; a
 * file that holds the network more than once has several that are complete.
 */
export function fits(file: WeightsFile, program: Program, model: ModelSpec): Fit[] {
  const tensors = tensorsOf(program), { layer } = program.parameters.at(-1)!;
  const head = tensors.filter((t) => t.layer === layer);
  const body = tensors.filter((t) => t.layer !== layer);
  const required = body.length > 0 ? body : head;
  const known = new Map(tensors.map((t) => [t, namesOf(t, model, isCheckpoint(file))]));
  const all = new Set([...known.values()].flat());
  // In a checkpoint, what stands before a parameter's name says that it is something else.
  const prefixes = isCheckpoint(file) ? [""] : prefixesOf(Object.keys(file.tensors), all);
  return prefixes.map((prefix) => {
    const there = new Map(tensors.flatMap((t) => {
      const names = known.get(t)!.map((name) => prefix + name);
      const name = names.find((name) => Object.hasOwn(file.tensors, name)) ??
        names.find((name) => Object.hasOwn(file.others, name));
      return name === undefined ? [] : [[t, name] as const];
    }));
    const missingName = missingNames(file, prefix, [...there.values()]);
    const nameOf = new Map(
      tensors.map((t) => [t, there.get(t) ?? prefix + missingName(known.get(t)!)]),
    );
    const found = required.filter((t) =>
      file.tensors[nameOf.get(t)!]?.shape.join() === t.shape.join()
    ).length;
    return { prefix, nameOf, head, body, found };
  }).sort((a, b) => b.found - a.found);
}

/** Whether all but the last layer is there. */
export function isComplete({ found, head, body }: Fit): boolean {
  return found === (body.length || head.length);
}

/** Chooses the name that a tensor should have, of those that it may have: in numbers, where others are. */
function missingNames(file: WeightsFile, prefix: string, found: readonly string[]) {
  if (isCheckpoint(file)) return (names: readonly string[]) => names[1]!;
  const isNumbered = (name: string) => /^\d/.test(name);
  const numbered = found.length > 0 && found.every((name) => isNumbered(name.slice(prefix.length)));
  return (names: readonly string[]) => (numbered ? names.find(isNumbered) : undefined) ?? names[0]!;
}

/** The names that a tensor may have, likeliest first. */
function namesOf({ name, layer }: Expected, model: ModelSpec, checkpoint: boolean): string[] {
  const part = name.slice(layer.length + 1);
  const pytorch = "layers" in model ? [] : pytorchNames(model.name, layer);
  // A run with averaged weights was evaluated with the averages.
  const layers = checkpoint ? [emaName(layer), layer, ...pytorch] : [...pytorch, layer];
  return layers.map((layer) => `${layer}.${part}`);
}

/** What precedes known names in a file, "" first, then what does so most often. */
function prefixesOf(names: readonly string[], known: ReadonlySet<string>): string[] {
  const counts = new Map([["", Infinity]]);
  for (const name of names) {
    for (let at = name.indexOf(".") + 1; at > 0; at = name.indexOf(".", at) + 1) {
      if (!known.has(name.slice(at))) continue;
      const prefix = name.slice(0, at);
      counts.set(prefix, (counts.get(prefix) ?? 0) + 1);
    }
  }
  return [...counts].sort(([, a], [, b]) => b - a).slice(0, MAX_PREFIXES).map(([prefix]) => prefix);
}

/** The names in a file that a fit does not use: those of another network, and all others. */
export function unusedNames(
  file: WeightsFile,
  { prefix, nameOf, body }: Fit,
): { readonly strange: readonly string[]; readonly outside: readonly string[] } {
  const used = new Set(nameOf.values());
  const parts = new Set(body.map((t) => partOf(nameOf.get(t)!, prefix)));
  const strange: string[] = [], outside: string[] = [];
  for (const name of [...Object.keys(file.tensors), ...Object.keys(file.others)]) {
    // An average stands for its parameter; PyTorch counts the batches of each norm.
    if (used.has(name) || used.has(emaName(name)) || name.endsWith(".num_batches_tracked")) {
      continue;
    }
    if (isOwn(file) && (isTrainingState(name) || isRange(name))) continue;
    const inside = name.startsWith(prefix) && parts.has(partOf(name, prefix));
    (inside ? strange : outside).push(name);
  }
  return { strange, outside };
}

/** The first part of a name behind a prefix, without its number: `layer` of `model.layer4.0.bn1.bias`. */
function partOf(name: string, prefix: string): string {
  return name.slice(prefix.length).split(".")[0]!.replace(/\d+(-.*)?$/, "");
}
