/**
 * Where a code of a weight lies for the convolution that reads it: four columns (what the convolution
 * makes) share one load, with four rows (what it sums over) of each.
 *
 *     [TAPS, rows / 4, columns / 4, 4 columns, 4 rows] bytes
 *
 * @module
 */

/** The place of a code, from its tap, row and column; `rows` and `columns` count quads. */
export function packedIndex(rows: number, columns: number) {
  return (tap: number, row: number, column: number): number =>
    ((tap * rows + (row >> 2)) * columns + (column >> 2)) * 16 + (column & 3) * 4 + (row & 3);
}
