/**
 * Detects changes of the files of a run's data: during the run, and between its start and the day it
 * resumes.
 *
 * @module
 */
import type { Dataset } from "../../data/dataset.ts";
import {
  type DataManifest,
  formatManifest,
  MANIFEST_FILE,
  readManifest,
} from "../../data/paths/data_manifest.ts";
import {
  changesSince,
  describeChange,
  type FileFingerprint,
  fingerprint,
} from "../../data/paths/file_fingerprint.ts";
import { DataError } from "../../core/errors.ts";
import { writeAtomic } from "../../core/files.ts";
import type { Recipe } from "../../recipe/recipe.ts";

/** Maximum number of lines printed. */
const MAX_LINES = 3;

/** Watches the data files of one run. */
export class DataChangeMonitor {
  #stamps: readonly FileFingerprint[];
  readonly #warn: (text: string) => void;

  constructor(
    readonly data: Pick<Dataset, "files" | "train">,
    readonly recipe: Recipe,
    warn: (text: string) => void = () => {},
  ) {
    this.#stamps = data.files?.fingerprints ?? [];
    this.#warn = warn;
  }

  /**
   * Compares the data files with those that a resumed run began with, and writes their manifest.
   *
   * @param folder the run's folder
   * @param resumed whether the run resumes from a checkpoint
   * @throws DataError when files were added, deleted or have another size, unless `data.root` was set on
   * the command line; UsageError when the manifest cannot be written
   */
  async begin(folder: string, resumed: boolean): Promise<void> {
    const { data: { files }, recipe: { init, data, pathScope } } = this;
    const before = resumed ? await readManifest(folder) : undefined;
    if (before && files) {
      const { refused, odd } = differences(before, files.fingerprints);
      if (refused.length > 0 && !pathScope.isOverridden("data.root")) {
        throw new DataError(
          `data.root: the files in ${files.root} have changed since the run in ${folder} began: ` +
            `${
              some(refused)
            }. Restore them, or set data.root=${data.root} on the command line to ` +
            "continue with the present ones",
        );
      }
      for (const change of [...refused, ...odd].slice(0, MAX_LINES)) {
        this.#warn(`data.root: ${change} since the run began; it continues with the present files`);
      }
    }
    if (!files && init === "") return;
    const start = before?.init ?? (init === "" ? undefined : await fingerprint(init));
    const note: DataManifest = {
      root: files?.root ?? "",
      files: files?.fingerprints ?? [],
      ...(start ? { init: start } : {}),
    };
    await writeAtomic(`${folder}/${MANIFEST_FILE}`, formatManifest(note));
  }

  /** Warns once of each file that has changed. Images in memory stay as they are. */
  async check(): Promise<void> {
    const changes = await changesSince(this.#stamps).catch((error) => [(error as Error).message]);
    if (changes.length === 0) return;
    const effect = this.data.train.source?.kind === "memory"
      ? "the run continues with the images it read at its start"
      : "later steps read the present images";
    for (const change of changes.slice(0, MAX_LINES)) {
      this.#warn(`data.root: ${change} since the run began; ${effect}`);
    }
    if (changes.length > MAX_LINES) {
      this.#warn(`data.root: ${changes.length - MAX_LINES} more files have changed`);
    }
    const now: FileFingerprint[] = [];
    for (const { path } of this.#stamps) {
      const stamp = await fingerprint(path).catch(() => undefined);
      if (stamp) now.push(stamp);
    }
    this.#stamps = now;
  }
}

/**
 * Changes that refuse a resumed run (files added, deleted, or of another size), and those that only
 * cause a warning (files written again).
 */
function differences(
  { files: before }: DataManifest,
  now: readonly FileFingerprint[],
): { refused: string[]; odd: string[] } {
  const refused: string[] = [], odd: string[] = [];
  const there = new Map(now.map((stamp) => [stamp.path, stamp]));
  for (const stamp of before) {
    const found = there.get(stamp.path), change = describeChange(stamp, found);
    if (change !== undefined) (found?.size === stamp.size ? odd : refused).push(change);
    there.delete(stamp.path);
  }
  for (const path of there.keys()) refused.push(`${path} is new`);
  return { refused, odd };
}

function some(changes: readonly string[]): string {
  const more = changes.length - MAX_LINES;
  return changes.slice(0, MAX_LINES).join("; ") + (more > 0 ? `; and ${more} more` : "");
}
