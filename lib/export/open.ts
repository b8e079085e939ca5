/**
 * Opens a file with a network, of whatever format it is.
 *
 * @module
 */
import { DataError } from "../core/errors.ts";
import type { Interpreter } from "./model_file.ts";
import { openOnnx } from "./onnx/interpret.ts";
import { openTflite } from "./tflite/interpret.ts";
import { IDENTIFIER } from "./tflite/schema.ts";

/** Maximum bytes of a file: protobuf and flatbuffers hold no more. */
export const MAX_BYTES = 2 ** 31;

/**
 * Reads a network in ONNX or TFLite.
 *
 * @param file the path, for messages
 * @throws DataError for a damaged file, or a network with an operator that is unknown here
 */
export function openModelFile(bytes: Uint8Array<ArrayBuffer>, file: string): Interpreter {
  const head = new TextDecoder("latin1").decode(bytes.subarray(4, 8));
  if (head === IDENTIFIER) return openTflite(bytes, file);
  if (/\.tflite$/i.test(file)) {
    throw new DataError(
      `${file}: expected "${IDENTIFIER}" at byte 4, as TFLite files have it, got another file; give one ` +
        "that ends in .onnx or .tflite",
    );
  }
  return openOnnx(bytes, file);
}
