/**
 * Where the paths of a recipe may lead. A recipe's file may come from anywhere, so what it names must
 * lie in its own folder or in `QTRAIN_DATA`; what the command line or a program names may be anywhere.
 *
 * @module
 */

/** Which paths of a recipe were written in its file. */
export interface Fence {
  /** The folder of the recipe's file. */
  readonly folder: string;
  /** Whether `data.root` was written there, and not on the command line. */
  readonly data: boolean;
  /** Whether `init` was. */
  readonly init: boolean;
}

/**
 * The key of a recipe's fence, in its `data`; absent where a program made the recipe. A symbol: no
 * text sets it, and none of what is written has it. `{ ...recipe.data }` has none: see `dataOf`.
 */
export const PATH_SCOPE: unique symbol = Symbol("within");

/** A copy of a value that carries a fence. Hidden: two recipes that say the same are equal. */
export function withFence<T extends object>(value: T, fence: Fence | undefined): T {
  const copy = { ...value };
  return fence ? Object.defineProperty(copy, PATH_SCOPE, { value: fence }) : copy;
}
