/**
 * Files that have other names until all of them are there: a full disk or an interruption leaves what
 * was there before.
 *
 * @module
 */
import { fileError, writeAtomic } from "../../core/files.ts";

/** Files on their way to their names. */
export class StagedFiles {
  /** Names for now, and to be. */
  readonly #names = new Map<string, string>();

  /** Writes a file under a name for now. @throws SystemError when the disk is full */
  async write(now: string, later: string, content: Uint8Array | string): Promise<void> {
    await writeAtomic(now, content, later);
    this.#names.set(now, later);
  }

  /** Gives all files their names. */
  async publish(): Promise<void> {
    for (const [now, later] of this.#names) await this.rename(now, later);
  }

  /** Gives one file a name. */
  async rename(now: string, later: string): Promise<void> {
    await Deno.rename(now, later).catch((error) => {
      throw fileError(error, "write", later);
    });
    this.#names.delete(now);
  }

  /** Removes the files that have no other name. */
  async remove(): Promise<void> {
    for (const now of this.#names.keys()) await Deno.remove(now).catch(() => {}); // It may be gone.
    this.#names.clear();
  }
}
