/**
 * What was timed on this machine's adapters, in one file of the user's cache folder. Whatever is wrong with
 * the file or the folder costs no more than timing again: nothing here throws.
 *
 * Two processes may write at once: each writes a whole file beside and renames it, so one of them may lose
 * what it found out, and the next run finds it again.
 *
 * @module
 */
import { fileError } from "../files.ts";
import { isMap } from "../recipe/plain.ts";
import { environment, type Gpu } from "./device.ts";

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
  const own = env("QTRAIN_CACHE");
  if (own) return `${own}/tiles.json`;
  const home = env("HOME");
  const folder = os === "windows"
    ? env("LOCALAPPDATA")
    : os === "darwin"
    ? home && `${home}/Library/Caches`
    : absolute(env("XDG_CACHE_HOME")) ?? (home && `${home}/.cache`);
  return folder ? `${folder}/qtrain/tiles.json` : undefined;
}

/** The XDG specification has a relative path ignored. */
function absolute(path: string | undefined): string | undefined {
  return path?.startsWith("/") ? path : undefined;
}

/**
 * An adapter as the file names it. WebGPU tells no version of the driver; that of Deno stands for the
 * compiler of shaders.
 */
export function adapterName({ vendor, architecture, device, description }: Gpu["info"]): string {
  const { os, arch } = Deno.build;
  const parts = [description, vendor, architecture, device, `${os}-${arch}`];
  return [...parts, `Deno ${Deno.version.deno}`].filter((part) => part !== "").join(", ");
}

/** What is remembered of an adapter; nothing where the file cannot be read or is not one. */
export async function readTiles(path: string | undefined, adapter: string): Promise<AdapterTimes> {
  if (path === undefined) return new Map();
  const { adapters } = await read(path);
  const times = isMap(adapters[adapter]) ? adapters[adapter] : {};
  return new Map(
    Object.entries(times).filter((entry): entry is [string, TileTimes] => isTimes(entry[1])),
  );
}

/**
 * Remembers what was timed, beside what the file has.
 *
 * @returns why it could not, in words
 */
export async function writeTiles(
  path: string | undefined,
  adapter: string,
  times: AdapterTimes,
): Promise<string | undefined> {
  if (path === undefined) return "no cache folder is known";
  const { adapters, foreign } = await read(path);
  if (foreign) return `${path}: expected tiles of this qtrain, found something else; remove it`;
  const before = isMap(adapters[adapter]) ? adapters[adapter] : {};
  const all = { ...adapters, [adapter]: { ...before, ...Object.fromEntries(times) } };
  const text = JSON.stringify({ format: FORMAT, adapters: all }, null, 1) + "\n";
  let part: string | undefined;
  try {
    await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    // A link keeps pointing where it did.
    const target = await Deno.realPath(path).catch(() => path);
    part = `${target}.${crypto.randomUUID()}.part`;
    await Deno.writeTextFile(part, text);
    await Deno.rename(part, target);
  } catch (error) {
    if (part !== undefined) await Deno.remove(part).catch(() => {});
    if (isDenied(error)) return undefined; // Least privilege: nobody needs to hear of it.
    const why = fileError(error, "write", path);
    return why instanceof Error ? why.message : String(why);
  }
}

/** Whether it was Deno, or the system, that does not let us write there at all. */
function isDenied(error: unknown): boolean {
  const denied = error instanceof Deno.errors.NotCapable ||
    error instanceof Deno.errors.PermissionDenied;
  return denied || (error as { code?: string }).code === "EROFS";
}

interface Content {
  readonly adapters: Readonly<Record<string, unknown>>;
  /** Whether it is there, whole, and something else. */
  readonly foreign: boolean;
}

async function read(path: string): Promise<Content> {
  let content: unknown;
  try {
    content = JSON.parse(await Deno.readTextFile(path));
  } catch {
    return { adapters: {}, foreign: false };
  }
  return isMap(content) && content.format === FORMAT && isMap(content.adapters)
    ? { adapters: content.adapters, foreign: false }
    : { adapters: {}, foreign: true };
}

function isTimes(value: unknown): boolean {
  if (!isMap(value) || typeof value.source !== "string" || !isMap(value.ratios)) return false;
  return positive(value.ns) && Object.values(value.ratios).every((r) => r === null || positive(r));
}

function positive(value: unknown): boolean {
  return typeof value === "number" && value > 0 && Number.isFinite(value);
}
