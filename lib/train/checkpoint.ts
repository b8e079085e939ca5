/**
 * A checkpoint: one safetensors file with PyTorch's names and shapes. Weights, momentum
 * (`velocity.NAME`), AdamW's second moment (`second_moment.NAME`), the weights' moving average
 * (`ema.NAME`), running statistics, ranges (`range.QUANTIZER`) and what estimators keep
 * (`memory.QUANTIZER`, `seen.QUANTIZER`) are tensors; where the run stands is in the metadata. No clock
 * time: the same run gives the same bytes.
 *
 * @module
 */
import { DataError, UsageError } from "../errors.ts";
import {
  decodeSafetensors,
  encodeSafetensors,
  float32Values,
  type TensorInput,
} from "../export/safetensors.ts";
import type { Range } from "../quant/range.ts";
import { VERSION } from "../version.ts";
import { type DataFacts, decodeFacts, encodeFacts } from "./data_facts.ts";
import type { NetworkState } from "./network.ts";
import type { Skipped } from "./safeguard.ts";
import type { Find } from "./weights.ts";

/** Where a run stands. */
export interface Position {
  /** Steps done. */
  readonly step: number;
  /** Sums over the steps of the current epoch: losses and right answers. */
  readonly epochLoss: number;
  readonly epochCorrect: number;
  /** Figures of the last epoch that ended; `null` before. */
  readonly last: EpochFigures | null;
  /**
   * Steps in which a number was not finite: left out so far, or by a rollback to be left out later;
   * absent where there are none.
   */
  readonly skipped?: readonly Skipped[];
}

/** What an epoch came to. */
export interface EpochFigures {
  readonly trainLoss: number;
  readonly testLoss: number;
  readonly testAccuracy: number;
}

/** A checkpoint read back. */
export interface Checkpoint {
  readonly position: Position;
  readonly find: Find;
  /** Whether it has a tensor. */
  readonly has: (name: string) => boolean;
  readonly ranges: ReadonlyMap<string, Range>;
  readonly memories: NetworkState["memories"];
  readonly seen: NetworkState["seen"];
  /** The recipe of the run, as YAML. */
  readonly recipe: string;
  /** What the run knows of its images; absent where an earlier version wrote it. */
  readonly data?: DataFacts;
}

/** What a file of ours has as `format` in its metadata. */
export const FORMAT = "qtrain";
const FORMAT_VERSION = 1;

/**
 * The bytes of a checkpoint; without `position`, of an export: weights as evaluation has them, norms
 * and ranges.
 *
 * @param data what is known of the images, so that a run can answer without them
 */
export function encodeCheckpoint(
  state: NetworkState,
  recipe: string,
  position?: Position,
  data?: DataFacts,
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
    for (const prefix of ["memory", "seen"] as const) {
      for (const [name, data] of prefix === "memory" ? state.memories : state.seen) {
        tensors[`${prefix}.${name}`] = { dtype: "F32", shape: [data.length], data };
      }
    }
  }
  return encodeSafetensors(tensors, {
    format: FORMAT,
    format_version: String(FORMAT_VERSION),
    qtrain_version: VERSION,
    ...(position ? { position: JSON.stringify(position) } : {}),
    ...(data ? { data: encodeFacts(data) } : {}),
    recipe,
  });
}

/**
 * Reads a checkpoint.
 *
 * @throws DataError when the bytes are damaged or not a checkpoint
 */
export function decodeCheckpoint(bytes: Uint8Array<ArrayBuffer>, file: string): Checkpoint {
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
  const values = (name: string) => float32Values(tensors[name]!, name, file);
  const find: Find = (name, shape) => {
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
    position: positionOf(metadata.position, file),
    find,
    has: (name) => Object.hasOwn(tensors, name),
    ranges,
    memories: kept("memory"),
    seen: kept("seen"),
    recipe: metadata.recipe!,
    ...(metadata.data !== undefined ? { data: decodeFacts(metadata.data, file) } : {}),
  };
}

function positionOf(text: string, file: string): Position {
  try {
    const { step, epochLoss, epochCorrect, last, skipped } = JSON.parse(text);
    if ([step, epochLoss, epochCorrect].every((n) => typeof n === "number")) {
      const more = Array.isArray(skipped) ? { skipped } : {};
      return { step, epochLoss, epochCorrect, last: last ?? null, ...more };
    }
  } catch {
    // Said below.
  }
  throw new DataError(`${file}: expected the position of a run in the metadata, found "${text}"`);
}
