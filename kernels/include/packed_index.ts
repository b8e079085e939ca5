/**
 * The order in which int8 convolutions read codes of weights: one load brings four columns (channels
 * that the convolution makes) with four rows (channels that it sums over) of each.
 *
 *     [TAPS, rows / 4, columns / 4, 4 columns, 4 rows] bytes
 *
 * @module
 */
import type { HostBuffer } from "./host_buffer.ts";

/** Returns a function from (tap, row, column) to the byte index of a code; `rows` and `columns` count quads. */
export function packedIndex(rows: number, columns: number) {
  return (tap: number, row: number, column: number): number =>
    ((tap * rows + (row >> 2)) * columns + (column >> 2)) * 16 + (column & 3) * 4 + (row & 3);
}

/**
 * Returns a copy of weights as [taps, rows, columns], so that references walk along columns: codes come
 * from the packed order, f32 from [columns, taps, rows]. `rows` and `columns` count quads.
 */
export function unpacked(
  int8: number,
  weight: HostBuffer,
  taps: number,
  rows: number,
  columns: number,
): Int8Array | Float32Array {
  const codeAt = packedIndex(rows, columns), size = 16 * taps * rows * columns;
  const { i8, f32 } = weight, codes = new Int8Array(int8 ? size : 0);
  const values = new Float32Array(int8 ? 0 : size);
  for (let tap = 0, at = 0; tap < taps; tap++) {
    for (let row = 0; row < 4 * rows; row++) {
      for (let column = 0; column < 4 * columns; column++, at++) {
        if (int8) codes[at] = i8[codeAt(tap, row, column)]!;
        else values[at] = f32[(column * taps + tap) * 4 * rows + row]!;
      }
    }
  }
  return int8 ? codes : values;
}
