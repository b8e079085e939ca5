/**
 * Reference of kernels/dropout_quantizer/shader.wgsl.
 *
 * @module
 */
import { QUANTIZER_WORDS } from "../../lib/quant/layouts.ts";
import type { Buffers } from "../include/host_buffer.ts";

/** Constants of the kernel; its header says what they are. */
interface DropoutQuantizer {
  readonly X_ROW: number;
  readonly Y_ROW: number;
  readonly FACTOR: number;
}

/** The row of dropout's output from that of its input. */
export function dropoutQuantizer(c: DropoutQuantizer, { table }: Buffers<"table">): void {
  const fround = Math.fround, factor = fround(c.FACTOR), at = c.X_ROW * QUANTIZER_WORDS;
  const [x0, , zero, smallest, largest, low, high, rate] = table.f32.subarray(at, at + 8);
  const scale = Math.min(fround(x0! * factor), fround(3e38));
  const range = [fround(low! * factor), fround(high! * factor)];
  const row = [scale, fround(1 / scale), zero!, smallest!, largest!, ...range, rate!];
  table.f32.set(row, c.Y_ROW * QUANTIZER_WORDS);
}
