/**
 * Names of the tensors in a file of qtrain. Parameters and running statistics have PyTorch's names
 * (`conv1.weight`, `bn1.running_mean`); every other tensor is called `PREFIX.NAME`.
 *
 * @module
 */
import { optimizers } from "./optimizers/mod.ts";

/**
 * State that any optimizer keeps of each parameter: the end of its buffer's name, `PARAMETER.END`, and
 * the prefix of its tensors.
 */
export const OPTIMIZER_STATE: Readonly<Record<string, string>> = Object.assign(
  {},
  ...Object.values(optimizers).map(({ state }) => state),
);

/** Prefixes of the tensors that are neither parameters nor optimizer state. */
export const PREFIX = {
  /** Moving average of a parameter. */
  ema: "ema",
  /** Range of a quantizer, [low, high]. */
  range: "range",
  /** What an estimator keeps beside the range of its quantizer. */
  memory: "memory",
} as const;

/** Names that no layer may have: the prefixes, and that of the images. */
export const RESERVED_NAMES: readonly string[] = [
  ...Object.values(OPTIMIZER_STATE),
  ...Object.values(PREFIX),
  "input",
];
