/**
 * Detects changes of the files of a run's data: during the run, and between its start and the day it
 * resumes, also when they have moved since.
 *
 * @module
 */
import type { Dataset } from "../../data/dataset.ts";
import {
  changesSinceRecord,
  type DataManifest,
  formatManifest,
  MANIFEST_FILE,
  readManifest,
  recordFiles,
} from "../../data/paths/data_manifest.ts";
import {
  changesSince,
  type FileFingerprint,
  fingerprint,
} from "../../data/paths/file_fingerprint.ts";
import { DataError } from "../../core/errors.ts";
import { writeAtomic } from "../../core/files.ts";
import { shellWord } from "../../core/text.ts";
import type { Recipe } from "../../recipe/recipe.ts";
import { initFiles } from "../checkpoint/weights_file.ts";

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
   * @throws DataError when files were added, deleted or have other contents, unless `data.root` was set
   * on the command line; UsageError when the manifest cannot be written
   */
  async begin(folder: string, resumed: boolean): Promise<void> {
    const { data: { files }, recipe: { init, data, pathScope } } = this;
    const before = resumed ? await readManifest(folder) : {}, recorded = before["data.root"];
    if (recorded && files) {
      // The run began with another path, from the command line.
      const overridden = pathScope.isOverridden("data.root") || recorded.written === data.root;
      if (!overridden && !pathScope.placesOf("data.root", data.root).includes(files.root)) {
        this.#warn(
          `data.root: the run goes on with the data it began with, in ${files.root}, not with ` +
            `${data.root}, as the recipe says`,
        );
      }
      const { different, rewritten } = await changesSinceRecord(recorded, files);
      if (different.length > 0 && !pathScope.isOverridden("data.root")) {
        throw new DataError(
          `data.root: the files in ${files.root} have changed since the run in ${folder} began: ` +
            `${some(different)}. Restore them, or set ${
              shellWord(`data.root=${files.root}`)
            } on the command line to continue with the present ones`,
        );
      }
      const changes = [...different, ...rewritten];
      for (const change of changes.slice(0, MAX_LINES)) {
        this.#warn(`data.root: ${change} since the run began; it continues with the present files`);
      }
      if (changes.length > MAX_LINES) this.#warn(more(changes.length - MAX_LINES));
    }
    if (!files && init === "") return;
    const written = recorded?.written ?? data.root;
    const start = before.init ??
      (init === "" ? undefined : await recordFiles(init, folder, await initFiles(this.recipe)));
    const manifest: DataManifest = {
      ...(files ? { "data.root": await recordFiles(written, folder, files) } : {}),
      ...(start ? { init: start } : {}),
    };
    await writeAtomic(`${folder}/${MANIFEST_FILE}`, formatManifest(manifest));
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
    if (changes.length > MAX_LINES) this.#warn(more(changes.length - MAX_LINES));
    const now: FileFingerprint[] = [];
    for (const { path } of this.#stamps) {
      const stamp = await fingerprint(path).catch(() => undefined);
      if (stamp) now.push(stamp);
    }
    this.#stamps = now;
  }
}

function some(changes: readonly string[]): string {
  const more = changes.length - MAX_LINES;
  return changes.slice(0, MAX_LINES).join("; ") + (more > 0 ? `; and ${more} more` : "");
}

function more(count: number): string {
  return `data.root: ${count} more ${count === 1 ? "file has" : "files have"} changed`;
}
