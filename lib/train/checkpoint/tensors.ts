/**
 * A network's state as the tensors of a file, under the names of lib/program/tensor_names.ts.
 *
 * @module
 */
import type { Tensor, TensorInput } from "../../core/safetensors.ts";
import type { NamedTensor } from "../../program/parameter_layout.ts";
import { OPTIMIZER_STATE, PREFIX } from "../../program/tensor_names.ts";
import type { NetworkState } from "../network/types.ts";

/** Prefixes of tensors that only training needs. */
const TRAINING: readonly string[] = [...Object.values(OPTIMIZER_STATE), PREFIX.ema, PREFIX.memory];

/** The tensors of a checkpoint. */
export function checkpointTensors(state: NetworkState): Record<string, TensorInput> {
  const tensors: Record<string, TensorInput> = {};
  addTensors(tensors, "", state.parameters);
  addTensors(tensors, "", state.running);
  for (const [prefix, list] of state.optimizer) addTensors(tensors, `${prefix}.`, list);
  addTensors(tensors, `${PREFIX.ema}.`, state.averages);
  for (const [name, { low, high }] of state.ranges) {
    const data = new Float32Array([low, high]);
    tensors[`${PREFIX.range}.${name}`] = { dtype: "F32", shape: [2], data };
  }
  for (const [name, data] of state.memories) {
    tensors[`${PREFIX.memory}.${name}`] = { dtype: "F32", shape: [data.length], data };
  }
  return tensors;
}

/**
 * The tensors of a checkpoint that evaluation uses: parameters (their moving averages where there are
 * any), running statistics and ranges.
 */
export function evaluationTensors(
  tensors: Readonly<Record<string, Tensor>>,
): Record<string, TensorInput> {
  return Object.fromEntries(
    Object.entries(tensors).filter(([name]) => !isTrainingState(name))
      .map(([name, tensor]) => [name, tensors[emaName(name)] ?? tensor]),
  );
}

/** The name of a parameter's moving average. */
export function emaName(parameter: string): string {
  return `${PREFIX.ema}.${parameter}`;
}

/** Whether only training needs a tensor. */
export function isTrainingState(name: string): boolean {
  return TRAINING.includes(name.split(".")[0]!);
}

/** Whether a tensor is the range of a quantizer. */
export function isRange(name: string): boolean {
  return name.startsWith(`${PREFIX.range}.`);
}

/** Names of the tensors with a prefix, without it. */
export function namesWithPrefix(
  tensors: Readonly<Record<string, unknown>>,
  prefix: string,
): string[] {
  return Object.keys(tensors).filter((name) => name.startsWith(`${prefix}.`))
    .map((name) => name.slice(prefix.length + 1));
}

function addTensors(
  tensors: Record<string, TensorInput>,
  prefix: string,
  list: readonly NamedTensor[],
): void {
  for (const { name, shape, data } of list) tensors[prefix + name] = { dtype: "F32", shape, data };
}
