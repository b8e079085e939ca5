/**
 * The compiled SIMD modules of the repository are what their sources compile to.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import assert from "node:assert/strict";
import { ROOT } from "./support/command.ts";

/** What `deno task simd` writes. */
const FILES = [
  "kernels/include/records.simd.ts",
  "kernels/run_part.simd.ts",
  "kernels/simd.wasm",
  "kernels/simd_one_thread.wasm",
  "lib/bench/peak_rates.wasm",
  "lib/export/compute/convolve.wasm",
];

Deno.test("deno task simd writes exactly the files of the repository", async () => {
  const folder = await Deno.makeTempDir();
  try {
    // A process of its own: the compiler is not in the lock file.
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--no-prompt", "--no-lock", "--no-check", "--quiet", "--allow-read"],
        ...["--allow-env", `--allow-write=${folder}`, "cli/build_simd.ts", folder],
      ],
      cwd: ROOT,
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    for (const path of FILES) {
      const built = await Deno.readFile(`${folder}/${path}`);
      const same = Buffer.compare(built, await Deno.readFile(`${ROOT}${path}`)) === 0;
      assert.ok(same, `${path}: expected what its source compiles to; run deno task simd`);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
