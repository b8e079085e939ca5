/**
 * Reference of kernels/dropout_quantizer/shader.wgsl.
 *
 * @module
 */
import { QUANTIZER } from "../../lib/quant/layouts.ts";
import type { Buffers } from "../include/host_buffer.ts";

/** Constants of the kernel; shader.wgsl and the glossary of docs/architecture.md describe them. */
interface DropoutQuantizer {
  readonly X_ROW: number;
  readonly Y_ROW: number;
  readonly FACTOR: number;
}

/** Computes the quantizer row of dropout's output from that of its input. */
export function dropoutQuantizer(c: DropoutQuantizer, { table }: Buffers<"table">): void {
  const fround = Math.fround, factor = fround(c.FACTOR), x = QUANTIZER.read(table, c.X_ROW);
  const scale = Math.min(fround(x.scale * factor), fround(3e38)), inverse = fround(1 / scale);
  const low = fround(x.low * factor), high = fround(x.high * factor);
  QUANTIZER.write(table, c.Y_ROW, { ...x, scale, inverse, low, high });
}
