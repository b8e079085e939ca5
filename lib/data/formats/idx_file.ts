/**
 * One IDX file of bytes: a magic number (two zero bytes, 0x08 for u8, the number of dimensions),
 * the dimensions as big-endian u32, then the elements, last dimension fastest. The header is not
 * believed: memory is allocated only for bytes that the file can hold.
 *
 * @module
 */
import { DataError } from "../../core/errors.ts";
import { ByteReader } from "./byte_reader.ts";

/** An IDX file's contents. */
export interface IdxFile {
  /** Path of the file. */
  readonly path: string;
  /** Whether it was gzip. */
  readonly packed: boolean;
  /** Sizes in the header, the number of items first. */
  readonly dims: readonly number[];
  /** The elements. */
  readonly body: Uint8Array<ArrayBuffer>;
}

/** Contents of a file. */
type IdxKind = "images" | "labels";

const DIMS = { images: 3, labels: 1 } as const;
const NAMES = ["count", "height", "width"];
const U8_MAGIC = 0x0800;
/** The most bytes that one byte of deflate data unpacks to. */
const DEFLATE_RATIO = 1032;

/** `path: byte N`, with which errors about an IDX file's contents begin. */
export function idxLocation(file: { path: string; packed: boolean }, offset: number): string {
  return `${file.path}: byte ${offset}${file.packed ? " (unpacked)" : ""}`;
}

/** Length of the header, where the elements begin. */
export function idxBodyOffset(kind: IdxKind): number {
  return 4 + 4 * DIMS[kind];
}

/**
 * Reads and checks a whole file, plain or gzip.
 *
 * @throws {DataError} with the file and the offset, when it is not what its header or `kind` says
 */
export async function readIdxFile(path: string, kind: IdxKind): Promise<IdxFile> {
  await using source = await ByteReader.open(path);
  const place = (offset: number) => idxLocation({ path, packed: source.packed }, offset);
  const dims = await readHeader(source, kind, place);
  const size = dims.reduce((product, dim) => product * dim, 1);
  const start = source.offset;
  const declared = `${size} bytes (${dims.join(" × ")}) after the header`;
  // Known before reading: for a plain file what is there, for gzip the most that can be.
  const most = source.packed ? source.fileSize * DEFLATE_RATIO : source.fileSize - start;
  if (size > most) {
    const found = source.packed
      ? `a gzip file of ${source.fileSize} bytes, which cannot hold that`
      : `got ${most}`;
    throw new DataError(`${place(start)}: expected ${declared}, ${found}; get the file again`);
  }
  const body = await readBody(source, size);
  if (body.length < size) {
    throw new DataError(
      `${place(start)}: expected ${declared}, got ${body.length}; get the file again`,
    );
  }
  // For gzip, reading to the end is also what checks its checksum.
  if (await source.fill(new Uint8Array(1)) > 0) {
    const more = source.packed ? "more" : `${most - size} more`;
    throw new DataError(
      `${place(start + size)}: expected the end of the file after ${declared}, got ${more}; ` +
        `get the file again`,
    );
  }
  return { path, packed: source.packed, dims, body };
}

async function readHeader(
  source: ByteReader,
  kind: IdxKind,
  place: (offset: number) => string,
): Promise<number[]> {
  const header = new Uint8Array(idxBodyOffset(kind));
  const got = await source.fill(header);
  const view = new DataView(header.buffer);
  if (got >= 4) checkMagic(view.getUint32(0), kind, place(0));
  if (got < header.length) {
    throw new DataError(
      `${place(got)}: expected a header of ${header.length} bytes, got ${got}; get the file again`,
    );
  }
  return Array.from({ length: DIMS[kind] }, (_, index) => {
    const dim = view.getUint32(4 + 4 * index);
    if (dim === 0) {
      throw new DataError(
        `${place(4 + 4 * index)}: expected a ${NAMES[index]} of ${kind} of at least 1, got 0; ` +
          `get a file that is not empty`,
      );
    }
    return dim;
  });
}

function checkMagic(magic: number, kind: IdxKind, place: string): void {
  const expected = U8_MAGIC + DIMS[kind];
  if (magic === expected) return;
  const other = kind === "images" ? "labels" : "images";
  const advice = magic === U8_MAGIC + DIMS[other]
    ? `this is a file of ${other}; the two may be swapped`
    : "this is not such an IDX file; get it again";
  throw new DataError(
    `${place}: expected the magic number ${hex(expected)} (${kind}), got ${hex(magic)}; ${advice}`,
  );
}

/** Up to `size` bytes; memory for gzip grows with what was really unpacked. */
async function readBody(source: ByteReader, size: number): Promise<Uint8Array<ArrayBuffer>> {
  let buffer = new ArrayBuffer(source.packed ? Math.min(size, 4 * source.fileSize) : size);
  let filled = 0;
  while (true) {
    filled += await source.fill(new Uint8Array(buffer, filled));
    if (filled < buffer.byteLength || filled === size) break;
    buffer = buffer.transfer(Math.min(size, 2 * buffer.byteLength));
  }
  return new Uint8Array(buffer, 0, filled);
}

function hex(word: number): string {
  return `0x${word.toString(16).padStart(8, "0")}`;
}
