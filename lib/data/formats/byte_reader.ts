/**
 * One file as a stream of bytes, unpacked if it is gzip. Gzip is recognized by its first two bytes,
 * not by the name: downloads get renamed. At most a chunk is read ahead.
 *
 * @module
 */
import { DataError } from "../../core/errors.ts";
import { cannotRead } from "../paths/stat.ts";
import { fileBlocks, gunzip, isGzip } from "./gunzip.ts";

/** Called with a warning about a file that is whole but odd. */
export type Warn = (text: string) => void;

/** Reads a file front to back. Close it with `using`. */
export class ByteReader {
  readonly #path: string;
  readonly #file: Deno.FsFile;
  readonly #chunks: AsyncIterator<Uint8Array> | Iterator<Uint8Array>;
  #chunk: Uint8Array = new Uint8Array(0);
  #taken = 0;
  /** Length of the file itself, in bytes. */
  readonly fileSize: number;
  /** Whether the file is gzip; offsets are of the unpacked bytes then. */
  readonly packed: boolean;

  private constructor(path: string, file: Deno.FsFile, size: number, warn: Warn) {
    const source = { file, size };
    this.#path = path;
    this.#file = file;
    this.fileSize = size;
    this.packed = isGzip(source);
    this.#chunks = this.packed
      ? gunzip(source, (bytes, offset) => warn(junk(path, bytes, offset)))
      : fileBlocks(source, 0);
  }

  /**
   * Opens a file.
   *
   * @param warn called when the end is read, if other bytes follow the gzip data
   * @throws {DataError} when it cannot be read
   */
  static async open(path: string, warn: Warn): Promise<ByteReader> {
    let file: Deno.FsFile | undefined;
    try {
      file = await Deno.open(path);
      return new ByteReader(path, file, (await file.stat()).size, warn);
    } catch (error) {
      file?.close();
      throw cannotRead(path, error);
    }
  }

  /** Bytes handed out so far. */
  get offset(): number {
    return this.#taken;
  }

  /** `path: byte N`, with which errors about the contents begin. */
  place(offset: number): string {
    return `${this.#path}: byte ${offset}${this.packed ? " (unpacked)" : ""}`;
  }

  /**
   * Fills `into`, or as much of it as the file has.
   *
   * @returns bytes written; fewer than asked for only at the end
   * @throws {DataError} when the gzip is damaged
   */
  async fill(into: Uint8Array): Promise<number> {
    let filled = 0;
    while (filled < into.length) {
      if (this.#chunk.length === 0) {
        const next = await this.#next(filled);
        if (next === undefined) break;
        this.#chunk = next;
      }
      const part = this.#chunk.subarray(0, into.length - filled);
      into.set(part, filled);
      filled += part.length;
      this.#chunk = this.#chunk.subarray(part.length);
    }
    this.#taken += filled;
    return filled;
  }

  /**
   * Reads to the end, which is also what checks the checksum of gzip data.
   *
   * @returns how many bytes there were, and whether all of them were 0
   */
  async rest(): Promise<{ bytes: number; zeros: boolean }> {
    const from = this.#taken, block = new Uint8Array(2 ** 16);
    let zeros = true;
    for (let got; (got = await this.fill(block)) > 0;) {
      zeros &&= block.subarray(0, got).every((byte) => byte === 0);
    }
    return { bytes: this.#taken - from, zeros };
  }

  async #next(pending: number): Promise<Uint8Array | undefined> {
    try {
      return (await this.#chunks.next()).value;
    } catch (error) {
      if (!this.packed) throw cannotRead(this.#path, error);
      throw new DataError(
        `${
          this.place(this.#taken + pending)
        }: the gzip data is damaged or cut short (the file has ` +
          `${this.fileSize} bytes); get the file again`,
      );
    }
  }

  /** Closes the file, read to its end or not. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#chunks.return?.();
    this.#file.close();
  }
}

function junk(path: string, bytes: number, offset: number): string {
  return `${path}: ${bytes} bytes that are no gzip data follow its end at byte ${offset}; they are ignored`;
}
