/**
 * A trained network as a safetensors file for other tools: a checkpoint without what only training
 * needs, under PyTorch's names or those of the file that the run began with.
 *
 * @module
 */
import { DataError } from "../../core/errors.ts";
import { decodeSafetensors, type TensorInput } from "../../core/safetensors.ts";
import { encodeChecked, FORMAT } from "./checksum.ts";
import { isCheckpoint } from "./fit.ts";
import { batchesName, batchesSeen, layerOf, usualNames, zooNetwork } from "./init_names.ts";
import type { LoadedCheckpoint } from "./load.ts";
import { evaluationTensors, isRange } from "./tensors.ts";

/** An export. */
interface SafetensorsExport {
  /** The file. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Notes for the user. */
  readonly notes: readonly string[];
}

/**
 * Returns the weights of a checkpoint (their moving averages where there are any) and running statistics
 * as a safetensors file, in F32, with PyTorch's names and shapes: `load_state_dict` takes them as they
 * are. Networks that PyTorch has no names for (`cnn`, `mlp`, lists of layers) keep the names of their
 * layers. A run that began with the weights of a file (`init`) keeps the names and the order of that
 * file, prefix and all. A batch norm's `num_batches_tracked` (I64, []) is the number of training steps
 * that have updated its statistics, after what the file of `init` had.
 *
 * The metadata has the recipe, the classes and normalization of the images (`data`), and the ranges of
 * the quantizers (`ranges`, JSON of [low, high] by name). The same checkpoint gives the same bytes.
 *
 * @throws DataError when the names that the run remembers are not those of its network
 */
export function encodeExport(checkpoint: LoadedCheckpoint): SafetensorsExport {
  const { bytes, path, recipe, ranges, initNames = {} } = checkpoint;
  const { tensors, metadata } = decodeSafetensors(bytes, path);
  const { position: _position, init: _init, ...rest } = metadata;
  const own = Object.entries(evaluationTensors(tensors)).filter(([name]) => !isRange(name));
  const values = new Map<string, TensorInput>(own);
  const norms = own.flatMap(([name]) => batchesName(name) === undefined ? [] : [layerOf(name)]);
  for (const [norm, count] of batchesSeen(checkpoint, norms)) {
    const data = new BigInt64Array([BigInt(count)]);
    values.set(batchesName(`${norm}.running_var`)!, { dtype: "I64", shape: [], data });
  }
  const parts = own.map(([name]) => name);
  const names = initNames.names ?? usualNames(parts, zooNetwork(recipe));
  expectNames(names, parts, values, path);
  const named = [...names].map(([name, theirs]) => [theirs, values.get(name)!] as const);
  const pairs = [...ranges].map(([name, { low, high }]) => [name, [low, high]]);
  const file = encodeChecked(Object.fromEntries(named), {
    ...rest,
    ranges: JSON.stringify(Object.fromEntries(pairs)),
  });
  const { unused = 0 } = initNames;
  const notes = unused === 0 ? [] : [
    `${unused} tensor${unused === 1 ? "" : "s"} of the file that the run began with (init) ` +
    `${unused === 1 ? "is" : "are"} not in the export: the network does not use ` +
    (unused === 1 ? "it" : "them"),
  ];
  return { bytes: file, notes };
}

/** Expects a name for each tensor of a network, each its own, and no others. */
function expectNames(
  names: ReadonlyMap<string, string>,
  required: readonly string[],
  known: ReadonlyMap<string, unknown>,
  file: string,
): void {
  const taken = new Set(names.values());
  const fault = required.filter((name) => !names.has(name)).map((name) => `none for ${name}`)[0] ??
    [...names.keys()].filter((name) => !known.has(name)).map((name) => `one for ${name}`)[0] ??
    (taken.size < names.size || taken.has("__metadata__") ? "one that is not free" : undefined);
  if (fault === undefined) return;
  throw new DataError(
    `${file}: expected in the metadata (init) a name for each tensor of the network, got ${fault}: ` +
      "another program changed the file; export another checkpoint, or train again",
  );
}

/** Whether a file is what {@linkcode encodeExport} makes, and not a checkpoint. */
export function isExport(bytes: Uint8Array<ArrayBuffer>, path: string): boolean {
  try {
    const { metadata } = decodeSafetensors(bytes, path);
    return metadata.format === FORMAT && !isCheckpoint({ metadata });
  } catch {
    return false;
  }
}
