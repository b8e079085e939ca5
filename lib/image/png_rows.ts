/**
 * Undoes the filters of PNG, which store each row as differences from its neighbours.
 *
 * @module
 */
import { ImageProblem } from "./types.ts";

/**
 * Undoes the filter of one row in place. The byte before the row is the filter's number.
 *
 * @param from offset of the row
 * @param above offset of the row above; −1 if there is none, which counts as zeros
 * @param back bytes of a pixel, at least 1
 * @throws {ImageProblem} when the filter's number is unknown
 */
export function unfilter(
  rows: Uint8Array,
  from: number,
  length: number,
  above: number,
  back: number,
): void {
  const end = from + length;
  const up = above < 0 ? 0 : from - above;
  switch (rows[from - 1]) {
    case 0:
      return;
    case 1:
      for (let i = from + back; i < end; i++) rows[i] = rows[i]! + rows[i - back]!;
      return;
    case 2:
      if (up > 0) { for (let i = from; i < end; i++) rows[i] = rows[i]! + rows[i - up]!; }
      return;
    case 3:
      for (let i = from; i < end; i++) {
        const a = i - back >= from ? rows[i - back]! : 0;
        const b = up > 0 ? rows[i - up]! : 0;
        rows[i] = rows[i]! + ((a + b) >> 1);
      }
      return;
    case 4:
      for (let i = from; i < end; i++) {
        const left = i - back >= from;
        const a = left ? rows[i - back]! : 0;
        const b = up > 0 ? rows[i - up]! : 0;
        const c = left && up > 0 ? rows[i - up - back]! : 0;
        rows[i] = rows[i]! + paeth(a, b, c);
      }
      return;
    default:
      throw new ImageProblem(
        `expected a row filter of 0 to 4, got ${rows[from - 1]}; get the file again`,
      );
  }
}

/** Returns that of left (a), above (b) and above left (c) which is nearest to a + b − c. */
function paeth(a: number, b: number, c: number): number {
  const pa = Math.abs(b - c), pb = Math.abs(a - c), pc = Math.abs(a + b - 2 * c);
  return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
}
