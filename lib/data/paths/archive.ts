/**
 * What to do about data that is still packed: which archive it is, and the command that unpacks it.
 *
 * @module
 */
import { join } from "node:path";
import { shellWord, visible } from "../../core/text.ts";
import { fileBlocks, gunzip, isGzip } from "../formats/gunzip.ts";
import { ZipFile } from "../formats/zip.ts";
import { cannotRead, checkIsFile } from "./stat.ts";

/** A kind of archive: how it begins, and what unpacks it. */
interface ArchiveKind {
  readonly name: string;
  /** Offset and text of its magic number. */
  readonly magic: readonly [number, string];
  /** Packs one file alone; the ending of a name tells whether that is a tar archive. */
  readonly single?: boolean;
  /** Unpacks `from` into the folder `to`, which exists. */
  command(from: string, to: string): string;
}

const tar = (flags: string) => (from: string, to: string) => `tar ${flags} ${from} -C ${to}`;

const KINDS: readonly ArchiveKind[] = [
  { name: "gzip", magic: [0, "\x1f\x8b"], single: true, command: tar("-xzf") },
  { name: "bzip2", magic: [0, "BZh"], single: true, command: tar("-xjf") },
  { name: "xz", magic: [0, "\xfd7zXZ\0"], single: true, command: tar("-xJf") },
  { name: "Zstandard", magic: [0, "\x28\xb5\x2f\xfd"], single: true, command: tar("--zstd -xf") },
  { name: "tar", magic: [257, "ustar"], command: tar("-xf") },
  {
    name: "zip",
    magic: [0, "PK\x03\x04"],
    command: Deno.build.os === "windows" ? tar("-xf") : (from, to) => `unzip -q ${from} -d ${to}`,
  },
  { name: "7z", magic: [0, "7z\xbc\xaf\x27\x1c"], command: (from, to) => `7z x ${from} -o${to}` },
  { name: "RAR", magic: [0, "Rar!\x1a\x07"], command: (from, to) => `unrar x ${from} ${to}/` },
];

/** Names of archives, without what one file alone is packed as. */
const ENDINGS = /\.(tar(\.(gz|bz2|xz|zst))?|tgz|tbz2?|txz|zip|7z|rar)$/i;

/** An archive that holds a data set. */
export interface Archive {
  /** What it is, with its article. */
  readonly kind: string;
  /** The command that unpacks it, and the setting for what comes out. */
  readonly remedy: string;
  /** The command alone. */
  readonly command: string;
  /** What comes out: a folder or a file. */
  readonly root: string;
}

/**
 * Tells whether a file is an archive; one file that is packed alone is none.
 *
 * @returns `undefined` if it is no archive
 * @throws {DataError} when it cannot be read
 */
export async function archiveAt(path: string): Promise<Archive | undefined> {
  await checkIsFile(path);
  let file: Deno.FsFile | undefined;
  try {
    file = await Deno.open(path);
    const source = { file, size: (await file.stat()).size };
    const head = new Uint8Array(512), length = file.readSync(head) ?? 0;
    const kind = kindOf(head.subarray(0, length));
    if (!kind) return undefined;
    const unpacked = isGzip(source) ? await start(gunzip(source, () => {})) : undefined;
    const isTar = kind.single && (ENDINGS.test(path) || kindOf(unpacked ?? head)?.name === "tar");
    if (kind.single && !isTar) return undefined;
    const top = kind.name === "zip"
      ? await zipTop(path)
      : kind.name === "tar"
      ? await tarTop(fileBlocks(source, 0))
      : unpacked && await tarTop(gunzip(source, () => {}));
    const name = isTar ? `a tar archive packed with ${kind.name}` : `a ${kind.name} archive`;
    return { kind: name, ...unpacking(kind, path, top) };
  } catch (error) {
    throw cannotRead(path, error);
  } finally {
    file?.close();
  }
}

/** Commands that unpack files which are packed one by one; gzip is read as it is. */
const UNPACKERS: Readonly<Record<string, string>> = {
  xz: "xz -dk",
  bz2: "bunzip2 -k",
  zst: "unzstd",
};

/**
 * A sentence about what is packed in a folder that has nothing else; empty if nothing is.
 *
 * @param remedy the command that unpacks an archive, and what to do then
 */
