/**
 * The wire format of protocol buffers, of which ONNX files and TensorBoard's event files are made.
 *
 * @module
 */
export { BinaryReader, BinaryWriter, WireType } from "npm:@bufbuild/protobuf@2.17.0/wire";
