/**
 * Notices that the files of a run's data are not what they were: while it runs, and between its
 * beginning and the day that it goes on.
 *
 * @module
 */
import type { Dataset } from "../../data/dataset.ts";
import { type DataNote, formatNote, NOTE, readNote } from "../../data/paths/data_manifest.ts";
import {
  changeOf,
  changesSince,
  type FileStamp,
  stampOf,
} from "../../data/paths/file_fingerprint.ts";
import { DataError } from "../../core/errors.ts";
import { writeAtomic } from "../../core/files.ts";
import { PATH_SCOPE } from "../../recipe/path_scope.ts";
import type { Recipe } from "../../recipe/types.ts";

/** More lines than this help nobody. */
const MAX_LINES = 3;

/** Watches the files of one run. */
export class DataChangeMonitor {
  #stamps: readonly FileStamp[];
  readonly #warn: (text: string) => void;

  constructor(
    readonly data: Pick<Dataset, "files" | "train">,
    readonly recipe: Recipe,
    warn: (text: string) => void = () => {},
  ) {
    this.#stamps = data.files?.stamps ?? [];
    this.#warn = warn;
  }

  /**
   * Before a run goes on, or begins: holds its files against those that it began with, and notes them.
   *
   * @param folder the run's
   * @param resumed whether it goes on from a checkpoint
   * @throws DataError when files have another size or are others, unless `data.root` was named on the
   * command line; UsageError when the note cannot be written
   */
  async begin(folder: string, resumed: boolean): Promise<void> {
    const { data: { files }, recipe: { init, data } } = this;
    const before = resumed ? await readNote(folder) : undefined;
    if (before && files) {
      const { refused, odd } = differences(before, files.stamps);
      const fence = data[PATH_SCOPE], meant = fence && !fence.data;
      if (refused.length > 0 && !meant) {
        throw new DataError(
          `data.root: expected the files in ${files.root} that the run in ${folder} began with, ` +
            `found that ${
              some(refused)
            }; get them back, or name the data on the command line to go ` +
            `on with them as they are, data.root=${data.root}`,
        );
      }
      for (const change of [...refused, ...odd].slice(0, MAX_LINES)) {
        this.#warn(`data.root: ${change} since the run began: it goes on with what is there now`);
      }
    }
    if (!files && init === "") return;
    const start = before?.init ?? (init === "" ? undefined : await stampOf(init));
    const note: DataNote = {
      root: files?.root ?? "",
      files: files?.stamps ?? [],
      ...(start ? { init: start } : {}),
    };
    await writeAtomic(`${folder}/${NOTE}`, formatNote(note));
  }

  /** Looks at the files, and says once what has become of each. Images in memory stay as they are. */
  async check(): Promise<void> {
    const changes = await changesSince(this.#stamps).catch((error) => [(error as Error).message]);
    if (changes.length === 0) return;
    const goesOn = this.data.train.source?.kind === "memory"
      ? "the run goes on with what it read at its start"
      : "images are what they are when they are read";
    for (const change of changes.slice(0, MAX_LINES)) {
      this.#warn(`data.root: ${change} since the run began; ${goesOn}`);
    }
    if (changes.length > MAX_LINES) {
      this.#warn(`data.root: ${changes.length - MAX_LINES} more files like these`);
    }
    const now: FileStamp[] = [];
    for (const { path } of this.#stamps) {
      const stamp = await stampOf(path).catch(() => undefined);
      if (stamp) now.push(stamp);
    }
    this.#stamps = now;
  }
}

/** What has another size or is another file, and what was only written again. */
function differences(
  { files: before }: DataNote,
  now: readonly FileStamp[],
): { refused: string[]; odd: string[] } {
  const refused: string[] = [], odd: string[] = [];
  const there = new Map(now.map((stamp) => [stamp.path, stamp]));
  for (const stamp of before) {
    const found = there.get(stamp.path), change = changeOf(stamp, found);
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
