/**
 * Where the paths of a recipe's file may lead, by the command line and by the library.
 *
 * @module
 */
import assert from "node:assert/strict";
import { formatRecipe, loadRecipe, parseRecipe, resolveRecipe } from "../lib/recipe/load.ts";
import { openDataset } from "../lib/data/open.ts";
import { IMAGENET, PLAIN, TINY } from "./support/image_folders.ts";
import { smallIdx, withFolder } from "./data_helpers.ts";
import { qtrain } from "./support/command.ts";
import { type PathScope, UNRESTRICTED } from "../lib/recipe/path_scope.ts";
import type { RecipeInput } from "../lib/recipe/recipe.ts";

const LAYERS = "model: { layers: [global_avg_pool, { type: linear, features: 3 }] }\n";
const TRAIN = "train: { epochs: 1, batch: 2 }\n";
const recipe = (data: string, more = "") => `data: ${data}\n${LAYERS}${TRAIN}${more}`;

/** `home/` with what is private, `given/` with what came from elsewhere. */
async function placed(
  text: string,
  body: (folder: string, path: string) => Promise<void>,
  files: Record<string, Uint8Array> = {},
): Promise<void> {
  const home = Object.fromEntries(
    Object.entries(smallIdx()).map(([name, bytes]) => [`home/digits/${name}`, bytes]),
  );
  const given = { "given/recipe.yaml": new Uint8Array() };
  await withFolder({ ...home, ...given, ...files }, async (folder) => {
    const path = `${folder}/given/recipe.yaml`;
    await Deno.writeTextFile(path, text.replaceAll("HOME", `${folder}/home`));
    await body(folder, path);
  });
}

const open = async (path: string, overrides: string[] = []) =>
  await openDataset(await loadRecipe(path, overrides));

