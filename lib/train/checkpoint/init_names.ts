/**
 * Names of an export's tensors: PyTorch's, or those of the file of weights that the run began with. A run
 * remembers the latter in the metadata of its checkpoints, as the file may be gone when it is exported.
 *
 * @module
 */
import { DataError } from "../../core/errors.ts";
import { isMap } from "../../core/json_value.ts";
import type { Tensor } from "../../core/safetensors.ts";
import { pytorchNames } from "../../model/pytorch_names.ts";
import { matches } from "../../program/quantizer_config.ts";
import { zoo } from "../../model/zoo.ts";
import type { ZooName } from "../../recipe/model.ts";
import { parseYaml } from "../../recipe/yaml.ts";
import { type Fit, isCheckpoint, unusedNames, type WeightsFile } from "./fit.ts";
import { decodeTrainerState, type TrainerState } from "./trainer_state.ts";

/** What an export takes over from the file of weights that its run began with. */
export interface InitNames {
  /**
   * The names in that file by those in qtrain, in the order of the file. Absent where they are the names
   * and the order that an export has anyway.
   */
  readonly names?: ReadonlyMap<string, string>;
  /** Number of batches that batch norms had seen before the run, by layer; those above 0. */
  readonly batches?: ReadonlyMap<string, number>;
  /** Number of the file's tensors that the network does not use; absent: none. */
  readonly unused?: number;
}

/** What an export's names depend on, of a checkpoint. */
export interface NamesSource {
  readonly trainerState: TrainerState;
  /** The recipe of the run, as YAML. */
  readonly recipe: string;
  readonly initNames?: InitNames;
}

/** PyTorch's name of a batch norm's count of the batches that have updated its running statistics. */
const BATCHES = "num_batches_tracked";

/** The name of a batch norm's count of batches, which is beside its variance. */
export function batchesName(runningVar: string): string | undefined {
  return runningVar.endsWith(".running_var")
    ? runningVar.replace(/running_var$/, BATCHES)
    : undefined;
}

/** The layer of a tensor. */
export function layerOf(tensor: string): string {
  return tensor.slice(0, tensor.lastIndexOf("."));
}

/**
 * The names that an export's tensors have by themselves, by those in qtrain, layer by layer: PyTorch's,
 * with the number of batches of each batch norm; of networks that PyTorch has no names for, our own.
 *
 * @param tensors names of the network's tensors
 * @param network its name in the zoo; absent for a list of layers
 */
export function usualNames(tensors: readonly string[], network?: ZooName): Map<string, string> {
  const layers = new Map<string, string[]>();
  for (const name of tensors) {
    const layer = layerOf(name);
    layers.set(layer, [...layers.get(layer) ?? [], name]);
  }
  return new Map([...layers].flatMap(([layer, own]) => {
    const theirs = network && pytorchNames(network, layer)[0];
    if (theirs === undefined) return own.map((name) => [name, name] as const);
    return [...own, ...own.flatMap((name) => batchesName(name) ?? [])]
      .map((name) => [name, theirs + name.slice(layer.length)] as const);
  }));
}

/** What an export of a run will take over from the file that the run begins with. */
export function initNames(file: WeightsFile, fit: Fit, network?: ZooName): InitNames {
  const { names, batches, unused } = isCheckpoint(file) ? inherited(file, fit) : found(file, fit);
  const usual = usualNames(tensorsOf(fit), network);
  const isUsual = JSON.stringify([...names ?? usual]) === JSON.stringify([...usual]);
  return {
    ...(names && !isUsual ? { names } : {}),
    ...(batches && batches.size > 0 ? { batches } : {}),
    ...(unused ? { unused } : {}),
  };
}

/** Names of the network's tensors in qtrain, parameters first. */
function tensorsOf({ nameOf }: Fit): string[] {
  return [...nameOf.keys()].map(({ name }) => name);
}

/** What stands in a file with names of PyTorch, or in an export. */
function found(file: WeightsFile, fit: Fit): InitNames {
  const ours = new Map<string, string>(), batches = new Map<string, number>();
  for (const [{ name, layer }, theirs] of fit.nameOf) {
    ours.set(theirs, name);
    const count = batchesName(theirs);
    if (count === undefined || !Object.hasOwn(file.tensors, count)) continue;
    ours.set(count, batchesName(name)!);
    const value = readCount(file.tensors[count]!);
    if (value > 0) batches.set(layer, value);
  }
  const there = Object.keys(file.tensors).filter((name) => ours.has(name));
  // A new last layer may be missing in the file.
  const names = new Set([...there, ...ours.keys()]);
  const { strange, outside } = unusedNames(file, fit);
  return {
    names: new Map([...names].map((theirs) => [ours.get(theirs)!, theirs])),
    batches,
    unused: strange.length + outside.length,
  };
}

