/**
 * Names of the tensors in a checkpoint. Parameters and running statistics have PyTorch's names
 * (`conv1.weight`, `bn1.running_mean`); every other tensor is called `PREFIX.NAME`.
 *
 * @module
 */
import { optimizers } from "./optimizers/mod.ts";

/**
 * Optimizer state of a parameter: from the end of its buffer's name, `PARAMETER.END`, to the prefix of its
 * tensors.
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
  /** State of a quantizer's estimator, besides the range. */
  memory: "memory",
} as const;

/** Names that no layer may have: the prefixes, and the name of the images. */
export const RESERVED_NAMES: readonly string[] = [
  ...Object.values(OPTIMIZER_STATE),
  ...Object.values(PREFIX),
  "input",
];
