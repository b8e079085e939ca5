/**
 * `data.json` in a run's folder: the files that the run began with, their sizes and times. A resumed
 * run notices by it that they changed. It also lets a run's recipe, whose paths are absolute, lead out
 * of its folder: who wrote it knew these files.
 *
 * @module
 */
import { join } from "node:path";
import { isMap } from "../../core/json_value.ts";
import type { FileFingerprint } from "./file_fingerprint.ts";

/** The files that a run began with. */
export interface DataManifest {
  /** `data.root`, as it was found. */
  readonly root: string;
  /** All files, or 500 of them. */
  readonly files: readonly FileFingerprint[];
  /** The file of `init`, where the run began with one. */
  readonly init?: FileFingerprint | undefined;
}

/** The file's name. */
export const MANIFEST_FILE = "data.json";

/** Far above what is ever written. */
const MAX_BYTES = 2 ** 22;

/** Reads the manifest of a run's folder; `undefined` if it is missing or not a manifest. */
export async function readManifest(folder: string): Promise<DataManifest | undefined> {
  const path = join(folder, MANIFEST_FILE);
  try {
    const { size, isFile } = await Deno.stat(path);
    if (!isFile || size > MAX_BYTES) return undefined;
    const manifest: unknown = JSON.parse(await Deno.readTextFile(path));
    if (!isMap(manifest) || typeof manifest.root !== "string" || !Array.isArray(manifest.files)) {
      return undefined;
    }
    if (!manifest.files.every(isFingerprint)) return undefined;
    return {
      root: manifest.root,
      files: manifest.files,
      ...(isFingerprint(manifest.init) ? { init: manifest.init } : {}),
    };
  } catch {
    return undefined; // The files that it would allow are then refused, with the remedy.
  }
}

/** The text of a manifest. */
export function formatManifest(manifest: DataManifest): string {
  return JSON.stringify(manifest, null, 1) + "\n";
}

function isFingerprint(value: unknown): value is FileFingerprint {
  return isMap(value) && typeof value.path === "string" && typeof value.size === "number" &&
    typeof value.modified === "number";
}
