/**
 * Reference of kernels/activation_forward/shader.wgsl.
 *
 * @module
 */
import type { Buffers } from "../include/host_buffer.ts";
import { activate } from "../include/norm.ts";
import { reader, row, type StoreConstants, Writer } from "../include/quantize.ts";

/** Constants of the kernel; shader.wgsl and the glossary of docs/architecture.md describe them. */
interface ActivationForward extends StoreConstants {
  readonly QUADS: number;
  readonly CQ: number;
  readonly CHANNELS: number;
  readonly ACT: number;
  readonly X_ROW: number;
  readonly Y_ROW: number;
}

/** Y = act(X), quantized. */
export function activationForward(c: ActivationForward, b: Buffers<"x" | "y">): void {
  const x = reader(c.INT8, b.x, row(b.quantizers, c.X_ROW));
  const writer = new Writer(c, b, b.y, c.Y_ROW);
  for (let at = 0; at < 4 * c.QUADS; at++) {
    if (at % (4 * c.CQ) >= c.CHANNELS) writer.pad(at);
    else writer.store(at, activate(c.ACT, x(at)));
  }
  writer.record();
}
