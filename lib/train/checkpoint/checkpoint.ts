/**
 * A checkpoint: one safetensors file with PyTorch's names and shapes. Weights, momentum
 * (`velocity.NAME`), AdamW's second moment (`second_moment.NAME`), the weights' moving average
 * (`ema.NAME`), running statistics, ranges (`range.QUANTIZER`) and what estimators keep
 * (`memory.QUANTIZER`) are tensors; where the run stands is in the metadata, behind a checksum of the whole file. No clock time: the same run gives the same bytes.
 *
 * @module
 */
import { DataError, UsageError } from "../../core/errors.ts";
import { decodeSafetensors, float32Values } from "../../core/safetensors.ts";
import type { Range } from "../../quant/range.ts";
import { VERSION } from "../../core/version.ts";
import { encodeChecked, hasChecksum } from "./checksum.ts";
import { decodeInputSpec, encodeInputSpec, type InputSpec } from "./input_spec.ts";
import { checkpointTensors, namesWithPrefix } from "./tensors.ts";
import { PREFIX } from "../../program/tensor_names.ts";
import { decodeTrainerState, type TrainerState } from "./trainer_state.ts";
import type { NetworkState, TensorLookup } from "../network/types.ts";

/** A checkpoint read back. */
export interface Checkpoint {
  readonly trainerState: TrainerState;
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
 * The bytes of a checkpoint.
 *
 * @param recipe the recipe of the run, as YAML
 * @param data shape, classes and normalization of the images, so that the run can predict without them
 */
export function encodeCheckpoint(
  network: NetworkState,
  recipe: string,
  trainerState: TrainerState,
  data?: InputSpec,
): Uint8Array<ArrayBuffer> {
  return encodeChecked(checkpointTensors(network), {
    format: FORMAT,
    format_version: String(FORMAT_VERSION),
    qtrain_version: VERSION,
    position: JSON.stringify(trainerState),
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
  const ranges = new Map(
    namesWithPrefix(tensors, PREFIX.range).map((name): [string, Range] => {
      const [low, high] = find(`${PREFIX.range}.${name}`, [2]);
      return [name, { low: low!, high: high! }];
    }),
  );
  const memories = new Map(
    namesWithPrefix(tensors, PREFIX.memory)
      .map((name) => [name, values(`${PREFIX.memory}.${name}`)]),
  );
  return {
    trainerState: decodeTrainerState(metadata.position, file),
    find,
    has: (name) => Object.hasOwn(tensors, name),
    ranges,
    memories,
    recipe: metadata.recipe,
    ...(metadata.data !== undefined ? { data: decodeInputSpec(metadata.data, file) } : {}),
  };
}
