/**
 * JPEG through MozJPEG's decoder (libjpeg-turbo's), compiled to WebAssembly: exact to the bit with
 * Pillow and four times faster than what is written in JavaScript (docs/results.md). It knows no
 * CMYK. Its code is read once for each thread, from the package that came with it, which a compiled
 * binary holds too.
 *
 * @module
 */
// deno-lint-ignore no-import-prefix -- a module imported by URL has no import map
import createModule from "npm:@jsquash/jpeg@1.6.0/codec/dec/mozjpeg_dec.js";
import { DeviceError } from "../core/errors.ts";
import { ImageProblem } from "./types.ts";

/** Where the code of the decoder is. */
export const JPEG_DECODER = "npm:@jsquash/jpeg@1.6.0/codec/dec/mozjpeg_dec.wasm";

/** An instance's memory never shrinks: after an image of so many pixels a new one is made. */
const LARGE = 4_000_000;

/** One decoder with its memory. */
interface Instance {
  readonly decode: (bytes: Uint8Array, turned: boolean) => ImageData | null;
  /** What it said since it was last asked: libjpeg's messages, errors and warnings alike. */
  readonly said: string[];
}

let code: Promise<WebAssembly.Module> | undefined;
let kept: Instance | undefined;

/**
 * Decodes a grey or colour image, as stored.
 *
 * @returns u8, `[height, width, 4]`, the fourth without meaning; and libjpeg's warning, if any
 * @throws {ImageProblem} when it is damaged so that no decoder could be right, or cut short
 */
export async function decodeJpeg(
  bytes: Uint8Array,
  pixels: number,
): Promise<{ rgba: Uint8ClampedArray<ArrayBuffer>; warning: string | undefined }> {
  const instance = kept ?? await newInstance();
  // While it works, and if it fails or grew, nobody else gets it.
  kept = undefined;
  instance.said.length = 0;
  let decoded: ImageData | null = null;
  try {
    decoded = instance.decode(bytes, false);
  } catch {
    // libjpeg's way to fail is to exit, after it has said why.
  }
  const said = instance.said.at(-1);
  if (instance.said.some((line) => line.startsWith("Premature end"))) {
    throw new ImageProblem(
      "expected a whole JPEG image, found that it ends early; get it again",
      bytes.length,
    );
  }
  if (!decoded) {
    throw new ImageProblem(
      `expected a JPEG image that can be decoded, found damage${said ? ` (${said})` : ""}; ` +
        `get the file again`,
    );
  }
  if (pixels <= LARGE) kept = instance;
  return { rgba: decoded.data as Uint8ClampedArray<ArrayBuffer>, warning: said };
}

async function readCode(): Promise<WebAssembly.Module> {
  try {
    return await WebAssembly.compile(
      await Deno.readFile(new URL(import.meta.resolve(JPEG_DECODER))),
    );
  } catch (error) {
    throw new DeviceError(
      `JPEG: expected the decoder that comes with qtrain, found that it cannot be read ` +
        `(${error instanceof Error ? error.message : error}); run the binary, or from the source ` +
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
  // The package's type of the callback is not what it is called with.
  const module = await createModule(options as unknown as Parameters<typeof createModule>[0]);
  return {
    decode: (bytes, turned) => module.decode(bytes as Uint8Array<ArrayBuffer>, turned),
    said,
  };
}
