/**
 * Decodes JPEG with MozJPEG's decoder (libjpeg-turbo's), compiled to WebAssembly: equal to Pillow to
 * the bit, and six times as fast as the best one written in JavaScript (docs/data.md). It cannot
 * decode CMYK. Each thread reads its code once, from the npm package, which a compiled binary
 * contains too.
 *
 * @module
 */
// deno-lint-ignore no-import-prefix -- a module imported by URL has no import map
import createModule from "npm:@jsquash/jpeg@1.6.0/codec/dec/mozjpeg_dec.js";
import { joinBytes } from "../core/bytes.ts";
import { DeviceError } from "../core/errors.ts";
import { decodeByBitmap } from "./bitmap.ts";
import type { JpegExtent } from "./jpeg_header.ts";
import { END_MISSING, type ImageHeader, ImageProblem } from "./types.ts";

/** Specifier of the decoder's WebAssembly module. */
export const JPEG_DECODER = "npm:@jsquash/jpeg@1.6.0/codec/dec/mozjpeg_dec.wasm";

/** Pixels above which an instance is dropped after use, because its memory never shrinks. */
const MAX_KEPT_PIXELS = 4_000_000;

/** One decoder with its memory. */
interface Instance {
  readonly decode: (bytes: Uint8Array, turned: boolean) => ImageData | null;
  /** libjpeg's messages since the last call: errors and warnings. */
  readonly said: string[];
}

let code: Promise<WebAssembly.Module> | undefined;
let kept: Instance | undefined;

/** An image as a decoder gives it. */
interface Decoded {
  readonly width: number;
  readonly height: number;
  /** u8, `[height, width, bytes of a pixel]`. */
  readonly pixels: Uint8Array<ArrayBuffer>;
  /** What the decoder warned of first. */
  readonly said?: string | undefined;
}

const END = Uint8Array.of(0xff, 0xd9);
/** Bits that no encoder wrote: blocks that are decoded from them differ from blocks that are missing. */
const FILLER = Uint8Array.from({ length: 4096 }, (_, i) => (i * 167 + (i >> 3) * 59 + 91) % 255);
/** What libjpeg says when blocks have no bits. It prints the first of its warnings alone. */
const NO_BITS = /^Premature end|^Corrupt JPEG data: (premature end|found marker .* instead of RST)/;

/**
 * Decodes a JPEG image. Without the marker of its end it is whole if no block lacks a bit: that is how
 * downloads end that lack their last two bytes, or have zeros in place of them. What libjpeg would
 * fill with grey is refused.
 *
 * @returns u8, `[height, width, stored]`, as stored (4: the last byte has no meaning), or rotated as
 * EXIF says (CMYK, 3); and a warning
 * @throws {ImageProblem} when pixels are missing, or the image is too damaged to decode
 */
export async function decodeJpeg(
  bytes: Uint8Array,
  { height, components }: ImageHeader,
  { ended, complete, dataEnd }: JpegExtent,
): Promise<Decoded & { readonly warning?: string }> {
  // Deno's decoder, which CMYK needs, fills up without a word.
  const silent = components === 4, decode = silent ? decodeCmyk : decodeColours;
  if (!complete && !ended) throw endsEarly(bytes, "scans", height);
  const data = bytes.subarray(0, dataEnd);
  if (ended) {
    const decoded = await decode(bytes), { said } = decoded;
    if (!said && !silent) {
      return complete
        ? decoded
        : { ...decoded, warning: "the scans with its finest details are missing" };
    }
    // Where another warning came first, it may have ended early as well.
    const row = await firstGuess(data, decode, decoded);
    if (row !== undefined || NO_BITS.test(said ?? "")) throw endsEarly(bytes, row, height);
    if (!complete) throw endsEarly(bytes, "scans", height);
    return said ? { ...decoded, warning: `${said}: some of its pixels may be wrong` } : decoded;
  }
  // Zeros may be data, or stand for what was never written.
  const filled = withoutEnd(data, [0xff]), bare = withoutEnd(data, [0, 0xff]);
  let row: number | undefined;
  for (const part of !silent && bare.length < filled.length ? [filled, bare] : [bare]) {
    const decoded = await decode(joinBytes([part, END]));
    if (silent || decoded.said) row = await firstGuess(part, decode, decoded);
    if (silent ? row === undefined : !decoded.said) {
      return { ...decoded, warning: END_MISSING };
    }
  }
  throw endsEarly(bytes, row, height);
}

