/**
 * Zip files, as far as NumPy writes them: entries stored or deflated, no encryption, less than
 * 4 GiB (no zip64). The list of entries is read from the end of the file; nothing in it is
 * believed before it fits the file, and contents are checked against their checksum.
 *
 * @module
 */
import { crc32 } from "node:zlib";
import { DataError, QtrainError } from "../../core/errors.ts";
import { cannotRead, checkIsFile } from "../paths/stat.ts";

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const LOCAL_SIZE = 30;
const CENTRAL_SIZE = 46;
const END_SIZE = 22;
/** Bytes of packed data read at a time. */
const BLOCK = 2 ** 20;
/** The longest comment that may follow the end record. */
const MAX_COMMENT = 0xffff;
/** In place of a size or an offset: it is in a zip64 record. */
const IN_ZIP64 = 0xffffffff;
/** The most bytes that one byte of deflate data unpacks to. */
const DEFLATE_RATIO = 1032;

interface Entry {
  readonly name: string;
  readonly method: number;
  readonly encrypted: boolean;
  readonly crc: number;
  readonly packedSize: number;
  readonly size: number;
  /** Of its local header. */
  readonly offset: number;
}

/** An open zip file. Close it with `using`. */
export class ZipFile {
  readonly #path: string;
  readonly #file: Deno.FsFile;
  readonly #size: number;
  readonly #entries = new Map<string, Entry>();

  private constructor(path: string, file: Deno.FsFile, size: number) {
    this.#path = path;
    this.#file = file;
    this.#size = size;
  }

  /** Opens a file and reads its list. @throws {DataError} when it is no whole zip file */
  static async open(path: string): Promise<ZipFile> {
    await checkIsFile(path);
    let file: Deno.FsFile;
    try {
      file = await Deno.open(path);
    } catch (error) {
      throw cannotRead(path, error);
    }
    try {
      const zip = new ZipFile(path, file, (await file.stat()).size);
      await zip.#readList();
      return zip;
    } catch (error) {
      file.close();
      throw error instanceof QtrainError ? error : cannotRead(path, error);
    }
  }

