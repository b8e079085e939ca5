/**
 * One IDX file: a magic number (two zero bytes, the type of elements, the number of dimensions), the
 * dimensions as big-endian u32, then the elements, big-endian, last dimension fastest. The header is
 * not believed: memory is allocated only for bytes that the file can hold.
 *
 * @module
 */
import { DataError } from "../../core/errors.ts";
import { shellWord } from "../../core/text.ts";
import { ByteReader, type Warn } from "./byte_reader.ts";
import { numberType, type StoredArray } from "./elements.ts";

/** Contents of a file. */
type IdxKind = "images" | "labels";

/** Types by their byte in the magic number, in NumPy's notation. */
const TYPES: Readonly<Record<number, string>> = {
  0x08: "|u1",
  0x09: "|i1",
  0x0b: ">i2",
  0x0c: ">i4",
  0x0d: ">f4",
  0x0e: ">f8",
};
/** Dimensions that may be; labels have two if they are one-hot, or QMNIST's. */
const DIMS: Readonly<Record<IdxKind, readonly number[]>> = { images: [3], labels: [1, 2] };
const NAMES = ["count", "height", "width"];
/** The most bytes that one byte of deflate data unpacks to. */
const DEFLATE_RATIO = 1032;

/**
 * Reads and checks a whole file, plain or gzip.
 *
 * @param warn called if bytes follow the elements that are no part of the data
 * @throws {DataError} with the file and the offset, when it is not what its header or `kind` says
 */
export async function readIdxFile(path: string, kind: IdxKind, warn: Warn): Promise<StoredArray> {
  await using source = await ByteReader.open(path, warn);
  const { type, dims } = await readHeader(source, kind);
  const width = numberType(type)!.bytes, start = source.offset;
  const size = dims.reduce((product, dim) => product * dim, width);
  const factors = [...dims, ...(width > 1 ? [width] : [])].join(" × ");
  const declared = `${size} bytes (${factors}) after the header`;
  // Known before reading: for a plain file what is there, for gzip the most that can be.
  const most = source.packed ? source.fileSize * DEFLATE_RATIO : source.fileSize - start;
  if (size > most) {
    const found = source.packed
      ? `a gzip file of ${source.fileSize} bytes, which cannot hold that`
      : `got ${most}`;
    throw new DataError(
      `${source.place(start)}: expected ${declared}, ${found}; get the file again`,
    );
  }
  const body = await readBody(source, size);
  if (body.length < size) {
    throw new DataError(
      `${source.place(start)}: expected ${declared}, got ${body.length}; get the file again`,
    );
  }
  await checkEnd(source, path, declared, warn);
  return {
    location: path,
    type,
    dims,
    fortran: false,
    header: source.place(4),
    place: (element) => source.place(start + element * width),
    body,
  };
}

async function readHeader(
  source: ByteReader,
  kind: IdxKind,
): Promise<{ type: string; dims: number[] }> {
  const magic = new Uint8Array(4), got = await source.fill(magic);
  if (got < magic.length) throw cutHeader(source, 4 + 4 * DIMS[kind][0]!);
  const count = magic[3]!, type = checkMagic(magic, kind, source.place(0));
  const header = new Uint8Array(4 * count);
  if (await source.fill(header) < header.length) throw cutHeader(source, 4 + header.length);
  const view = new DataView(header.buffer);
  const dims = Array.from({ length: count }, (_, index) => {
    const dim = view.getUint32(4 * index);
    if (dim > 0) return dim;
    throw new DataError(
      `${source.place(4 + 4 * index)}: expected a ${
        kind === "images" ? NAMES[index] : ["count", "width"][index]
      } of ${kind} of at least 1, got 0; get a file that is not empty`,
    );
  });
  return { type, dims };
}

function cutHeader(source: ByteReader, expected: number): DataError {
  return new DataError(
    `${source.place(source.offset)}: expected a header of ${expected} bytes, got ` +
      `${source.offset}; get the file again`,
  );
}

/** The type of the elements. */
function checkMagic(magic: Uint8Array, kind: IdxKind, place: string): string {
  const [, , code = 0, dims = 0] = magic, type = TYPES[code];
  const isIdx = magic[0] === 0 && magic[1] === 0 && type !== undefined && dims > 0;
  if (isIdx && DIMS[kind].includes(dims)) return type;
  const other = kind === "images" ? "labels" : "images";
  const advice = isIdx && DIMS[other].includes(dims)
    ? `this is a file of ${other}; the two may be swapped`
    : isIdx
    ? `this is an IDX file of ${dims} dimensions; ${
      kind === "images" ? "images have 3: count, height, width" : "labels have 1: count"
    }`
    : "this is no IDX file; get it again";
  const expected = 0x0800 + DIMS[kind][0]!, found = new DataView(magic.buffer).getUint32(0);
  throw new DataError(
    `${place}: expected the magic number ${hex(expected)} (${kind}), got ${hex(found)}; ${advice}`,
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

/**
 * Reads what follows the elements. Zeros pad a file to a block; any other bytes mean that the header
 * may be wrong, and the elements with it.
 */
async function checkEnd(
  source: ByteReader,
  path: string,
  declared: string,
  warn: Warn,
): Promise<void> {
  const end = source.offset, { bytes, zeros } = await source.rest();
  if (bytes === 0) return;
  if (zeros) {
    return warn(`${source.place(end)}: ${bytes} bytes of 0 follow the data; they are ignored`);
  }
  const [read, out] = [shellWord(path), shellWord(`${path}.cut`)];
  const cut = source.packed
    ? `gunzip -c < ${read} | head -c ${end} > ${out}`
    : `head -c ${end} ${read} > ${out}`;
  throw new DataError(
    `${source.place(end)}: expected the end of the file after ${declared}, got ${bytes} more; ` +
      `get the file again or, if the header is right, cut it: ${cut} && mv ${out} ${read}`,
  );
}

function hex(word: number): string {
  return `0x${word.toString(16).padStart(8, "0")}`;
}
