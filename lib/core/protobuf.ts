/**
 * The wire format of protocol buffers, of which ONNX files and TensorBoard's event files are made.
 *
 * @module
 */
// deno-lint-ignore no-import-prefix -- a module imported by URL has no import map
export { BinaryReader, BinaryWriter, WireType } from "npm:@bufbuild/protobuf@2.17.0/wire";
