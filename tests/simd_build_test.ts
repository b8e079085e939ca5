/**
 * The compiled SIMD modules of the repository are what their sources compile to.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import assert from "node:assert/strict";
import { buildSimd } from "../cli/build_simd.ts";
import { ROOT } from "./support/command.ts";

Deno.test("deno task simd writes exactly the files of the repository", async () => {
  const files = await buildSimd();
  assert.equal(files.size, 5);
  for (const [path, bytes] of files) {
    const same = Buffer.compare(bytes, await Deno.readFile(`${ROOT}${path}`)) === 0;
    assert.ok(same, `${path}: expected what its source compiles to; run deno task simd`);
  }
});
