/**
 * Reference of kernels/dropout_backward/shader.wgsl.
 *
 * @module
 */
import { type DropoutConstants, dropoutMask } from "../include/dropout.ts";
import { type GradientConstants, gradientEpilogue } from "../include/gradient.ts";
import type { Buffers, HostBuffer } from "../include/host_buffer.ts";
import { row, Writer } from "../include/quantize.ts";

/** Constants of the kernel; shader.wgsl and the glossary of docs/architecture.md describe them. */
interface DropoutBackward extends GradientConstants, DropoutConstants {
  readonly QUADS: number;
  readonly CQ: number;
  readonly FACTOR: number;
  readonly DY_ROW: number;
  readonly DX_ROW: number;
}

/** dX = dY·mask / (1 − rate), quantized. */
export function dropoutBackward(
  c: DropoutBackward,
  b: Buffers<"dy" | "dx"> & { readonly addend?: HostBuffer; readonly mask?: HostBuffer },
): void {
  const { zero, scale } = row(b.quantizers, c.DY_ROW), { fround } = Math, factor = fround(c.FACTOR);
  const scaled = c.INT8
    ? (at: number) => fround(fround((b.dy.i8[at]! - zero) * factor) * scale)
    : (at: number) => fround(b.dy.f32[at]! * factor);
  const writer = new Writer(c, b, b.dx, c.DX_ROW);
  const keeps = dropoutMask(c, b.step), finish = gradientEpilogue(c, b);
  for (let at = 0; at < 4 * c.QUADS; at++) {
    const pixel = Math.floor(at / (4 * c.CQ)), channel = at % (4 * c.CQ);
    if (channel >= c.CHANNELS) {
      writer.pad(at);
      continue;
    }
    const v = keeps(pixel, channel) ? scaled(at) : 0;
    writer.store(at, finish(v, at), pixel * c.CHANNELS + channel);
  }
  writer.record();
}
