/**
 * What kernels/include/range.wgsl computes: a row of the table of quantizers from a range.
 *
 * @module
 */
import { QUANTIZER } from "../../lib/quant/layouts.ts";
import { quantizerOf, type Range } from "../../lib/quant/range.ts";
import type { HostBuffer } from "./host_buffer.ts";

/** Writes the quantizer of a range into its row; codes and learning rate stay as they are there. */
export function setRow(table: HostBuffer, row: number, range: Range, symmetric: boolean): void {
  const bits = Math.log2(QUANTIZER.get(table, row, "qmax") + 1) + 1;
  const { low, high } = range;
  QUANTIZER.write(table, row, { ...quantizerOf(range, bits, symmetric), low, high });
}
