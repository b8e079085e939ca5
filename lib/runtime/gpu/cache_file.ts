/**
 * Files of the user's cache folder, one for each kind of thing that is remembered of this machine's
 * adapters. Whatever is wrong with a file or the folder costs no more than finding out again: nothing
 * here throws.
 *
 * Two processes may write at once: each writes a whole file beside and renames it, so one of them may lose
 * what it found out, and the next run finds it again.
 *
 * @module
 */
import { fileError } from "../../core/files.ts";
import { isMap } from "../../core/json_value.ts";
import { environment, type Gpu } from "./device.ts";

/** A file, or `undefined` where no folder is known. `QTRAIN_CACHE` names another folder. */
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

/** The XDG specification has a relative path ignored. */
function absolute(path: string | undefined): string | undefined {
  return path?.startsWith("/") ? path : undefined;
}

/**
 * An adapter as the files name it. WebGPU tells no version of the driver; that of Deno stands for the
 * compiler of shaders.
 */
export function adapterName({ vendor, architecture, device, description }: Gpu["info"]): string {
  const { os, arch } = Deno.build;
  const parts = [description, vendor, architecture, device, `${os}-${arch}`];
  return [...parts, `Deno ${Deno.version.deno}`].filter((part) => part !== "").join(", ");
}

/** What is remembered of an adapter; nothing where the file cannot be read or is of another format. */
export async function readCache(
  path: string | undefined,
  format: string,
  adapter: string,
): Promise<Readonly<Record<string, unknown>>> {
  if (path === undefined) return {};
  const { adapters } = await read(path, format);
  return isMap(adapters[adapter]) ? adapters[adapter] : {};
}

/** Why something is not remembered. */
export interface NotWritten {
  /** In words. */
  readonly why: string;
  /** Whether it may not be: nothing is odd then, and nobody need hear of it. */
  readonly denied: boolean;
}

/**
 * Remembers entries of an adapter, beside what the file has.
 *
 * @param format what the file says of itself; one that says something else is not touched
 * @returns why it could not
 */
export async function writeCache(
  path: string | undefined,
  format: string,
  adapter: string,
  entries: ReadonlyMap<string, unknown>,
): Promise<NotWritten | undefined> {
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
    // A link keeps pointing where it did.
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
  /** Whether it is there, whole, and something else. */
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
