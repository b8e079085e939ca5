/**
 * The `.npy` format, versions 1 to 3: a magic word, a header that is a Python dictionary with the
 * type, the order and the shape, then the elements.
 *
 * @module
 */
import { DataError } from "../../core/errors.ts";
import type { Warn } from "./byte_reader.ts";
import type { StoredArray } from "./elements.ts";

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]; // "\x93NUMPY"
/** Magic and version. */
const OPENING = 8;

/**
 * Reads the header and checks that the elements are all there.
 *
 * @param bytes of the whole file
 * @param location the file, as errors name it
 * @param warn called if zeros follow the elements
 * @throws {DataError} when it is no `.npy` file, or not what its header says
 */
export function parseNpy(
  bytes: Uint8Array<ArrayBuffer>,
  location: string,
  warn: Warn,
): StoredArray {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < OPENING || MAGIC.some((byte, at) => bytes[at] !== byte)) {
    throw new DataError(
      `${location}: byte 0: expected a .npy file, which opens with \\x93NUMPY, got another kind ` +
        `of file; write it with numpy.save`,
    );
  }
  const version = bytes[6]!;
  if (version < 1 || version > 3) {
    throw new DataError(
      `${location}: byte 6: expected version 1, 2 or 3 of .npy, got ${version}; ` +
        `write it with numpy.save`,
    );
  }
  const start = OPENING + (version === 1 ? 2 : 4);
  if (bytes.length < start) throw cutHeader(location, bytes.length);
  const length = version === 1 ? view.getUint16(OPENING, true) : view.getUint32(OPENING, true);
  const offset = start + length;
  if (offset > bytes.length) throw cutHeader(location, bytes.length, length);
  const header = new TextDecoder().decode(bytes.subarray(start, offset));
  const place = `${location}: byte ${start}`;
  const { type, dims, fortran } = parseHeader(header, place);
  const body = elementBytesOf(
    bytes.subarray(offset),
    type,
    dims,
    `${location}: byte ${offset}`,
    warn,
  );
  const width = elementBytes(type) ?? 0;
  return {
    location,
    type,
    dims,
    fortran,
    header: place,
    place: (element) => `${location}: byte ${offset + element * width}`,
    body,
  };
}

function cutHeader(place: string, size: number, length?: number): DataError {
  const what = length === undefined ? "a header" : `a header of ${length} bytes`;
  return new DataError(
    `${place}: byte ${OPENING}: expected ${what}, got the end of the file at byte ${size}; ` +
      `get the file again`,
  );
}

function parseHeader(
  header: string,
  place: string,
): Pick<StoredArray, "type" | "dims" | "fortran"> {
  const type = /['"]descr['"]\s*:\s*(?:['"]([^'"]*)['"]|\[)/.exec(header);
  const order = /['"]fortran_order['"]\s*:\s*(True|False)/.exec(header);
  const shape = /['"]shape['"]\s*:\s*\(([\d\s,]*)\)/.exec(header);
  if (!type || !order || !shape) {
    throw new DataError(
      `${place}: expected a header with descr, fortran_order and shape, got ` +
        `${JSON.stringify(header.trim().slice(0, 80))}; write it with numpy.save`,
    );
  }
  const dims = shape[1]!.split(",").map((part) => part.trim()).filter((part) => part !== "")
    .map(Number);
  // Of one dimension, both orders are the same.
  const fortran = order[1] === "True" && dims.length > 1;
  return { type: type[1] ?? "a record", dims, fortran };
}

/** Checks the length that the header states against the file: nothing is allocated by the header. */
function elementBytesOf(
  body: Uint8Array<ArrayBuffer>,
  type: string,
  dims: readonly number[],
  place: string,
  warn: Warn,
): Uint8Array<ArrayBuffer> {
  const width = elementBytes(type);
  if (width === undefined) return body; // Refused later, by the code that needs another type.
  const size = dims.reduce((product, dim) => product * dim, width), more = body.length - size;
  if (more === 0) return body;
  if (more > 0 && body.subarray(size).every((byte) => byte === 0)) {
    warn(`${place}: ${more} bytes of 0 follow the ${size} of the data; they are ignored`);
    return body.subarray(0, size);
  }
  throw new DataError(
    `${place}: expected ${size} bytes (${[...dims, width].join(" × ")}) after the header, ` +
      `got ${body.length}; get the file again`,
  );
}

function elementBytes(type: string): number | undefined {
  const size = /^[<>|=]?[a-zA-Z](\d+)$/.exec(type);
  if (!size) return undefined;
  return (type.includes("U") ? 4 : 1) * Number(size[1]);
}