/** What the run of a checkpoint has taken over, with the batches that its norms have seen since. */
function inherited({ metadata, path }: WeightsFile, fit: Fit): InitNames {
  const { position = "", recipe = "", init } = metadata;
  const source = {
    trainerState: decodeTrainerState(position, path),
    recipe,
    ...(init === undefined ? {} : { initNames: decodeInitNames(init, path) }),
  };
  const tensors = tensorsOf(fit), { names } = source.initNames ?? {};
  const batches = batchesSeen(source, tensors.filter((name) => batchesName(name)).map(layerOf));
  if (!names) return { batches };
  const known = new Set([...tensors, ...tensors.flatMap((name) => batchesName(name) ?? [])]);
  const kept = [...names].filter(([name]) => known.has(name));
  // A last layer of another name was not in the file.
  const added = tensors.filter((name) => !names.has(name)).map((name) => [name, name] as const);
  return { names: new Map([...kept, ...added]), batches };
}

/** The value of a count, 0 where it has none that PyTorch writes. */
function readCount({ dtype, data }: Tensor): number {
  if (dtype !== "I64" || data.byteLength !== 8) return 0;
  const value = Number(new DataView(data.buffer, data.byteOffset).getBigInt64(0, true));
  return isCount(value) ? value : 0;
}

/**
 * Number of batches by which each batch norm's running statistics were updated: those before the run,
 * and its own steps but for those that were skipped. Frozen norms keep their statistics.
 *
 * @param norms names of the network's batch norms
 */
export function batchesSeen(
  { trainerState: { step, skipped = [] }, recipe, initNames }: NamesSource,
  norms: readonly string[],
): Map<string, number> {
  const { freeze } = partsOf(recipe), { batches } = initNames ?? {};
  const updates = step - skipped.filter((each) => each.step <= step).length;
  return new Map(norms.map((norm) => {
    const frozen = freeze.some((pattern) => matches(pattern, norm));
    return [norm, (batches?.get(norm) ?? 0) + (frozen ? 0 : updates)];
  }));
}

/** The network of the zoo that a recipe names. */
export function zooNetwork(recipe: string): ZooName | undefined {
  return partsOf(recipe).network;
}

/** What names depend on, of a recipe; it may also name estimators that are unknown here. */
function partsOf(recipe: string): { network: ZooName | undefined; freeze: readonly string[] } {
  const yaml = parseYaml(recipe), top = "value" in yaml && isMap(yaml.value) ? yaml.value : {};
  const name = isMap(top.model) ? top.model.name : undefined;
  return {
    network: typeof name === "string" && Object.hasOwn(zoo, name) ? name as ZooName : undefined,
    freeze: Array.isArray(top.freeze) ? top.freeze.map(String) : [],
  };
}

/** Encodes as JSON, for the metadata of a checkpoint. */
export function encodeInitNames({ names, batches, unused }: InitNames): string {
  return JSON.stringify({
    ...(names ? { names: Object.fromEntries(names) } : {}),
    ...(batches ? { batches: Object.fromEntries(batches) } : {}),
    ...(unused ? { unused } : {}),
  });
}

/**
 * Decodes the JSON of {@linkcode encodeInitNames}.
 *
 * @param file the path, for messages
 * @throws DataError when the text is something else
 */
export function decodeInitNames(text: string, file: string): InitNames {
  try {
    const value = JSON.parse(text), { names, batches, unused = 0 } = value;
    const fits = isMap(value) && isCount(unused) &&
      (names === undefined || isMapOf(names, (name) => typeof name === "string")) &&
      (batches === undefined || isMapOf(batches, isCount));
    if (fits) {
      return {
        ...(names ? { names: new Map(Object.entries<string>(names)) } : {}),
        ...(batches ? { batches: new Map(Object.entries<number>(batches)) } : {}),
        ...(unused > 0 ? { unused } : {}),
      };
    }
  } catch {
    // Reported below.
  }
  const found = text.length > 60 ? `${text.slice(0, 57)}…` : text;
  throw new DataError(`${file}: expected the names of init in the metadata, got ${found}`);
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isMapOf(value: unknown, is: (item: unknown) => boolean): boolean {
  return isMap(value) && Object.values(value).every(is);
}