/** @param from the first row that is missing, if it is known, or the later scans */
function endsEarly(
  { length }: Uint8Array,
  from: number | "scans" | undefined,
  height: number,
): ImageProblem {
  const lost = from === undefined
    ? ""
    : from === "scans"
    ? ": the scans with its details are missing"
    : `: pixels from row ${from + 1} of ${height} on are missing`;
  return new ImageProblem(`the JPEG image ends early${lost}; get the file again`, length);
}

/**
 * The first row with pixels that depend on what follows the data; `undefined` if there is none.
 *
 * @param decoded what the data alone gave
 */
async function firstGuess(
  data: Uint8Array,
  decode: (bytes: Uint8Array) => Promise<Decoded>,
  { pixels, height }: Decoded,
): Promise<number | undefined> {
  const { pixels: other } = await decode(joinBytes([data, FILLER, END]));
  let at = 0;
  while (at < pixels.length && pixels[at] === other[at]) at++;
  return at === pixels.length ? undefined : Math.floor(at / (pixels.length / height));
}

function withoutEnd(bytes: Uint8Array, padding: readonly number[]): Uint8Array {
  let end = bytes.length;
  while (end > 0 && padding.includes(bytes[end - 1]!)) end--;
  return bytes.subarray(0, end);
}

async function decodeCmyk(bytes: Uint8Array): Promise<Decoded> {
  const { rgb, ...size } = await decodeByBitmap(bytes, "JPEG");
  return { ...size, pixels: rgb };
}

async function decodeColours(bytes: Uint8Array): Promise<Decoded> {
  const instance = kept ?? await newInstance();
  // No other call may use the instance while it works, or after it failed or grew.
  kept = undefined;
  instance.said.length = 0;
  let decoded: ImageData | null = null;
  try {
    decoded = instance.decode(bytes, false);
  } catch {
    // On an error libjpeg prints the reason and exits, which throws.
  }
  const said = instance.said.at(-1);
  if (!decoded) {
    throw new ImageProblem(
      `the JPEG image is damaged${said ? ` (${said})` : ""}; get the file again`,
    );
  }
  const { width, height, data: { buffer, byteOffset, byteLength } } = decoded;
  if (width * height <= MAX_KEPT_PIXELS) kept = instance;
  return { width, height, pixels: new Uint8Array(buffer, byteOffset, byteLength), said };
}

async function readCode(): Promise<WebAssembly.Module> {
  try {
    return await WebAssembly.compile(
      await Deno.readFile(new URL(import.meta.resolve(JPEG_DECODER))),
    );
  } catch (error) {
    throw new DeviceError(
      `cannot read the JPEG decoder that comes with qtrain ` +
        `(${error instanceof Error ? error.message : error}); run the binary, or run from source ` +
        `with --allow-read`,
    );
  }
}

async function newInstance(): Promise<Instance> {
  const wasm = await (code ??= readCode());
  const said: string[] = [];
  const options = {
    noInitialRun: true,
    printErr: (line: string) => void said.push(line),
    instantiateWasm(
      imports: WebAssembly.Imports,
      done: (instance: WebAssembly.Instance) => void,
    ): WebAssembly.Exports {
      const instance = new WebAssembly.Instance(wasm, imports);
      done(instance);
      return instance.exports;
    },
  };
  // The package declares a type for the callback that differs from its call.
  const module = await createModule(options as unknown as Parameters<typeof createModule>[0]);
  return {
    decode: (bytes, turned) => module.decode(bytes as Uint8Array<ArrayBuffer>, turned),
    said,
  };
}
