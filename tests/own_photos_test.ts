/**
 * A folder of photos as people have it: endings of all kinds and in capitals, what an archive and the
 * system left behind, the recipe among them. From the first look to a resumed run in another place.
 *
 * @module
 */
import { withFolder } from "./data_helpers.ts";
import assert from "node:assert/strict";
import { qtrain } from "./support/command.ts";
import { jpeg, picture } from "./support/images.ts";
import { photo, pngOf } from "./support/photos.ts";

const text = (content: string) => new TextEncoder().encode(content);

/** Eleven images of each of two classes, and everything else that lies about. */
function photos(): Record<string, Uint8Array> {
  const files: Record<string, Uint8Array> = {
    "recipe.yaml": text(
      "data: { format: folder, root: ., size: 16, workers: 0 }\nmodel: { name: cnn, width: 4 }\n" +
        "train: { epochs: 1, batch: 4 }\n",
    ),
    "photos.zip": text("PK\x03\x04 not any more"),
    "desktop.ini": text("[.ShellClassInfo]"),
    "__MACOSX/._IMG_0.JPG": text("\0\x05\x16\x07"),
    "loose.jpg": jpeg("colour"),
  };
  for (const [name, shape] of [["Kätzchen", "disc"], ["dogs (old)", "square"]] as const) {
    for (let i = 0; i < 5; i++) {
      files[`${name}/IMG ${i}.${["png", "PNG"][i % 2]}`] = pngOf(photo(shape, i), [24, 24, 3]);
    }
    Object.assign(files, {
      [`${name}/IMG_1.JPG`]: jpeg("colour"),
      [`${name}/saved.jfif`]: jpeg("colour"),
      [`${name}/no ending`]: jpeg("grey"),
      [`${name}/from the web.webp`]: picture("lossy.webp"),
      [`${name}/still.gif`]: picture("still.gif"),
      [`${name}/2019/deeper.BMP`]: picture("colour.bmp"),
      [`${name}/Thumbs.db`]: text("\xd0\xcf\x11\xe0"),
      [`${name}/.DS_Store`]: text("x"),
      [`${name}/._IMG 0.png`]: text("\0\x05\x16\x07"),
      [`${name}/scan.tif`]: text("II*\0 an image of another kind"),
      [`${name}/notes.txt`]: text("the red one is Minka"),
    });
  }
  return files;
}

Deno.test("photos as people have them are looked at, trained on, predicted, moved and resumed", async (t) => {
  await withFolder(photos(), async (folder) => {
    const said = (output: { stdout: string; stderr: string }) => output.stdout + output.stderr;
    const run = async (cwd: string, ...args: string[]) => {
      const cpu = ["check", "data"].includes(args[0]!) ? [] : ["--device", "cpu"];
      const found = await qtrain([...args, ...cpu], { cwd });
      assert.equal(found.code, 0, found.stderr);
      return found;
    };
    const leftOut =
      /left out 2 images of kinds that are not read \(TIFF; .*2 files that are no images .*1 image outside the class folders \(loose\.jpg\)/;

    await t.step("data, check and training say how it was read and what is left out", async () => {
      for (const args of [["data", "recipe.yaml"], ["check", "recipe.yaml"], ["recipe.yaml"]]) {
        const output = said(await run(folder, ...args));
        assert.match(output, leftOut, `${args}`);
        assert.match(output, /2 class folders, 10% of each held out to test/, `${args}`);
        assert.match(output, /20 to train, 2 to test|20 \+ 2 images/, `${args}`);
      }
    });
    await t.step("its own output does not become a class", async () => {
      assert.match(said(await run(folder, "data", "recipe.yaml")), /20 to train, 2 to test/);
      await run(folder, "recipe.yaml");
      await run(folder, "eval", "runs/recipe-2");
    });
    await t.step("all images in it are predicted, runs are not searched", async () => {
      const { stdout } = await run(folder, "predict", "runs/recipe", ".", "--jsonl");
      const images = stdout.trim().split("\n").map((line) => JSON.parse(line).image);
      assert.equal(images.filter((image) => image.includes("Kätzchen")).length, 11);
      assert.ok(images.includes("./loose.jpg"));
      assert.ok(!images.some((image) => image.includes("runs/")));
    });
    await t.step("moved elsewhere, it is evaluated and resumed", async () => {
      await Deno.mkdir(`${folder}/new place #1`);
      for await (const { name } of Deno.readDir(folder)) {
        if (name !== "new place #1") {
          await Deno.rename(`${folder}/${name}`, `${folder}/new place #1/${name}`);
        }
      }
      const there = `${folder}/new place #1`;
      await run(there, "eval", "runs/recipe");
      await run(there, "recipe.yaml", "--out", "runs/recipe", "--resume", "train.epochs=2");
      await run(folder, "eval", "new place #1/runs/recipe", "data.root=new place #1");
    });
  });
});
