/**
 * Reference of kernels/add_gradients/shader.wgsl.
 *
 * @module
 */
import { type GradientConstants, gradientEpilogue } from "../include/gradient.ts";
import type { Buffers, HostBuffer } from "../include/host_buffer.ts";
import { reader, row, Writer } from "../include/quantize.ts";

/** Constants of the kernel; shader.wgsl and the glossary of docs/architecture.md describe them. */
interface AddGradients extends GradientConstants {
  readonly QUADS: number;
  readonly CQ: number;
  readonly CHANNELS: number;
  readonly DY_ROW: number;
  readonly DX_ROW: number;
}

/** dX = dY (+ addend), masked, quantized. */
export function addGradients(
  c: AddGradients,
  b: Buffers<"dy" | "dx"> & { readonly addend?: HostBuffer; readonly mask?: HostBuffer },
): void {
  const channels = 4 * c.CQ;
  const dy = reader(c.INT8, b.dy, row(b.quantizers, c.DY_ROW));
  const writer = new Writer(c, b, b.dx, c.DX_ROW);
  const finish = gradientEpilogue(c, b);
  for (let at = 0; at < 4 * c.QUADS; at++) {
    const channel = at % channels, pixel = Math.floor(at / channels);
    if (channel >= c.CHANNELS) writer.pad(at);
    else writer.store(at, finish(dy(at), at), pixel * c.CHANNELS + channel);
  }
  writer.record();
}
