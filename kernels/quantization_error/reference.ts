/**
 * Reference of kernels/quantization_error/shader.wgsl.
 *
 * @module
 */
import { roundHalfEven } from "../../lib/quant/range.ts";
import type { Buffers } from "../include/host_buffer.ts";
import { reader, row } from "../include/quantize.ts";

/** Constants of the kernel; shader.wgsl and the glossary of docs/architecture.md describe them. */
interface QuantizationError {
  readonly INT8: number;
  readonly SEARCH: number;
  readonly R: number;
  readonly QUADS: number;
  readonly CQ: number;
  readonly CHANNELS: number;
  readonly ROW: number;
}

/** Σ x², Σ x·e and Σ e² of each tile, in float64, values ascending; e is an f32. */
export function quantizationError(
  c: QuantizationError,
  b: Buffers<"real_values" | "q" | "errors">,
): void {
  const fround = Math.fround, z = row(b.quantizers, c.ROW), channels = 4 * c.CQ;
  const stored = c.SEARCH ? undefined : reader(c.INT8, b.q, z);
  const nearest = (x: number) => {
    const code = roundHalfEven(fround(x * z.inverse)) + z.zero;
    return fround((Math.min(Math.max(code, z.qmin), z.qmax) - z.zero) * z.scale);
  };
  const tile = 256 * c.R;
  for (let first = 0; first < 4 * c.QUADS; first += tile) {
    let xx = 0, xe = 0, ee = 0;
    for (let at = first; at < Math.min(first + tile, 4 * c.QUADS); at++) {
      if (at % channels >= c.CHANNELS) continue;
      const x = b.real_values.f32[at]!;
      const e = fround((stored ? stored(at) : nearest(x)) - x);
      xx += x * x;
      xe += x * e;
      ee += e * e;
    }
    b.errors.f32.set([xx, xe, ee, 0], first / tile * 4);
  }
}
