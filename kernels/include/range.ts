/**
 * Reference of kernels/include/range.wgsl: computes a quantizer's row from a range.
 *
 * @module
 */
import { QUANTIZER } from "../../lib/quant/layouts.ts";
import { quantizerOf, type Range } from "../../lib/quant/range.ts";
import type { HostBuffer } from "./host_buffer.ts";

/** Writes the quantizer of a range into its row; qmin, qmax and the learning rate's factor do not change. */
export function setRow(table: HostBuffer, row: number, range: Range, symmetric: boolean): void {
  const bits = Math.log2(QUANTIZER.get(table, row, "qmax") + 1) + 1;
  const { low, high } = range;
  QUANTIZER.write(table, row, { ...quantizerOf(range, bits, symmetric), low, high });
}
