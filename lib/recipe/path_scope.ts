/**
 * Where the paths of a recipe lead, and where they may lead. A recipe keeps its paths as they were
 * written. A recipe file may come from anywhere, so what it names must lie in its own folder or in
 * `QTRAIN_DATA`; paths given on the command line may be anywhere.
 *
 * @module
 */
import { resolve } from "node:path";

/** The fields of a recipe that hold a path. */
export type PathField = "data.root" | "init";

/** What a scope consists of. */
interface ScopeParts {
  /** The folder that paths of the recipe are relative to; absolute. */
  readonly base?: string;
  /** Whether paths may lead out of `base`. */
  readonly free?: boolean;
  /** Fields given on the command line, which may lead anywhere. */
  readonly overridden?: readonly PathField[];
  /** The folder of the run whose record of its files is asked first. */
  readonly run?: string;
}

/**
 * Where the paths of one recipe lead. Only code makes one: no text of a recipe, and no JSON, gives
 * a path more room. Its state is private, so it is not written with a recipe, and two recipes that say
 * the same are equal.
 */
export class PathScope {
  readonly #parts: ScopeParts;

  private constructor(parts: ScopeParts) {
    this.#parts = parts;
  }

  /** Paths may lead anywhere: for a program that trusts every path of its recipe. */
  static readonly UNRESTRICTED: PathScope = new PathScope({ free: true });

  /**
   * Paths must lie in a folder or in `QTRAIN_DATA`.
   *
   * @param folder absolute path of the folder, which relative paths are relative to
   * @param overridden fields given on the command line, which may lead anywhere
   */
  static within(folder: string, overridden: readonly PathField[] = []): PathScope {
    return new PathScope({ base: folder, overridden });
  }

  /** The same scope; relative paths are relative to `folder` if they had no folder yet. */
  from(folder: string): PathScope {
    return new PathScope({ base: resolve(folder), ...this.#parts });
  }

  /** The same scope for a recipe that resumes a run: the run has recorded where its files were. */
  resuming(run: string): PathScope {
    return new PathScope({ ...this.#parts, run: resolve(run) });
  }

  /**
   * The absolute paths that a path may stand for, likeliest first. On the command line, it is relative
   * to the current folder, or else to the recipe's.
   */
  placesOf(field: PathField, path: string): readonly string[] {
    const own = resolve(this.#parts.base ?? ".", path);
    return this.isOverridden(field) ? [...new Set([resolve(path), own])] : [own];
  }

  /** The folder that the path of `field` must lie in; `undefined` if it may lead anywhere. */
  folderOf(field: PathField): string | undefined {
    return this.#parts.free || this.isOverridden(field) ? undefined : this.#parts.base;
  }

  /** The folder of the run that the recipe belongs to, if it belongs to one. */
  get run(): string | undefined {
    return this.#parts.run ?? this.#parts.base;
  }

  /** Whether the recipe resumes a run from another folder than the run's own. */
  get resumes(): boolean {
    return this.#parts.run !== undefined && this.#parts.run !== this.#parts.base;
  }

  /** Whether `field` was given on the command line. */
  isOverridden(field: PathField): boolean {
    return this.#parts.overridden?.includes(field) ?? false;
  }

  /** Leaves the scope out of JSON. */
  toJSON(): undefined {
    return undefined;
  }
}

/** Every path is allowed. */
export const UNRESTRICTED: PathScope = PathScope.UNRESTRICTED;
