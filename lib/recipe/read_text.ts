/**
 * Reads the text of a recipe's file.
 *
 * @module
 */

import { RecipeError } from "../core/errors.ts";
import { oddCharacter } from "./recipe_errors.ts";
import { fileError } from "../core/files.ts";
import { isUtf16 } from "../core/text.ts";

/** Far above any recipe; a file beyond it is something else. */
const MAX_BYTES = 2 ** 20;

/**
 * The text of a file of at most 1 MiB, without a byte order mark.
 *
 * @throws {RecipeError} where it is missing, a folder, too large, or not text
 * @throws {DataError} where its path is none
 * @throws {SystemError} where the system cannot read it
 */
export async function readText(path: string): Promise<string> {
  const bytes = await readBytes(path);
  if (isUtf16(bytes)) {
    throw new RecipeError(
      `${path}: expected a recipe in UTF-8 text, got one that was saved as UTF-16; save it as UTF-8`,
    );
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new RecipeError(
      `${path}:${firstNoText(bytes)}: expected a recipe in UTF-8 text, got bytes that are not; ` +
        `save it as UTF-8`,
    );
  }
}

/** Line and column of the first byte that is no UTF-8. */
function firstNoText(bytes: Uint8Array): string {
  const strict = new TextDecoder("utf-8", { fatal: true }), lenient = new TextDecoder();
  for (let from = 0, line = 1; from <= bytes.length; line++) {
    const newline = bytes.indexOf(0x0a, from), to = newline < 0 ? bytes.length : newline;
    const text = bytes.subarray(from, to);
    try {
      strict.decode(text);
    } catch {
      return `${line}:${lenient.decode(text).indexOf("\ufffd") + 1}`;
    }
    from = to + 1;
  }
  return "1:1";
}

async function readBytes(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const expected = `${path}: expected a recipe, a YAML file`;
  try {
    using file = await Deno.open(path);
    if ((await file.stat()).isDirectory) throw new RecipeError(`${expected}, got a folder`);
    const bytes = new Uint8Array(MAX_BYTES + 1);
    let length = 0;
    while (length < bytes.length) {
      const read = await file.read(bytes.subarray(length));
      if (read === null) return bytes.subarray(0, length);
      length += read;
    }
    throw new RecipeError(`${expected} of at most 1 MiB, got a larger one`);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw new RecipeError(`${expected}, got no such file${oddCharacter(path) ?? ""}`);
    }
    if (error instanceof Deno.errors.PermissionDenied) {
      throw new RecipeError(`${expected}, got one that may not be read`);
    }
    if (error instanceof Deno.errors.NotCapable) {
      throw new RecipeError(
        `${expected}, got no permission to read it; allow it with --allow-read`,
      );
    }
    throw fileError(error, "read", path);
  }
}