export async function archiveIn(
  folder: string,
  remedy: (archive: Archive) => string = (archive) => archive.remedy,
): Promise<string> {
  const names: string[] = [];
  try {
    // Links may lead to places that a recipe may not read.
    for await (const { name, isFile } of Deno.readDir(folder)) if (isFile) names.push(name);
  } catch {
    return ""; // What is wrong with the folder is said elsewhere.
  }
  for (const name of names.filter((name) => ENDINGS.test(name)).sort().slice(0, 5)) {
    const found = await archiveAt(join(folder, name)).catch(() => undefined);
    if (found) return `. It holds ${found.kind}, ${visible(name)}; ${remedy(found)}`;
  }
  for (const [ending, command] of Object.entries(UNPACKERS)) {
    const packed = names.filter((name) => name.endsWith(`.${ending}`)).sort();
    if (packed.length === 0) continue;
    const some = packed.slice(0, 3).map(visible).join(", ") + (packed.length > 3 ? ", …" : "");
    return `. It holds packed files (${some}); unpack them: ` +
      `${command} ${shellWord(folder)}/*.${ending}`;
  }
  return "";
}

function kindOf(head: Uint8Array): ArchiveKind | undefined {
  return KINDS.find(({ magic: [at, text] }) =>
    [...text].every((character, index) => head[at + index] === character.charCodeAt(0))
  );
}

function unpacking(
  kind: ArchiveKind,
  path: string,
  top: string | undefined,
): Pick<Archive, "remedy" | "command" | "root"> {
  const bare = path.replace(ENDINGS, ""), folder = bare === path ? `${path}.unpacked` : bare;
  const [from, to] = [shellWord(path), shellWord(folder)];
  const make = Deno.build.os === "windows" ? `mkdir ${to}` : `mkdir -p ${to}`;
  const root = top === undefined ? folder : join(folder, top);
  const command = `${make} && ${kind.command(from, to)}`;
  return {
    command,
    root,
    remedy: `unpack it: ${command}; then give ${shellWord(`data.root=${root}`)}`,
  };
}

/** The first bytes of a stream, as many as come at once; none if it is damaged. */
async function start(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  try {
    for await (const chunk of stream) return chunk;
  } catch {
    // What is damaged is said by whoever reads it as data.
  }
  return new Uint8Array(0);
}

/** The first folder or file of a path. */
function topOf(path: string): string {
  return path.replace(/^(\.\/)+/, "").split("/")[0]!;
}

/** The one folder or file that is at the top of an archive; `undefined` if there are several. */
function onlyTop(tops: Iterable<string>): string | undefined {
  const names = new Set(tops);
  for (const other of ["", ".", "..", "__MACOSX"]) names.delete(other);
  return names.size === 1 ? [...names][0] : undefined;
}

async function zipTop(path: string): Promise<string | undefined> {
  try {
    using zip = await ZipFile.open(path);
    return onlyTop(zip.names.map(topOf));
  } catch {
    return undefined; // Too large for our reader, or damaged: unpacking says it.
  }
}

/** Bytes of a tar archive that are looked through: half a second's work where they are packed. */
const MAX_LOOK = 2 ** 28;
const RECORD = 512;

/** The one folder or file that a tar archive holds, as far as its entries are looked at. */
async function tarTop(
  blocks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<string | undefined> {
  const tops = new Set<string>(), record = new Uint8Array(RECORD);
  let filled = 0, skip = 0, looked = 0;
  try {
    for await (const block of blocks) {
      for (let at = 0; at < block.length;) {
        if (skip > 0) {
          const step = Math.min(skip, block.length - at);
          skip -= step;
          at += step;
          continue;
        }
        const part = block.subarray(at, at + RECORD - filled);
        record.set(part, filled);
        filled += part.length;
        at += part.length;
        if (filled < RECORD) continue;
        filled = 0;
        const entry = tarEntry(record);
        if (entry.path !== undefined) tops.add(topOf(entry.path));
        skip = RECORD * Math.ceil(entry.size / RECORD);
      }
      if ((looked += block.length) > MAX_LOOK) break;
    }
  } catch {
    // Damaged: unpacking says it.
  }
  const top = onlyTop(tops);
  // Of the splits of a large archive, only the first may have been seen.
  return top !== undefined && /^(train|test|val)/i.test(top) ? undefined : top;
}

function tarEntry(record: Uint8Array): { path?: string; size: number } {
  const text = (from: number, to: number) =>
    new TextDecoder().decode(record.subarray(from, to)).replace(/\0.*$/s, "");
  const size = parseInt(text(124, 136), 8);
  // Other types hold no file: attributes and long names of the entry that follows.
  const isFile = record[0] !== 0 && ["", "0", "5"].includes(text(156, 157));
  const prefix = text(257, 263) === "ustar" ? text(345, 500) : "";
  const path = prefix === "" ? text(0, 100) : `${prefix}/${text(0, 100)}`;
  return { size: size > 0 ? size : 0, ...(isFile ? { path } : {}) };
}
