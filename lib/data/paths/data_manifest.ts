/**
 * `data.json` in a run's folder: which files the run began with, their sizes and times. By it a run
 * that goes on notices that they are others, and a run's recipe, whose paths are absolute, may lead
 * out of its folder: whoever wrote it knew these files.
 *
 * @module
 */
import { join } from "node:path";
import { isMap } from "../../core/json_value.ts";
import type { FileFingerprint } from "./file_fingerprint.ts";

/** What a run began with. */
export interface DataNote {
  /** `data.root`, as it was found. */
  readonly root: string;
  /** All files, or 500 of them. */
  readonly files: readonly FileFingerprint[];
  /** The file of `init`, where the run began with one. */
  readonly init?: FileFingerprint | undefined;
}

/** The file's name. */
export const NOTE = "data.json";

/** Far above what is written. */
const MAX_BYTES = 2 ** 22;

/** Reads the note of a folder; `undefined` where there is none, or it is something else. */
export async function readNote(folder: string): Promise<DataNote | undefined> {
  const path = join(folder, NOTE);
  try {
    const { size, isFile } = await Deno.stat(path);
    if (!isFile || size > MAX_BYTES) return undefined;
    const note: unknown = JSON.parse(await Deno.readTextFile(path));
    if (!isMap(note) || typeof note.root !== "string" || !Array.isArray(note.files)) {
      return undefined;
    }
    if (!note.files.every(isStamp)) return undefined;
    return {
      root: note.root,
      files: note.files,
      ...(isStamp(note.init) ? { init: note.init } : {}),
    };
  } catch {
    return undefined; // What it would have allowed is then refused, with what to do.
  }
}

/** The text of a note. */
export function formatNote(note: DataNote): string {
  return JSON.stringify(note, null, 1) + "\n";
}

function isStamp(value: unknown): value is FileFingerprint {
  return isMap(value) && typeof value.path === "string" && typeof value.size === "number" &&
    typeof value.modified === "number";
}
