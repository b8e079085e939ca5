/**
 * Warnings about files of images, from any number of threads: the first are named, the rest counted.
 *
 * @module
 */
import { withThousands } from "../core/format.ts";

/** Maximum number of files that are named, of each kind. */
const MAX_NAMED = 10;

/** Kinds of files to warn of, and what is said of those that are not named. */
const KINDS = {
  bad: (count: number) => `${files(count)} cannot be decoded either`,
  odd: (count: number) =>
    `${files(count)} ${count === 1 ? "has a warning" : "have warnings"} like these`,
} as const;

/** `bad`: another image takes its place; `odd`: it is used. */
type FileWarningKind = keyof typeof KINDS;

function files(count: number): string {
  return `${withThousands(count)} more ${count === 1 ? "file" : "files"}`;
}

/** The warnings of one data set. Each file is warned of once. */
export class FileWarnings {
  readonly #paths: Readonly<Record<FileWarningKind, Set<string>>> = {
    bad: new Set(),
    odd: new Set(),
  };
  /** Files that were named or counted already. */
  readonly #told: Record<FileWarningKind, number> = { bad: 0, odd: 0 };
  readonly #warn: (text: string) => void;

  /** @param warn called with each line */
  constructor(warn: (text: string) => void) {
    this.#warn = warn;
  }

  /** Takes a warning. `text` begins with the path. */
  readonly add = (kind: FileWarningKind, path: string, text: string): void => {
    const paths = this.#paths[kind];
    if (paths.has(path)) return;
    paths.add(path);
    if (paths.size > MAX_NAMED) return;
    this.#told[kind]++;
    this.#warn(text);
  };

  /** The number of files so far. */
  count(kind: FileWarningKind): number {
    return this.#paths[kind].size;
  }

  /** Says how many files were not named, unless it was said before. */
  summarize(): void {
    for (const kind of ["bad", "odd"] as const) {
      const more = this.#paths[kind].size - this.#told[kind];
      this.#told[kind] += more;
      if (more > 0) this.#warn(KINDS[kind](more));
    }
  }
}
