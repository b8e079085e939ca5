/**
 * One file as a stream of bytes, unpacked if it is gzip. Gzip is recognized by its first two bytes,
 * not by the name: downloads get renamed. At most a chunk is read ahead.
 *
 * @module
 */
import { DataError } from "../../core/errors.ts";
import { cannotRead } from "../paths/stat.ts";

/** Reads a file front to back. Close it with `await using` or `close`. */
export class ByteReader {
  readonly #path: string;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #chunk: Uint8Array = new Uint8Array(0);
  #taken = 0;
  /** Length of the file itself, in bytes. */
  readonly fileSize: number;
  /** Whether the file is gzip; offsets are of the unpacked bytes then. */
  readonly packed: boolean;

  private constructor(
    path: string,
    fileSize: number,
    packed: boolean,
    stream: ReadableStream<Uint8Array>,
  ) {
    this.#path = path;
    this.fileSize = fileSize;
    this.packed = packed;
    this.#reader = stream.getReader();
  }

  /** Opens a file. @throws {DataError} when it cannot be read */
  static async open(path: string): Promise<ByteReader> {
    try {
      const file = await Deno.open(path);
      const { size } = await file.stat();
      const start = new Uint8Array(2);
      const got = await file.read(start);
      await file.seek(0, Deno.SeekMode.Start);
      const packed = got === 2 && start[0] === 0x1f && start[1] === 0x8b;
      const stream = packed
        ? file.readable.pipeThrough(new DecompressionStream("gzip"))
        : file.readable;
      return new ByteReader(path, size, packed, stream);
    } catch (error) {
      throw cannotRead(path, error);
    }
  }

  /** Bytes handed out so far. */
  get offset(): number {
    return this.#taken;
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

  async #next(pending: number): Promise<Uint8Array | undefined> {
    try {
      return (await this.#reader.read()).value;
    } catch (error) {
      if (!this.packed) throw cannotRead(this.#path, error);
      const at = this.#taken + pending;
      throw new DataError(
        `${this.#path}: byte ${at} (unpacked): the gzip data is damaged or cut short (the file has ` +
          `${this.fileSize} bytes); get the file again`,
      );
    }
  }

  /** Closes the file, read to its end or not. */
  async close(): Promise<void> {
    // A stream that failed has closed itself, and rejects with the error already reported.
    await this.#reader.cancel().catch(() => {});
  }

  /** As {@link ByteReader.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
