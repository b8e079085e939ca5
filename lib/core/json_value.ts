/**
 * Values of JSON: what YAML and a program's objects have in common.
 *
 * @module
 */

/** Keys from the top of a value to one of its parts; an index in a list is a number. */
export type Path = readonly (string | number)[];

/** Maximum depth of a value: deeper than any recipe, and shallow enough for the stack. */
export const MAX_DEPTH = 64;

/** Thrown by `plainCopy` for a value nested deeper than `MAX_DEPTH`, or one that contains itself. */
export class TooDeep extends Error {
  /** Creates the error for what is nested below `path`. */
  constructor(
    /** The top-level key under which it is. */
    readonly path: Path,
  ) {
    super(`nested deeper than ${MAX_DEPTH}`);
  }
}

/** Whether `value` is a map: not a list, not null. */
export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A finite number, or null. */
export function finiteOrNull(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

/** Sets an own key of a map, even `__proto__`. */
export function setKey(map: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(map, key, { value, enumerable: true, writable: true, configurable: true });
}

/** Returns a deep copy without keys that are `undefined`. @throws {TooDeep} */
export function plainCopy(value: unknown, path: Path = []): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (path.length >= MAX_DEPTH) throw new TooDeep(path.slice(0, 1));
  if (Array.isArray(value)) return value.map((item, i) => plainCopy(item, [...path, i]));
  const copy = {};
  for (const [key, item] of Object.entries(value)) {
    if (item !== undefined) setKey(copy, key, plainCopy(item, [...path, key]));
  }
  return copy;
}

/** Returns the value at `path`, or `undefined` if there is none. */
export function valueAt(value: unknown, path: Path): unknown {
  for (const step of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) {
      return undefined;
    }
    value = (value as Record<string | number, unknown>)[step];
  }
  return value;
}

/** Returns every key in a value as a dotted path, with indices of lists. */
export function keysIn(value: unknown, prefix = ""): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => [
    prefix + key,
    ...keysIn(item, `${prefix}${key}.`),
  ]);
}

/** Freezes a value and everything in it. */
export function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) {
    Object.values(value).forEach(deepFreeze);
    Object.freeze(value);
  }
  return value;
}
