/**
 * Reference of kernels/norm_backward/shader.wgsl.
 *
 * @module
 */
import { type GradientConstants, gradientEpilogue } from "../include/gradient.ts";
import type { Buffers, HostBuffer } from "../include/host_buffer.ts";
import { activationPasses, normalized } from "../include/norm.ts";
import { reader, row, Writer } from "../include/quantize.ts";
import { coefficientIndex } from "../norm_coefficients/reference.ts";

/** Constants of the kernel; shader.wgsl and the glossary of docs/architecture.md describe them. */
interface NormBackward extends GradientConstants {
  readonly PIXELS: number;
  readonly CHANNELS: number;
  readonly ACT: number;
  readonly FROZEN: number;
  readonly DA_ROW: number;
  readonly Y_ROW: number;
  readonly DY_ROW: number;
}

/** dY = a·g + (c1·(y − mean) + c2), frozen a·g, quantized. */
export function normBackward(
  c: NormBackward,
  b: Buffers<"da" | "y" | "coefficients" | "output"> & {
    readonly addend?: HostBuffer;
    readonly mask?: HostBuffer;
  },
): void {
  const fround = Math.fround, k = b.coefficients.f32, channels = 4 * Math.ceil(c.CHANNELS / 4);
  const da = reader(c.INT8, b.da, row(b.quantizers, c.DA_ROW));
  const y = reader(c.INT8, b.y, row(b.quantizers, c.Y_ROW));
  const writer = new Writer(c, b, b.output, c.DY_ROW);
  const finish = gradientEpilogue(c, b);
  for (let at = 0; at < c.PIXELS * channels; at++) {
    const channel = at % channels, pixel = Math.floor(at / channels);
    if (channel >= c.CHANNELS) {
      writer.pad(at);
      continue;
    }
    const i = coefficientIndex(channel, 0);
    const g = activationPasses(c.ACT, normalized(b.coefficients, y(at), channel)) ? da(at) : 0;
    const d = fround(y(at) - k[i + 4]!);
    const scaled = fround(k[i]! * g);
    const v = c.FROZEN ? scaled : fround(scaled + fround(fround(k[i + 12]! * d) + k[i + 16]!));
    writer.store(at, finish(v, at), pixel * c.CHANNELS + channel);
  }
  writer.record();
}
