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
import { DeviceError } from "../core/errors.ts";
import { ImageProblem } from "./types.ts";

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

/**
 * Decodes a grey or colour image, as stored.
 *
 * @returns u8, `[height, width, 4]`, of which the fourth has no meaning; and libjpeg's warning, if any
 * @throws {ImageProblem} when the image is cut short, or too damaged to decode
 */
export async function decodeJpeg(
  bytes: Uint8Array,
  pixels: number,
): Promise<{ rgba: Uint8ClampedArray<ArrayBuffer>; warning: string | undefined }> {
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
  if (instance.said.some((line) => line.startsWith("Premature end"))) {
    throw new ImageProblem("the JPEG image ends early; get the file again", bytes.length);
  }
  if (!decoded) {
    throw new ImageProblem(
      `the JPEG image is damaged${said ? ` (${said})` : ""}; get the file again`,
    );
  }
  if (pixels <= MAX_KEPT_PIXELS) kept = instance;
  return { rgba: decoded.data as Uint8ClampedArray<ArrayBuffer>, warning: said };
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
