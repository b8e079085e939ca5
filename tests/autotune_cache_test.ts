/**
 * The file of timed tiles: where it is, and that nothing that is wrong with it is an error.
 *
 * @module
 */
import assert from "node:assert/strict";
import { adapterName, readTiles, tileFile, writeTiles } from "../lib/runtime/gpu/autotune_cache.ts";
import { NATIVE } from "../lib/runtime/gpu/device.ts";
import { inFolder } from "./support/command.ts";

const TIMES = { source: "01234567", ns: 1200, ratios: { "P=4": 0.8, "P=2": null } };
const times = (name: string) => new Map([[name, TIMES]]);

Deno.test("tiles are remembered in the cache folder of each system", () => {
  const env = (variables: Record<string, string>) => (name: string) => variables[name];
  const home = { HOME: "/home/a" };
  assert.equal(tileFile("linux", env(home)), "/home/a/.cache/qtrain/tiles.json");
  assert.equal(
    tileFile("linux", env({ ...home, XDG_CACHE_HOME: "/fast" })),
    "/fast/qtrain/tiles.json",
  );
  const relative = env({ ...home, XDG_CACHE_HOME: "fast" });
  assert.equal(tileFile("linux", relative), "/home/a/.cache/qtrain/tiles.json");
  assert.equal(tileFile("darwin", env(home)), "/home/a/Library/Caches/qtrain/tiles.json");
  assert.equal(tileFile("windows", env({ LOCALAPPDATA: "C:/L" })), "C:/L/qtrain/tiles.json");
  assert.equal(tileFile("linux", env({ ...home, QTRAIN_CACHE: "here" })), "here/tiles.json");
  for (const os of ["linux", "darwin", "windows"] as const) {
    assert.equal(tileFile(os, env({})), undefined);
  }
});

Deno.test("what is written is read again, for its adapter alone, and adds to what is there", async () => {
  await inFolder({}, async (folder) => {
    const path = `${folder}/new/tiles.json`;
    assert.deepEqual(await readTiles(path, "a"), new Map());
    assert.equal(await writeTiles(path, "a", times("conv")), undefined);
    assert.equal(await writeTiles(path, "b", times("norm")), undefined);
    assert.equal(await writeTiles(path, "a", times("add")), undefined);
    assert.deepEqual(await readTiles(path, "a"), new Map([...times("conv"), ...times("add")]));
    assert.deepEqual(await readTiles(path, "b"), times("norm"));
    assert.deepEqual(await readTiles(path, "c"), new Map());
    const left = (await Array.fromAsync(Deno.readDir(`${folder}/new`))).map(({ name }) => name);
    assert.deepEqual(left, ["tiles.json"]);
  });
});

Deno.test("an adapter goes by its name, vendor, system and the version of Deno", () => {
  const info = { vendor: "v", architecture: "", device: "7", description: "A GPU" };
  const name = adapterName(info);
  assert.ok(name.startsWith("A GPU, v, 7, ") && name.includes(Deno.version.deno), name);
  assert.notEqual(name, adapterName({ ...info, device: "8" }));
  const before = Deno.env.get("DENO_WEBGPU_BACKEND");
  try {
    Deno.env.set("DENO_WEBGPU_BACKEND", "gl");
    assert.notEqual(name, adapterName(info), "OpenGL gives the names that Vulkan gives");
    Deno.env.set("DENO_WEBGPU_BACKEND", NATIVE);
    assert.equal(name, adapterName(info));
  } finally {
    if (before === undefined) Deno.env.delete("DENO_WEBGPU_BACKEND");
    else Deno.env.set("DENO_WEBGPU_BACKEND", before);
  }
});

const BROKEN = {
  "empty": "",
  "half a file": '{"format": "qtrain tiles 1", "adap',
  "no text": new Uint8Array([0, 255, 254]),
};
for (const [what, content] of Object.entries(BROKEN)) {
  Deno.test(`a broken file counts as none and is replaced: ${what}`, async () => {
    await inFolder({ "tiles.json": content }, async (folder) => {
      const path = `${folder}/tiles.json`;
      assert.deepEqual(await readTiles(path, "a"), new Map());
      assert.equal(await writeTiles(path, "a", times("conv")), undefined);
      assert.deepEqual(await readTiles(path, "a"), times("conv"));
    });
  });
}

