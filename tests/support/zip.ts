/**
 * Zip and `.npy` files for tests, byte by byte as NumPy writes them.
 *
 * @module
 */
import { crc32, deflateRawSync } from "node:zlib";

/** Bytes of an `.npy` file; what is left out is what NumPy writes for u8 in C order. */
export interface NpyParts {
  dims: readonly number[];
  body: ArrayLike<number>;
  type?: string;
  fortran?: boolean;
  version?: 1 | 2 | 3;
}

/** An `.npy` file. `body` is the bytes of the elements. */
export function npy(
  { dims, body, type = "|u1", fortran = false, version = 1 }: NpyParts,
): Uint8Array<ArrayBuffer> {
  const shape = dims.length === 1 ? `(${dims[0]},)` : `(${dims.join(", ")})`;
  const header = `{'descr': '${type}', 'fortran_order': ${
    fortran ? "True" : "False"
  }, 'shape': ${shape}, }`;
  const opening = version === 1 ? 10 : 12;
  const padded = header.padEnd(Math.ceil((opening + header.length + 1) / 64) * 64 - opening - 1) +
    "\n";
  const length = version === 1 ? word(padded.length, 2) : word(padded.length, 4);
  const magic = [0x93, ...new TextEncoder().encode("NUMPY"), version, 0];
  return join(magic, length, new TextEncoder().encode(padded), body);
}

/** A zip file of entries by name, stored or deflated. */
export function zip(
  files: Readonly<Record<string, Uint8Array>>,
  { deflate = false, comment = "" } = {},
): Uint8Array<ArrayBuffer> {
  const local: ArrayLike<number>[] = [];
  const list: ArrayLike<number>[] = [];
  let offset = 0, listSize = 0;
  for (const [name, bytes] of Object.entries(files)) {
    const packed = deflate ? new Uint8Array(deflateRawSync(bytes)) : bytes;
    const path = new TextEncoder().encode(name);
    const same = [
      ...word(20, 2),
      ...word(0, 2), // flags
      ...word(deflate ? 8 : 0, 2),
      ...word(0, 4), // time and date
      ...word(crc32(bytes), 4),
      ...word(packed.length, 4),
      ...word(bytes.length, 4),
      ...word(path.length, 2),
    ];
    // As NumPy does, the local header has an extra field that the list lacks.
    const extra = [1, 0, 16, 0, ...word(bytes.length, 8), ...word(packed.length, 8)];
    const header = join(word(0x04034b50, 4), same, word(extra.length, 2), path, extra);
    const entry = join(
      word(0x02014b50, 4),
      word(20, 2),
      same,
      word(0, 2 + 2 + 2 + 2 + 4), // extra, comment, disk, attributes
      word(offset, 4),
      path,
    );
    local.push(header, packed);
    list.push(entry);
    offset += header.length + packed.length;
    listSize += entry.length;
  }
  const count = word(list.length, 2);
  const note = new TextEncoder().encode(comment);
  return join(
    ...local,
    ...list,
    word(0x06054b50, 4),
    word(0, 4),
    count,
    count,
    word(listSize, 4),
    word(offset, 4),
    word(note.length, 2),
    note,
  );
}

/** A whole number in little-endian bytes. */
export function word(value: number, bytes: number): number[] {
  return Array.from({ length: bytes }, (_, at) => Math.floor(value / 2 ** (8 * at)) % 256);
}

function join(...parts: ArrayLike<number>[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(parts.flatMap((part) => Array.from(part)));
}
