/**
 * A checkpoint: one safetensors file with PyTorch's names and shapes. Weights, momentum
 * (`velocity.NAME`), AdamW's second moment (`second_moment.NAME`), the weights' moving average
 * (`ema.NAME`), running statistics, ranges (`range.QUANTIZER`) and what estimators keep
 * (`memory.QUANTIZER`) are tensors; where the run stands is in the metadata, behind a checksum of the whole file. No clock time: the same run gives the same bytes.
 *
 * @module
 */
import { DataError, UsageError } from "../../core/errors.ts";
import { decodeSafetensors, float32Values, type TensorInput } from "../../core/safetensors.ts";
import type { Range } from "../../quant/range.ts";
import { VERSION } from "../../core/version.ts";
import { encodeChecked, hasChecksum } from "./checksum.ts";
import { decodeInputSpec, encodeInputSpec, type InputSpec } from "./input_spec.ts";
import { decodeTrainerState, type TrainerState } from "./trainer_state.ts";
import type { NetworkState, TensorLookup } from "../network/types.ts";

/** A checkpoint read back. */
export interface Checkpoint {
  readonly position: TrainerState;
  readonly find: TensorLookup;
  /** Whether it has a tensor. */
  readonly has: (name: string) => boolean;
  readonly ranges: ReadonlyMap<string, Range>;
  readonly memories: NetworkState["memories"];
  /** The recipe of the run, as YAML. */
  readonly recipe: string;
  /** What the run knows of its images; absent where an earlier version wrote it. */
  readonly data?: InputSpec;
}

/** What a file of ours has as `format` in its metadata. */
export const FORMAT = "qtrain";
/** 2: with a checksum, and with the evaluations that were best in the position. */
const FORMAT_VERSION = 2;

/**
 * The bytes of a checkpoint; without `position`, of an export: weights as evaluation has them, norms
 * and ranges.
 *
 * @param data what is known of the images, so that a run can answer without them
 */
export function encodeCheckpoint(
  state: NetworkState,
  recipe: string,
  position?: TrainerState,
  data?: InputSpec,
): Uint8Array<ArrayBuffer> {
  const tensors: Record<string, TensorInput> = {};
  const add = (prefix: string, list: NetworkState["parameters"]) => {
    for (const { name, shape, data } of list) {
      tensors[prefix + name] = { dtype: "F32", shape, data };
    }
  };
  add("", state.parameters);
  if (!position) add("", state.averages); // In their place; frozen layers have none.
  add("", state.running);
  if (position) {
    add("velocity.", state.velocities);
    add("second_moment.", state.seconds);
    add("ema.", state.averages);
  }
  for (const [name, { low, high }] of state.ranges) {
    tensors[`range.${name}`] = { dtype: "F32", shape: [2], data: new Float32Array([low, high]) };
  }
  if (position) {
    for (const [name, data] of state.memories) {
      tensors[`memory.${name}`] = { dtype: "F32", shape: [data.length], data };
    }
  }
  return encodeChecked(tensors, {
    format: FORMAT,
    format_version: String(FORMAT_VERSION),
    qtrain_version: VERSION,
    ...(position ? { position: JSON.stringify(position) } : {}),
    ...(data ? { data: encodeInputSpec(data) } : {}),
    recipe,
  });
}

/**
 * Reads a checkpoint.
 *
 * @throws DataError when the bytes are damaged or not a checkpoint
 */
export function decodeCheckpoint(bytes: Uint8Array<ArrayBuffer>, file: string): Checkpoint {
  // Before anything is believed: a damaged version would otherwise be taken for a newer one.
  const checked = hasChecksum(bytes, file);
  const { tensors, metadata } = decodeSafetensors(bytes, file);
  if (metadata.format !== FORMAT || metadata.position === undefined) {
    throw new DataError(`${file}: expected a checkpoint of qtrain, found another safetensors file`);
  }
  if (Number(metadata.format_version) > FORMAT_VERSION) {
    // Not damaged, so no reason to fall back to an older one.
    throw new UsageError(
      `${file}: expected a checkpoint of version ${FORMAT_VERSION} or before, found version ` +
        `${metadata.format_version} (qtrain ${metadata.qtrain_version}); use that qtrain or a newer one`,
    );
  }
  if (!checked && Number(metadata.format_version) !== 1) {
    throw new DataError(
      `${file}: expected a checksum at the beginning of its metadata, found none: ` +
        "the file is damaged, or another program wrote it",
    );
  }
  if (metadata.recipe === undefined) {
    throw new DataError(`${file}: expected the run's recipe in the metadata, found none`);
  }
  const values = (name: string) => float32Values(tensors[name]!, name, file);
  const find: TensorLookup = (name, shape) => {
    const found = tensors[name];
    if (!found || found.shape.join() !== shape.join()) {
      throw new DataError(
        `${file}: expected tensor ${name} of shape [${shape.join(", ")}], found ` +
          (found ? `[${found.shape.join(", ")}]` : "none") + "; it belongs to another network",
      );
    }
    return values(name);
  };
  const ranges = new Map<string, Range>();
  for (const name of Object.keys(tensors).filter((n) => n.startsWith("range."))) {
    const [low, high] = find(name, [2]);
    ranges.set(name.slice("range.".length), { low: low!, high: high! });
  }
  const kept = (prefix: string) =>
    new Map(
      Object.keys(tensors).filter((name) => name.startsWith(`${prefix}.`)).map((name) => [
        name.slice(prefix.length + 1),
        values(name),
      ]),
    );
  return {
    position: decodeTrainerState(metadata.position, file),
    find,
    has: (name) => Object.hasOwn(tensors, name),
    ranges,
    memories: kept("memory"),
    recipe: metadata.recipe,
    ...(metadata.data !== undefined ? { data: decodeInputSpec(metadata.data, file) } : {}),
  };
}
