/**
 * Plain values: what YAML and a program's objects have in common.
 *
 * @module
 */

import type { Path } from "../recipe/problems.ts";

/** Deeper than any network is written by hand; keeps recursion, and cycles, within the stack. */
export const DEEPEST = 64;

/** Thrown by `plainCopy` for a value nested deeper than `DEEPEST`, or one that contains itself. */
export class TooDeep extends Error {
  /** Nested below `path`. */
  constructor(
    /** The key at the top under which it is. */
    readonly path: Path,
  ) {
    super(`nested deeper than ${DEEPEST}`);
  }
}

/** Whether `value` is a map, and not a list or nothing. */
export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Sets a key of its own, also where it is spelled `__proto__`. */
export function setKey(map: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(map, key, { value, enumerable: true, writable: true, configurable: true });
}

/** A deep copy without the keys that are `undefined`. */
export function plainCopy(value: unknown, path: Path = []): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (path.length >= DEEPEST) throw new TooDeep(path.slice(0, 1));
  if (Array.isArray(value)) return value.map((item, i) => plainCopy(item, [...path, i]));
  const copy = {};
  for (const [key, item] of Object.entries(value)) {
    if (item !== undefined) setKey(copy, key, plainCopy(item, [...path, key]));
  }
  return copy;
}

/** The value at `path`, or `undefined` where there is none. */
export function valueAt(value: unknown, path: Path): unknown {
  for (const step of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) {
      return undefined;
    }
    value = (value as Record<string | number, unknown>)[step];
  }
  return value;
}

/** Every key in a plain value, as dotted paths; those of maps in lists have the index in them. */
export function keysIn(value: unknown, prefix = ""): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => [
    prefix + key,
    ...keysIn(item, `${prefix}${key}.`),
  ]);
}

/** Freezes a plain value and all it holds. */
export function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) {
    Object.values(value).forEach(deepFreeze);
    Object.freeze(value);
  }
  return value;
}
