/**
 * What the schema finds wrong, apart from the library that found it.
 *
 * @module
 */

import type { Path } from "../core/json_value.ts";

export type { Path };

/** One thing that is wrong with a recipe. */
export interface Problem {
  /** Where it is. */
  readonly path: Path;
  /** Whether the last key of `path` is one that its map does not have. */
  readonly unknownKey: boolean;
  /** What a right value looks like; for an unknown key, the keys there are. */
  readonly expected: string;
}

/** What is read of the schema library's own issues. */
export interface Issue {
  /** `unrecognized_keys`, or what else went wrong. */
  readonly code?: string | undefined;
  /** Where it is; the map, for unknown keys. */
  readonly path: readonly PropertyKey[];
  /** What was expected. */
  readonly message: string;
  /** The unknown keys. */
  readonly keys?: readonly string[];
}

/** One problem for each unknown key, and the first issue of every other path. */
export function toProblems(issues: readonly Issue[]): Problem[] {
  const problems = new Map<string, Problem>();
  for (const { code, path, message, keys } of issues) {
    const at = path.map((step) => typeof step === "number" ? step : String(step));
    const unknownKey = code === "unrecognized_keys";
    for (const key of unknownKey ? keys ?? [] : [undefined]) {
      const full = key === undefined ? at : [...at, key];
      const id = JSON.stringify(full);
      if (!problems.has(id)) problems.set(id, { path: full, unknownKey, expected: message });
    }
  }
  return [...problems.values()];
}
