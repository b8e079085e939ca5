/**
 * Windows that move over rows and columns, as TFLite counts their edges.
 *
 * @module
 */
import type { Pair } from "../../recipe/fields.ts";
import { PADDING } from "./schema.ts";

/** Rows and columns that a window sees outside of its input. */
interface Edges {
  /** Above, and on the left. */
  readonly before: Pair;
  /** Below, and on the right: only those that a window reaches. */
  readonly after: Pair;
}

interface Size {
  readonly h: number;
  readonly w: number;
}

/** The edges of a layer's window, and how TFLite names them: `undefined` where it has no name. */
export function edgesOf({ input, output, kernel, stride, padding: before }: {
  readonly input: Size;
  readonly output: Size;
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
}): Edges & { readonly padding: number | undefined } {
  const along = (i: 0 | 1, size: number, out: number) => {
    const outside = Math.max((out - 1) * stride[i] + kernel[i] - size, 0);
    return {
      after: Math.max(outside - before[i], 0),
      none: before[i] === 0 && outside === 0,
      same: out === Math.ceil(size / stride[i]) && before[i] === Math.floor(outside / 2),
    };
  };
  const rows = along(0, input.h, output.h), columns = along(1, input.w, output.w);
  const padding = rows.none && columns.none
    ? PADDING.valid
    : rows.same && columns.same
    ? PADDING.same
    : undefined;
  return { before, after: [rows.after, columns.after], padding };
}

/** The positions of a window along rows or columns, and how many of them lie before the first. */
export function placeWindow(
  padding: number,
  size: number,
  kernel: number,
  stride: number,
): { readonly count: number; readonly before: number } {
  if (padding === PADDING.valid) {
    return { count: Math.floor((size - kernel) / stride) + 1, before: 0 };
  }
  const count = Math.ceil(size / stride);
  return { count, before: Math.floor(Math.max((count - 1) * stride + kernel - size, 0) / 2) };
}