  /** Names of the entries, in the order of the list. */
  get names(): string[] {
    return [...this.#entries.keys()];
  }

  /** The contents of an entry. @throws {DataError} when they are damaged */
  async read(name: string): Promise<Uint8Array<ArrayBuffer>> {
    const entry = this.#entries.get(name);
    if (!entry) throw new RangeError(`${this.#path} has no ${name}`);
    this.#checkReadable(entry);
    const start = await this.#dataStart(entry);
    const bytes = entry.method === 0
      ? await this.#at(start, entry.packedSize)
      : await this.#inflate(entry, start);
    if (crc32(bytes) !== entry.crc) throw this.#damaged(entry, "with another checksum");
    return bytes;
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#file.close();
  }

  async #readList(): Promise<void> {
    const first = view(await this.#at(0, Math.min(4, this.#size)));
    const magic = first.byteLength === 4 ? first.getUint32(0, true) : 0;
    if (magic !== LOCAL && magic !== END) {
      throw new DataError(
        `${this.#path}: byte 0: expected a zip file, which opens with PK, got another kind of ` +
          `file; write it with numpy.savez or numpy.savez_compressed`,
      );
    }
    const dataEnd = await this.#endWithoutPadding();
    const tailSize = Math.min(dataEnd, END_SIZE + MAX_COMMENT);
    const tail = view(await this.#at(dataEnd - tailSize, tailSize));
    let end = tailSize - END_SIZE;
    while (end >= 0 && tail.getUint32(end, true) !== END) end--;
    if (end < 0) {
      throw new DataError(
        `${this.#path}: byte ${this.#size}: expected the list of files before the end of a zip ` +
          `file, found none: the file is cut short; get the file again`,
      );
    }
    const count = tail.getUint16(end + 10, true);
    const size = tail.getUint32(end + 12, true);
    const offset = tail.getUint32(end + 16, true);
    if (size === IN_ZIP64 || offset === IN_ZIP64) throw this.#tooLarge();
    if (offset + size > this.#size) throw this.#badList(offset);
    const list = await this.#at(offset, size);
    for (let i = 0, at = 0; i < count; i++) {
      const entry = readEntry(list.subarray(at));
      if (!entry) throw this.#badList(offset + at);
      this.#entries.set(entry.entry.name, entry.entry);
      at += entry.length;
    }
  }

  /** Where the file ends, without zeros that pad it to a block; the end record may end in some. */
  async #endWithoutPadding(): Promise<number> {
    for (let end = this.#size; end > 0;) {
      const start = Math.max(end - BLOCK, 0), block = await this.#at(start, end - start);
      const last = block.findLastIndex((byte) => byte !== 0);
      if (last >= 0) return Math.min(this.#size, start + last + 1 + END_SIZE);
      end = start;
    }
    return this.#size;
  }

  #checkReadable(entry: Entry): void {
    const place = `${this.#path}: byte ${entry.offset}: ${entry.name}`;
    if (entry.encrypted) {
      throw new DataError(`${place}: the data is encrypted; write it without a password`);
    }
    if (entry.method !== 0 && entry.method !== 8) {
      throw new DataError(
        `${place}: expected data that is stored or deflated, got compression method ` +
          `${entry.method}; write it with numpy.savez or numpy.savez_compressed`,
      );
    }
    if ([entry.size, entry.packedSize, entry.offset].includes(IN_ZIP64)) throw this.#tooLarge();
    const stored = entry.method === 0;
    const most = stored ? entry.packedSize : entry.packedSize * DEFLATE_RATIO;
    if (entry.size > most || (stored && entry.size !== most)) {
      throw new DataError(
        `${place}: expected ${entry.size} bytes, as the list of files says, got ` +
          `${entry.packedSize} ${stored ? "stored" : "deflated, which cannot hold them"}; ` +
          `get the file again`,
      );
    }
  }

  /** Offset of the packed bytes. */
  async #dataStart(entry: Entry): Promise<number> {
    const { offset } = entry;
    const header = offset + LOCAL_SIZE <= this.#size ? view(await this.#at(offset, LOCAL_SIZE)) : 0;
    if (header === 0 || header.getUint32(0, true) !== LOCAL) {
      throw new DataError(
        `${this.#path}: byte ${offset}: expected the header of ${entry.name}, as the list of ` +
          `files says, got something else; get the file again`,
      );
    }
    const start = offset + LOCAL_SIZE + header.getUint16(26, true) + header.getUint16(28, true);
    if (start + entry.packedSize > this.#size) {
      throw new DataError(
        `${this.#path}: byte ${start}: expected ${entry.packedSize} bytes of ${entry.name}, ` +
          `got ${Math.max(this.#size - start, 0)}; get the file again`,
      );
    }
    return start;
  }

  async #inflate(entry: Entry, start: number): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(entry.size);
    let filled = 0;
    try {
      const stream = ReadableStream.from(this.#blocks(start, entry.packedSize))
        .pipeThrough(new DecompressionStream("deflate-raw"));
      for await (const chunk of stream) {
        if (filled + chunk.length > bytes.length) throw this.#damaged(entry, "longer");
        bytes.set(chunk, filled);
        filled += chunk.length;
      }
    } catch (error) {
      throw error instanceof QtrainError ? error : this.#damaged(entry, "damaged");
    }
    if (filled < bytes.length) throw this.#damaged(entry, "shorter");
    return bytes;
  }

  #damaged({ name, size, offset }: Entry, found: string): DataError {
    return new DataError(
      `${this.#path}: byte ${offset}: ${name}: expected ${size} bytes of whole data, as the list of files says, ` +
        `found it ${found}; get the file again`,
    );
  }

  #badList(offset: number): DataError {
    return new DataError(
      `${this.#path}: byte ${offset}: expected an entry of the list of files, got something ` +
        `else; get the file again`,
    );
  }

  #tooLarge(): DataError {
    return new DataError(
      `${this.#path}: expected less than 2 GiB for each array, got more (zip64); ` +
        `put the arrays into a folder, each in a .npy file, and let data.root name that`,
    );
  }

  async *#blocks(start: number, size: number): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    for (let at = 0; at < size; at += BLOCK) {
      yield await this.#at(start + at, Math.min(BLOCK, size - at));
    }
  }

  async #at(offset: number, size: number): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(size);
    await this.#file.seek(offset, Deno.SeekMode.Start);
    let filled = 0;
    while (filled < size) {
      const got = await this.#file.read(bytes.subarray(filled));
      if (got === null) throw new Error("it ended while it was read");
      filled += got;
    }
    return bytes;
  }
}

/** The entry that opens `bytes`, and its length in the list. */
function readEntry(bytes: Uint8Array): { entry: Entry; length: number } | undefined {
  if (bytes.length < CENTRAL_SIZE) return undefined;
  const v = view(bytes);
  if (v.getUint32(0, true) !== CENTRAL) return undefined;
  const nameEnd = CENTRAL_SIZE + v.getUint16(28, true);
  if (nameEnd > bytes.length) return undefined;
  const entry: Entry = {
    name: new TextDecoder().decode(bytes.subarray(CENTRAL_SIZE, nameEnd)),
    method: v.getUint16(10, true),
    encrypted: (v.getUint16(8, true) & 1) === 1,
    crc: v.getUint32(16, true),
    packedSize: v.getUint32(20, true),
    size: v.getUint32(24, true),
    offset: v.getUint32(42, true),
  };
  return { entry, length: nameEnd + v.getUint16(30, true) + v.getUint16(32, true) };
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
