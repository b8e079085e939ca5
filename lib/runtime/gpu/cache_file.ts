/**
 * Cache files about this machine's adapters (times of tiles, passed self-tests), in the user's cache
 * folder. A missing or corrupt file only costs the time to fill it again: nothing here throws.
 *
 * Two processes may write at once: each writes a whole new file and renames it, so the entries of one of
 * them may be lost, and the next run adds them again.
 *
 * @module
 */
import { fileError } from "../../core/files.ts";
import { isMap } from "../../core/json_value.ts";
import { environment, type Gpu, NATIVE } from "./device.ts";

/** Returns the path of a cache file; `undefined` if no folder is known. `QTRAIN_CACHE` sets the folder. */
export function cacheFile(
  name: string,
  os: typeof Deno.build.os = Deno.build.os,
  env: (name: string) => string | undefined = environment,
): string | undefined {
  const own = env("QTRAIN_CACHE");
  if (own) return `${own}/${name}`;
  const home = env("HOME");
  const folder = os === "windows"
    ? env("LOCALAPPDATA")
    : os === "darwin"
    ? home && `${home}/Library/Caches`
    : absolute(env("XDG_CACHE_HOME")) ?? (home && `${home}/.cache`);
  return folder ? `${folder}/qtrain/${name}` : undefined;
}

/** The XDG specification requires that a relative path is ignored. */
function absolute(path: string | undefined): string | undefined {
  return path?.startsWith("/") ? path : undefined;
}

/**
 * Returns the name of an adapter in cache files. WebGPU does not give the driver's version; Deno's
 * version stands for that of the shader compiler. Nor does it say through which interface the adapter
 * is reached; it is named where the user has chosen, as OpenGL gives the same names as Vulkan.
 */
export function adapterName({ vendor, architecture, device, description }: Gpu["info"]): string {
  const { os, arch } = Deno.build, chosen = environment("DENO_WEBGPU_BACKEND") ?? "";
  const backend = chosen === NATIVE ? "" : chosen;
  const parts = [description, vendor, architecture, device, `${os}-${arch}`, backend];
  return [...parts, `Deno ${Deno.version.deno}`].filter((part) => part !== "").join(", ");
}

/** Reads the entries of an adapter; none if the file is missing, corrupt or of another format. */
export async function readCache(
  path: string | undefined,
  format: string,
  adapter: string,
): Promise<Readonly<Record<string, unknown>>> {
  if (path === undefined) return {};
  const { adapters } = await read(path, format);
  return isMap(adapters[adapter]) ? adapters[adapter] : {};
}

/** Why a cache file was not written. */
export interface WriteFailure {
  /** The reason, for a message. */
  readonly why: string;
  /** Whether permission is missing; that is normal, so no warning is needed. */
  readonly denied: boolean;
}

/**
 * Adds entries of an adapter to the file.
 *
 * @param format name and version of the file's format; a file of another format is not overwritten
 * @returns the reason if the file was not written
 */
export async function writeCache(
  path: string | undefined,
  format: string,
  adapter: string,
  entries: ReadonlyMap<string, unknown>,
): Promise<WriteFailure | undefined> {
  if (path === undefined) return { why: "no cache folder is known", denied: true };
  const { adapters, foreign } = await read(path, format);
  if (foreign) {
    const why =
      `${path}: expected ${format.replace(/ \d+$/, "")} of this qtrain, found something ` +
      "else; remove it";
    return { why, denied: false };
  }
  const before = isMap(adapters[adapter]) ? adapters[adapter] : {};
  const all = { ...adapters, [adapter]: { ...before, ...Object.fromEntries(entries) } };
  const text = JSON.stringify({ format, adapters: all }, null, 1) + "\n";
  let part: string | undefined;
  try {
    await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    // Writes through a symbolic link instead of replacing it.
    const target = await Deno.realPath(path).catch(() => path);
    part = `${target}.${crypto.randomUUID()}.part`;
    await Deno.writeTextFile(part, text);
    await Deno.rename(part, target);
  } catch (error) {
    if (part !== undefined) await Deno.remove(part).catch(() => {});
    const known = fileError(error, "write", path);
    const why = known instanceof Error ? known.message : String(known);
    return { why, denied: isDenied(error) };
  }
}

function isDenied(error: unknown): boolean {
  return error instanceof Deno.errors.NotCapable || error instanceof Deno.errors.PermissionDenied ||
    (error as { code?: string } | undefined)?.code === "EROFS";
}

interface Content {
  readonly adapters: Readonly<Record<string, unknown>>;
  /** Whether the file is valid JSON of another format. */
  readonly foreign: boolean;
}

async function read(path: string, format: string): Promise<Content> {
  let content: unknown;
  try {
    content = JSON.parse(await Deno.readTextFile(path));
  } catch {
    return { adapters: {}, foreign: false };
  }
  return isMap(content) && content.format === format && isMap(content.adapters)
    ? { adapters: content.adapters, foreign: false }
    : { adapters: {}, foreign: true };
}
