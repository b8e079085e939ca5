/**
 * Names of values in an ONNX file: those of layers are shown, steps within a layer have a `/`.
 *
 * @module
 */
import { IMAGE, PROBABILITIES } from "../model_file.ts";

/** Opens the name of a layer that is called as the file's input or output. */
const LAYER = "layer:";

/** The name of a tensor's values in a file. */
export function valueName(tensor: string): string {
  return tensor === IMAGE || tensor === PROBABILITIES ? LAYER + tensor : tensor;
}

/** The tensor whose values have the name; `undefined` for a step within a layer. */
export function tensorName(value: string): string | undefined {
  if (value.includes("/")) return undefined;
  return value.startsWith(LAYER) ? value.slice(LAYER.length) : value;
}
