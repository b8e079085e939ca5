/**
 * The order in which int8 convolutions read codes of weights: one load brings four columns (channels
 * that the convolution makes) with four rows (channels that it sums over) of each.
 *
 *     [TAPS, rows / 4, columns / 4, 4 columns, 4 rows] bytes
 *
 * @module
 */

/** Returns a function from (tap, row, column) to the byte index of a code; `rows` and `columns` count quads. */
export function packedIndex(rows: number, columns: number) {
  return (tap: number, row: number, column: number): number =>
    ((tap * rows + (row >> 2)) * columns + (column >> 2)) * 16 + (column & 3) * 4 + (row & 3);
}
