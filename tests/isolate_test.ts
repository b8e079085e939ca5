/**
 * Tests see nothing of the user's: neither home, nor caches, nor variables; nor do the processes that
 * they start.
 *
 * @module
 */
import assert from "node:assert/strict";
import { cacheFile } from "../lib/runtime/gpu/cache_file.ts";
import { importsOf } from "./support/imports.ts";
import { FOLDER } from "./support/isolate.ts";

Deno.test("home, caches and temporary files of a test are in a throw-away folder", () => {
  const folder = Deno.env.get(FOLDER)!, inside = (path = "") => path.startsWith(`${folder}/`);
  for (const name of ["HOME", "XDG_CACHE_HOME", "TMPDIR"]) {
    assert.ok(inside(Deno.env.get(name)), name);
  }
  assert.ok(inside(cacheFile("tiles.json")));
  const temporary = Deno.makeTempDirSync();
  Deno.removeSync(temporary);
  assert.ok(inside(temporary), temporary);
});

Deno.test("no variable of qtrain is set in a test, but those for tests", () => {
  const own = Object.keys(Deno.env.toObject()).filter((name) => /^QTRAIN_(?!TEST_)/.test(name));
  assert.deepEqual(own, []);
});

Deno.test("a process that a test starts has the same home", async () => {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "console.log(Deno.env.get('HOME'))"],
  }).output();
  assert.equal(new TextDecoder().decode(stdout).trim(), Deno.env.get("HOME"));
});

Deno.test("every test file that could reach a cache, or starts a process, is isolated", () => {
  const imports = importsOf(["tests", "cli", "lib", "kernels", "mod.ts"]);
  const reached = (from: string, found = new Set<string>()): Set<string> => {
    if (found.has(from)) return found;
    found.add(from);
    for (const to of imports.get(from) ?? []) reached(to, found);
    return found;
  };
  const ROOT = new URL("../", import.meta.url);
  const needs = (all: Set<string>, file: string) =>
    all.has("lib/runtime/gpu/cache_file.ts") || all.has("lib/data/paths/find_data.ts") ||
    /Deno\.(Command|makeTemp)/.test(Deno.readTextFileSync(new URL(file, ROOT)));
  const bare = [...imports.keys()].filter((file) => {
    if (!/^tests\/\w+_test\.ts$/.test(file)) return false;
    const all = reached(file);
    return needs(all, file) && !all.has("tests/support/isolate.ts");
  });
  assert.deepEqual(bare, []);
});
