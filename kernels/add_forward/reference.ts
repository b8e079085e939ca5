/**
 * Reference of kernels/add_forward/shader.wgsl.
 *
 * @module
 */
import type { Buffers } from "../include/host_buffer.ts";
import { activate } from "../include/norm.ts";
import { reader, row, type StoreConstants, Writer } from "../include/quantize.ts";

/** Constants of the kernel; shader.wgsl and the glossary of docs/architecture.md describe them. */
interface AddForward extends StoreConstants {
  readonly PIXELS: number;
  readonly CHANNELS: number;
  readonly ACT: number;
  readonly A_ROW: number;
  readonly B_ROW: number;
  readonly Y_ROW: number;
}

/** Y = act(A + B), quantized. */
export function addForward(c: AddForward, b: Buffers<"a" | "b" | "output">): void {
  const channels = 4 * Math.ceil(c.CHANNELS / 4);
  const left = reader(c.INT8, b.a, row(b.quantizers, c.A_ROW));
  const right = reader(c.INT8, b.b, row(b.quantizers, c.B_ROW));
  const writer = new Writer(c, b, b.output, c.Y_ROW);
  for (let at = 0; at < c.PIXELS * channels; at++) {
    if (at % channels >= c.CHANNELS) writer.pad(at);
    else writer.store(at, activate(c.ACT, Math.fround(left(at) + right(at))));
  }
  writer.record();
}
