/**
 * Where the paths of a recipe may lead. A recipe file may come from anywhere, so the paths written in
 * it must lie in its own folder or in `QTRAIN_DATA`; paths given on the command line may be anywhere.
 *
 * @module
 */

/** The fields of a recipe that hold a path. */
export type PathField = "data.root" | "init";

/**
 * Where the paths of one recipe may lead. Only code makes one: no text of a recipe, and no JSON, gives
 * a path more room. Its state is private, so it is not written with a recipe, and two recipes that say
 * the same are equal.
 */
export class PathScope {
  readonly #folder: string | undefined;
  readonly #overridden: readonly PathField[];

  private constructor(folder: string | undefined, overridden: readonly PathField[]) {
    this.#folder = folder;
    this.#overridden = overridden;
  }

  /** Paths may lead anywhere: for a program that trusts every path of its recipe. */
  static readonly UNRESTRICTED: PathScope = new PathScope(undefined, []);

  /**
   * Paths must lie in a folder or in `QTRAIN_DATA`.
   *
   * @param folder absolute path of the folder
   * @param overridden fields given on the command line, which may lead anywhere
   */
  static within(folder: string, overridden: readonly PathField[] = []): PathScope {
    return new PathScope(folder, overridden);
  }

  /** The folder that the path of `field` must lie in; `undefined` if it may lead anywhere. */
  folderOf(field: PathField): string | undefined {
    return this.isOverridden(field) ? undefined : this.#folder;
  }

  /** Whether `field` was given on the command line. */
  isOverridden(field: PathField): boolean {
    return this.#overridden.includes(field);
  }

  /** Leaves the scope out of JSON. */
  toJSON(): undefined {
    return undefined;
  }
}

/** Every path is allowed. */
export const UNRESTRICTED: PathScope = PathScope.UNRESTRICTED;
