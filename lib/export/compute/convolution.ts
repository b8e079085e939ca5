/**
 * The sizes of a convolution, for all forms of its loops.
 *
 * @module
 */
import type { Pair } from "../../recipe/fields.ts";

/** Sizes of a convolution; tensors have channels last. */
export interface Convolution {
  /** Images. */
  readonly n: number;
  /** Rows, columns and channels of an input image. */
  readonly h: number;
  readonly w: number;
  readonly c: number;
  /** Rows, columns and channels of an output image. */
  readonly ho: number;
  readonly wo: number;
  readonly o: number;
  /** Height and width. */
  readonly kernel: Pair;
  readonly stride: Pair;
  /** Rows of padding above, 0 or more; how many are below follows from `ho`. */
  readonly top: number;
  /** Columns of padding on the left, 0 or more; how many are on the right follows from `wo`. */
  readonly left: number;
  /** Divides `c` and `o`; `c` of a depthwise convolution. */
  readonly groups: number;
}
