/**
 * Reference of kernels/norm_forward/shader.wgsl.
 *
 * @module
 */
import type { Buffers } from "../include/host_buffer.ts";
import { activate, normalized } from "../include/norm.ts";
import { reader, row, type StoreConstants, Writer } from "../include/quantize.ts";

/** Constants of the kernel; shader.wgsl and the glossary of docs/architecture.md describe them. */
interface NormForward extends StoreConstants {
  readonly PIXELS: number;
  readonly CHANNELS: number;
  readonly ACT: number;
  readonly Y_ROW: number;
  readonly A_ROW: number;
}

/** A = act(norm(Y)), quantized. */
export function normForward(c: NormForward, b: Buffers<"y" | "coefficients" | "output">): void {
  const channels = 4 * Math.ceil(c.CHANNELS / 4);
  const y = reader(c.INT8, b.y, row(b.quantizers, c.Y_ROW));
  const writer = new Writer(c, b, b.output, c.A_ROW);
  for (let at = 0; at < c.PIXELS * channels; at++) {
    const channel = at % channels;
    if (channel >= c.CHANNELS) writer.pad(at);
    else writer.store(at, activate(c.ACT, normalized(b.coefficients, y(at), channel)));
  }
  writer.record();
}
