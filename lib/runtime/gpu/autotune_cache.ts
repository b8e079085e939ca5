/**
 * What was timed on this machine's adapters, in one file of the user's cache folder.
 *
 * @module
 */
import { isMap } from "../../core/json_value.ts";
import { cacheFile, type NotWritten, readCache, writeCache } from "./cache_file.ts";
import { environment } from "./device.ts";

export { adapterName } from "./cache_file.ts";

/** How the tiles of a class compare on an adapter. */
export interface TileTimes {
  /** Of the kernel's text: see `TileClass`. */
  readonly source: string;
  /** Nanoseconds of the default. */
  readonly ns: number;
  /** Time of each other tile that was timed over that of the default; `null`: refused by the driver. */
  readonly ratios: Readonly<Record<string, number | null>>;
}

/** By the name of a class. */
export type AdapterTimes = ReadonlyMap<string, TileTimes>;

/** What the file says of itself; one without it is not touched. */
const FORMAT = "qtrain tiles 1";

/** The file, or `undefined` where no folder is known. `QTRAIN_CACHE` names another folder. */
export function tileFile(
  os: typeof Deno.build.os = Deno.build.os,
  env: (name: string) => string | undefined = environment,
): string | undefined {
  return cacheFile("tiles.json", os, env);
}

/** What is remembered of an adapter; nothing where the file cannot be read or is not one. */
export async function readTiles(path: string | undefined, adapter: string): Promise<AdapterTimes> {
  const times = await readCache(path, FORMAT, adapter);
  return new Map(
    Object.entries(times).filter((entry): entry is [string, TileTimes] => isTimes(entry[1])),
  );
}

/**
 * Remembers what was timed, beside what the file has.
 *
 * @returns why it could not
 */
export function writeTiles(
  path: string | undefined,
  adapter: string,
  times: AdapterTimes,
): Promise<NotWritten | undefined> {
  return writeCache(path, FORMAT, adapter, times);
}

function isTimes(value: unknown): boolean {
  if (!isMap(value) || typeof value.source !== "string" || !isMap(value.ratios)) return false;
  return positive(value.ns) && Object.values(value.ratios).every((r) => r === null || positive(r));
}

function positive(value: unknown): boolean {
  return typeof value === "number" && value > 0 && Number.isFinite(value);
}