const FOREIGN = ['{"tiles": [1, 2]}', '{"format": "qtrain tiles 2", "adapters": {}}', "[]", "null"];
for (const content of FOREIGN) {
  Deno.test(`a file of something else counts as none and stays: ${content}`, async () => {
    await inFolder({ "tiles.json": content }, async (folder) => {
      const path = `${folder}/tiles.json`;
      assert.deepEqual(await readTiles(path, "a"), new Map());
      assert.match(
        (await writeTiles(path, "a", times("conv")))?.why ?? "",
        /found something else; remove/,
      );
      assert.equal(await Deno.readTextFile(path), content);
    });
  });
}

Deno.test("entries that make no sense count as none", async () => {
  const entries = {
    good: TIMES,
    list: [],
    text: "P=4",
    without: { source: "0" },
    negative: { ...TIMES, ns: -1 },
    ratio: { ...TIMES, ratios: { "P=4": "fast" } },
    infinite: { ...TIMES, ratios: { "P=4": 1e999 } },
  };
  const file = { format: "qtrain tiles 1", adapters: { a: entries, b: 3 } };
  const text = JSON.stringify(file).replace('"P=4":null}}', '"P=4":1e999}}');
  await inFolder({ "tiles.json": text }, async (folder) => {
    const path = `${folder}/tiles.json`;
    assert.deepEqual([...(await readTiles(path, "a")).keys()], ["good"]);
    assert.deepEqual(await readTiles(path, "b"), new Map());
    assert.equal(await writeTiles(path, "b", times("conv")), undefined);
  });
});

Deno.test("where nothing can be written, that is said and nothing else happens", async () => {
  assert.match(
    (await writeTiles(undefined, "a", times("conv")))?.why ?? "",
    /no cache folder is known/,
  );
  await inFolder({ file: "" }, async (folder) => {
    const path = `${folder}/file/qtrain/tiles.json`;
    assert.deepEqual(await readTiles(path, "a"), new Map());
    assert.match(
      (await writeTiles(path, "a", times("conv")))?.why ?? "",
      /cannot write: a part of the path is a file, not a folder/,
    );
  });
});

Deno.test({
  name: "permissions that are missing count as a folder that cannot be read, written or known",
  permissions: { read: false, write: false, env: false },
  fn: async () => {
    assert.equal(tileFile(), undefined);
    assert.deepEqual(await readTiles("tiles.json", "a"), new Map());
    const why = await writeTiles("tiles.json", "a", times("conv"));
    assert.match(why?.why ?? "", /run it with --allow-write/);
    assert.equal(why?.denied, true, "nobody need hear of it");
  },
});

Deno.test("many writers at once leave a whole file", async () => {
  await inFolder({}, async (folder) => {
    const path = `${folder}/tiles.json`, all = Array.from({ length: 20 }, (_, i) => `conv ${i}`);
    const problems = await Promise.all(all.map((name) => writeTiles(path, "a", times(name))));
    assert.deepEqual(problems, all.map(() => undefined));
    const found = await readTiles(path, "a");
    assert.ok(found.size > 0);
    for (const name of found.keys()) assert.ok(all.includes(name));
    assert.equal((await Array.fromAsync(Deno.readDir(folder))).length, 1);
  });
});

Deno.test({
  name: "a link to the file stays a link",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await inFolder({}, async (folder) => {
      await Deno.mkdir(`${folder}/elsewhere`);
      await Deno.writeTextFile(`${folder}/elsewhere/t.json`, "");
      await Deno.symlink(`${folder}/elsewhere/t.json`, `${folder}/tiles.json`);
      assert.equal(await writeTiles(`${folder}/tiles.json`, "a", times("conv")), undefined);
      assert.ok((await Deno.lstat(`${folder}/tiles.json`)).isSymlink);
      assert.deepEqual(await readTiles(`${folder}/elsewhere/t.json`, "a"), times("conv"));
    });
  },
});
