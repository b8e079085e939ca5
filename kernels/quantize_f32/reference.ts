/**
 * Reference of kernels/quantize_f32/shader.wgsl.
 *
 * @module
 */
import type { Buffers } from "../include/host_buffer.ts";
import { type StoreConstants, Writer } from "../include/quantize.ts";

/** Constants of the kernel; shader.wgsl and the glossary of docs/architecture.md describe them. */
interface QuantizeF32 extends StoreConstants {
  readonly QUADS: number;
  readonly CQ: number;
  readonly CHANNELS: number;
  readonly ROW: number;
}

/** Real values → quads. */
export function quantizeF32(c: QuantizeF32, b: Buffers<"real_values" | "q">): void {
  const writer = new Writer(c, b, b.q, c.ROW), channels = 4 * c.CQ;
  for (let at = 0; at < 4 * c.QUADS; at++) {
    const channel = at % channels;
    if (channel >= c.CHANNELS) writer.pad(at);
    else {
      writer.store(at, b.real_values.f32[at]!, Math.floor(at / channels) * c.CHANNELS + channel);
    }
  }
  writer.record();
}
