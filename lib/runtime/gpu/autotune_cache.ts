/**
 * The autotune cache: times of tiles on this machine's adapters, in a file of the user's cache folder.
 *
 * @module
 */
import { isMap } from "../../core/json_value.ts";
import { cacheFile, readCache, writeCache, type WriteFailure } from "./cache_file.ts";
import { environment } from "./device.ts";

export { adapterName } from "./cache_file.ts";

/** The times of the tiles of a class on an adapter. */
export interface TileTimes {
  /** Hash of the kernel's text and its default tile: see `TuningKey`. */
  readonly source: string;
  /** Nanoseconds of the default tile. */
  readonly ns: number;
  /** Time of each other tile over that of the default; `null`: refused by the driver, or other bits. */
  readonly ratios: Readonly<Record<string, number | null>>;
}

/** Times by the name of a class. */
export type AdapterTimes = ReadonlyMap<string, TileTimes>;

/** The file's format and version; a file with another one is not overwritten. */
const FORMAT = "qtrain tiles 1";

/** Returns the path of the file; `undefined` if no cache folder is known. `QTRAIN_CACHE` sets the folder. */
export function tileFile(
  os: typeof Deno.build.os = Deno.build.os,
  env: (name: string) => string | undefined = environment,
): string | undefined {
  return cacheFile("tiles.json", os, env);
}

/** Reads the times of an adapter; none if the file is missing or corrupt. */
export async function readTiles(path: string | undefined, adapter: string): Promise<AdapterTimes> {
  const times = await readCache(path, FORMAT, adapter);
  return new Map(
    Object.entries(times).filter((entry): entry is [string, TileTimes] => isTimes(entry[1])),
  );
}

/**
 * Adds times to the file.
 *
 * @returns the reason if the file was not written
 */
export function writeTiles(
  path: string | undefined,
  adapter: string,
  times: AdapterTimes,
): Promise<WriteFailure | undefined> {
  return writeCache(path, FORMAT, adapter, times);
}

function isTimes(value: unknown): boolean {
  if (!isMap(value) || typeof value.source !== "string" || !isMap(value.ratios)) return false;
  return positive(value.ns) && Object.values(value.ratios).every((r) => r === null || positive(r));
}

function positive(value: unknown): boolean {
  return typeof value === "number" && value > 0 && Number.isFinite(value);
}
