/**
 * A checkpoint: a safetensors file with PyTorch's names and shapes. Its tensors are the network's state
 * (lib/program/tensor_names.ts); its metadata are a checksum of the whole file, the state of the
 * trainer and the recipe. It contains no time of day, so the same run gives the same bytes.
 *
 * @module
 */
import { DataError, UsageError } from "../../core/errors.ts";
import { decodeSafetensors, float32Values } from "../../core/safetensors.ts";
import type { Range } from "../../quant/range.ts";
import { VERSION } from "../../core/version.ts";
import { encodeChecked, FORMAT, hasChecksum } from "./checksum.ts";
import { decodeInputSpec, encodeInputSpec, type InputSpec } from "../../program/input_spec.ts";
import { decodeInitNames, encodeInitNames, type InitNames } from "./init_names.ts";
import { checkpointTensors, namesWithPrefix } from "./tensors.ts";
import { PREFIX } from "../../program/tensor_names.ts";
import { decodeTrainerState, type TrainerState } from "./trainer_state.ts";
import type { LoadedState, NetworkState, TensorLookup } from "../network/types.ts";

/** A decoded checkpoint. */
export interface Checkpoint extends Required<LoadedState> {
  readonly trainerState: TrainerState;
  /** The recipe of the run, as YAML. */
  readonly recipe: string;
  /** Shape, classes and normalization of the images; absent in files of earlier versions. */
  readonly data?: InputSpec;
  /** What an export takes over from the file that the run began with; absent without `init`. */
  readonly initNames?: InitNames;
}

/** Version 2 added the checksum, and the best evaluations in the trainer state. */
const FORMAT_VERSION = 2;

/**
 * Encodes a checkpoint.
 *
 * @param recipe the recipe of the run, as YAML
 * @param data shape, classes and normalization of the images, so that the run can predict without them
 * @param initNames what an export takes over from the file that the run began with
 */
export function encodeCheckpoint(
  network: NetworkState,
  recipe: string,
  trainerState: TrainerState,
  data?: InputSpec,
  initNames: InitNames = {},
): Uint8Array<ArrayBuffer> {
  return encodeChecked(checkpointTensors(network), {
    format: FORMAT,
    format_version: String(FORMAT_VERSION),
    qtrain_version: VERSION,
    position: JSON.stringify(trainerState),
    ...(data ? { data: encodeInputSpec(data) } : {}),
    ...(Object.keys(initNames).length > 0 ? { init: encodeInitNames(initNames) } : {}),
    recipe,
  });
}

/**
 * Decodes a checkpoint.
 *
 * @param file the path, for messages
 * @throws DataError when the file is damaged or no checkpoint; UsageError when it is of a later version
 */
export function decodeCheckpoint(bytes: Uint8Array<ArrayBuffer>, file: string): Checkpoint {
  // First of all: a damaged version number would otherwise be taken for a later version.
  const checked = hasChecksum(bytes, file);
  const { tensors, metadata } = decodeSafetensors(bytes, file);
  const { position, recipe, data, init } = checkMetadata(metadata, checked, file);
  const values = (name: string) => float32Values(tensors[name]!, name, file);
  const find: TensorLookup = (name, shape) => {
    const found = tensors[name];
    if (!found || found.shape.join() !== shape.join()) {
      throw new DataError(
        `${file}: expected tensor ${name} of shape [${shape.join(", ")}], got ` +
          (found ? `[${found.shape.join(", ")}]` : "none") + ": the file is of another network",
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
    trainerState: decodeTrainerState(position, file),
    find,
    has: (name) => Object.hasOwn(tensors, name),
    ranges,
    memories,
    recipe,
    ...(data !== undefined ? { data: decodeInputSpec(data, file) } : {}),
    ...(init !== undefined ? { initNames: decodeInitNames(init, file) } : {}),
  };
}

function checkMetadata(
  metadata: Readonly<Record<string, string>>,
  checked: boolean,
  file: string,
):
  & { readonly position: string; readonly recipe: string }
  & Partial<
    Record<"data" | "init", string | undefined>
  > {
  const { format, position, recipe, data, init, qtrain_version } = metadata;
  if (format !== FORMAT || position === undefined) {
    throw new DataError(`${file}: expected a checkpoint of qtrain, got another safetensors file`);
  }
  const version = Number(metadata.format_version);
  if (version > FORMAT_VERSION) {
    // Not damaged, so no reason to fall back to an earlier checkpoint.
    throw new UsageError(
      `${file}: expected a checkpoint of version ${FORMAT_VERSION} or earlier, got version ` +
        `${metadata.format_version}; use qtrain ${qtrain_version} or later`,
    );
  }
  if (!checked && version !== 1) {
    throw new DataError(
      `${file}: no checksum in the metadata: the file is damaged, or another program wrote it`,
    );
  }
  if (recipe === undefined) {
    throw new DataError(`${file}: expected the run's recipe in the metadata, got none`);
  }
  return { position, recipe, data, init };
}