for (const root of ["../home/digits", "HOME/digits", "a/../../home/digits"]) {
  Deno.test(`a recipe's file may not name ${root}, the command line may`, () =>
    placed(recipe(`{ format: idx, root: ${root} }`), async (folder, path) => {
      const home = `${folder}/home/digits`;
      await assert.rejects(open(path), {
        name: "DataError",
        message: `data.root: cannot read ${home}: it is outside the recipe's folder ` +
          `(${folder}/given) and QTRAIN_DATA. To allow it, give data.root=${home} on the command ` +
          `line, or pathScope: UNRESTRICTED in a program`,
      });
      assert.equal((await open(path, [`data.root=${home}`])).train.count, 3);
      assert.equal((await open(path, [`data={ format: idx, root: ${home} }`])).train.count, 3);
      await assert.rejects(open(path, ["data.classes=3"]), /outside the recipe's folder/);
    }));
}

Deno.test("every command that reads data refuses a recipe that leads out of its folder", () =>
  placed(recipe("{ format: idx, root: HOME/digits }"), async (folder, path) => {
    for (const command of [["train"], ["check"], ["data"], ["compare"], ["traffic"]]) {
      const args = [...command, path, ...(command[0] === "train" ? ["--device", "cpu"] : [])];
      const { code, stderr } = await qtrain(args, { cwd: folder });
      assert.equal(code, 2, `${command}: ${stderr}`);
      assert.match(stderr, /data\.root: cannot read .* outside the recipe's folder/, `${command}`);
    }
  }));

Deno.test("data in QTRAIN_DATA is found under its name, and by links that lie there", () =>
  placed(recipe("{ format: idx, root: /somewhere/else/digits }"), async (folder, path) => {
    await assert.rejects(open(path), /outside the recipe's folder/);
    await Deno.mkdir(`${folder}/shared`);
    await Deno.symlink(`${folder}/home/digits`, `${folder}/shared/digits`);
    Deno.env.set("QTRAIN_DATA", `${folder}/shared`); // `withFolder` sets it back.
    assert.equal((await open(path)).train.count, 3);
    await Deno.writeTextFile(path, recipe(`{ format: idx, root: ${folder}/shared/digits }`));
    assert.equal((await open(path)).train.count, 3);
  }));

Deno.test("a link in a recipe's folder may not lead out of it", () =>
  placed(recipe("{ format: idx, root: digits }"), async (folder, path) => {
    await Deno.symlink(`${folder}/home/digits`, `${folder}/given/digits`);
    await assert.rejects(open(path), (error: Error) => {
      assert.match(
        error.message,
        /given\/digits: it is a link to .*home\/digits, outside the recipe/,
      );
      assert.match(error.message, /give data\.root=.* on the command line/);
      return true;
    });
    assert.equal((await open(path, [`data.root=${folder}/given/digits`])).train.count, 3);
    // One file of it.
    await Deno.remove(`${folder}/given/digits`);
    await Deno.mkdir(`${folder}/given/digits`);
    for (const name of Object.keys(smallIdx())) {
      const from = `${folder}/home/digits/${name}`, to = `${folder}/given/digits/${name}`;
      if (name.startsWith("t10k-labels")) await Deno.symlink(from, to);
      else await Deno.copyFile(from, to);
    }
    await assert.rejects(open(path), /t10k-labels-idx1-ubyte: it is a link to /);
    // Within the folder it may lead anywhere.
    await Deno.rename(`${folder}/home/digits/t10k-labels-idx1-ubyte`, `${folder}/given/labels`);
    await Deno.remove(`${folder}/given/digits/t10k-labels-idx1-ubyte`);
    await Deno.symlink("../labels", `${folder}/given/digits/t10k-labels-idx1-ubyte`);
    assert.equal((await open(path)).train.count, 3);
  }));

const LINKS: [string, Readonly<Record<string, Uint8Array>>, string][] = [
  ["an image", IMAGENET, "train/cat/1.png"],
  ["a folder in a class", IMAGENET, "train/dog/deeper"],
  ["a class", PLAIN, "red"],
  ["an image of Tiny ImageNet's test split", TINY, "val/images/val_0.JPEG"],
  ["a list of classes", TINY, "wnids.txt"],
  ["a list of labels", TINY, "val/val_annotations.txt"],
];
for (const [what, files, victim] of LINKS) {
  const own = Object.fromEntries(
    Object.entries(files).map(([name, bytes]) => [`given/pets/${name}`, bytes]),
  );
  Deno.test(`a folder of images may not lead out of the recipe's by ${what} that is a link`, () =>
    placed(recipe("{ format: folder, root: pets, size: 8 }"), async (folder, path) => {
      assert.ok((await open(path)).train.count > 0);
      await Deno.rename(`${folder}/given/pets/${victim}`, `${folder}/home/secret`);
      await Deno.symlink(`${folder}/home/secret`, `${folder}/given/pets/${victim}`);
      await assert.rejects(open(path), /it is a link to .*home\/secret/);
      assert.ok((await open(path, [`data.root=${folder}/given/pets`])).train.count > 0);
    }, own));
}

Deno.test("init leads to the recipe's folder, to QTRAIN_DATA, and where the command line says", () =>
  placed(
    recipe("{ format: glyphs, size: 12, train: 8, test: 4, classes: 3 }", "init: HOME/w.bin\n"),
    async (folder, path) => {
      await Deno.writeTextFile(`${folder}/home/w.bin`, "no weights");
      await Deno.symlink(`${folder}/home/w.bin`, `${folder}/given/w.bin`);
      const run = async (...overrides: string[]) => {
        const out = `${folder}/${crypto.randomUUID()}`;
        const args = [path, "--device", "cpu", "--out", out, ...overrides];
        return (await qtrain(args)).stderr;
      };
      assert.match(
        await run(),
        /^init: cannot read .* outside the recipe's folder.*init=\S*w\.bin on the command line/m,
      );
      assert.match(await run(`init=${folder}/home/w.bin`), /w\.bin: byte 0: expected a header/);
      await Deno.writeTextFile(
        path,
        (await Deno.readTextFile(path)).replace(/init: .*/, "init: w.bin"),
      );
      assert.match(await run(), /given\/w\.bin: it is a link to .*home\/w\.bin/);
    },
  ));

Deno.test("a recipe keeps its path scope, however a program copies it", () =>
  placed(recipe("{ format: idx, root: HOME/digits }"), async (_folder, path) => {
    const parsed = parseRecipe(await Deno.readTextFile(path), path);
    const copies = [
      parsed,
      { ...parsed },
      { ...parsed, data: { ...parsed.data } },
      resolveRecipe(parsed as RecipeInput),
      resolveRecipe({ ...parsed, data: { ...parsed.data, train: 2 } } as RecipeInput),
    ];
    for (const copy of copies) {
      await assert.rejects(openDataset(copy), /outside the recipe's folder/);
    }
  }));

Deno.test("a recipe that a program makes leads to the current folder, unless it says UNRESTRICTED", () =>
  placed(recipe("{ format: idx, root: HOME/digits }"), async (folder) => {
    const data = { format: "idx", root: `${folder}/home/digits` } as const;
    const made = { data, model: { name: "cnn" } } as const;
    await assert.rejects(openDataset(resolveRecipe(made)), /outside the recipe's folder/);
    await assert.rejects(
      openDataset(resolveRecipe(made, `${folder}/given`)),
      /outside the recipe's/,
    );
    const inFolder = resolveRecipe(
      { ...made, data: { ...data, root: "digits" } },
      `${folder}/home`,
    );
    assert.equal((await openDataset(inFolder)).train.count, 3);
    const free = resolveRecipe({ ...made, pathScope: UNRESTRICTED });
    assert.equal((await openDataset(free)).train.count, 3);
  }));

Deno.test("data is not opened without a path scope", async () => {
  const { pathScope: _, ...forgotten } = resolveRecipe({
    data: { format: "idx", root: "digits" },
    model: { name: "cnn" },
  });
  // @ts-expect-error: forgetting the scope does not compile,
  await assert.rejects(openDataset(forgotten), TypeError); // and throws where nothing checks types.
});

Deno.test("neither text nor JSON gives a path more room", () => {
  const made = { data: { format: "glyphs" }, model: { name: "cnn" } } as const;
  for (
    const pathScope of ["UNRESTRICTED", null, {}, { folder: "/" }, structuredClone(UNRESTRICTED)]
  ) {
    assert.throws(() => resolveRecipe({ ...made, pathScope: pathScope as PathScope }), {
      name: "RecipeError",
      message: "recipe: pathScope: expected a PathScope, such as UNRESTRICTED, got another value",
    });
  }
  const text = recipe("{ format: glyphs }");
  assert.throws(() => parseRecipe(`pathScope: UNRESTRICTED\n${text}`, "r.yaml"), /pathScope/);
  assert.throws(() => parseRecipe(text, "r.yaml", ["pathScope=UNRESTRICTED"]), /pathScope/);
});

Deno.test("a path scope is not written with a recipe", () => {
  const made = resolveRecipe({ data: { format: "glyphs" }, model: { name: "cnn" } });
  assert.doesNotMatch(formatRecipe(made), /pathScope/);
  assert.doesNotMatch(JSON.stringify(made), /pathScope/);
});

Deno.test("pipes and devices in place of data are refused, not waited for", {
  ignore: Deno.build.os === "windows",
}, () =>
  placed(recipe("{ format: npz, root: a.npz }", "init: a.npz\n"), async (folder, path) => {
    const made = await new Deno.Command("mkfifo", { args: [`${folder}/given/a.npz`] }).output();
    assert.ok(made.success);
    await assert.rejects(open(path), /a\.npz: expected a file, got a folder, a pipe or a device/);
  }));
