/**
 * Folders of images, decoded in workers.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { DataLoader } from "../lib/data/loader.ts";
import { openDataset } from "../lib/data/open.ts";
import { draw } from "../lib/data/counter_rng.ts";
import { DataError } from "../lib/core/errors.ts";
import { encodePng } from "../lib/image/png_encode.ts";
import type { AugmentSpec } from "../lib/recipe/augment.ts";
import { dataRecipe } from "./data_helpers.ts";
import { qtrain } from "./support/command.ts";

/** Three classes of `each` PNG images of several sizes, and two test images of each. */
async function withImages(each: number, body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "qtrain-images-" });
  try {
    for (const [split, count] of [["train", each], ["val", 2]] as const) {
      for (const name of ["ant", "bee", "cat"]) {
        await Deno.mkdir(join(folder, split, name), { recursive: true });
        for (let i = 0; i < count; i++) {
          const h = 10 + i % 7, w = 12 + i % 5, seed = name.charCodeAt(0) * 100 + i;
          const pixels = Uint8Array.from({ length: h * w * 3 }, (_, at) => draw(seed, at) >>> 24);
          await Deno.writeFile(
            join(folder, split, name, `${i}.png`),
            await encodePng(pixels, h, w, 3),
          );
        }
      }
    }
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const recipe = (root: string, more = {}) =>
  dataRecipe({ format: "folder", root, size: [8, 8], ...more });

for (
  const [name, augment] of [
    ["without augmentation", []],
    ["with a crop of the whole photo", [
      { resized_crop: { scale: [0.3, 1], ratio: [0.75, 1.3333] } },
      { flip: { probability: 0.5 } },
    ]],
    ["with a crop of the scaled image", [{ crop: { padding: 2 } }, { flip: { probability: 0.5 } }]],
  ] as [string, AugmentSpec[]][]
) {
  Deno.test(`images in files are the same from any number of workers, ${name}`, async () => {
    await withImages(7, async (folder) => {
      const batches = async (workers: number) => {
        const data = await openDataset(recipe(folder));
        const loader = await DataLoader.open(data, { augment, seed: 3, workers, batch: 5 });
        try {
          const train = [];
          for (let step = 0; step < 8; step++) train.push(await loader.trainBatch(step, 8));
          return [train, await Array.fromAsync(loader.batches("test", 5))];
        } finally {
          loader.close();
        }
      };
      const alone = await batches(0);
      for (const workers of [1, 3]) assert.deepEqual(await batches(workers), alone);
    });
  });
}

Deno.test("a file that a worker cannot decode is an error with its path, or a warning, once", async () => {
  await withImages(7, async (folder) => {
    const bad = join(folder, "train", "bee", "3.png");
    await Deno.writeTextFile(bad, "no image");
    const read = async (on_bad_image: "fail" | "skip", warn: (text: string) => void = () => {}) => {
      const data = await openDataset(recipe(folder, { on_bad_image }), { warn });
      const loader = await DataLoader.open(data, { workers: 2, seed: 3, batch: 7 });
      try {
        for (let step = 0; step < 6; step++) await loader.trainBatch(step, 6);
      } finally {
        loader.close();
      }
    };
    await assert.rejects(read("fail"), (error) => {
      assert.ok(error instanceof DataError);
      assert.ok(error.message.startsWith(`${bad}: byte 0: expected `), error.message);
      return true;
    });
    const warnings: string[] = [];
    await read("skip", (text) => void warnings.push(text));
    assert.equal(warnings.length, 1);
    assert.ok(warnings[0]!.startsWith(`${bad}: byte 0: expected `), warnings[0]);
  });
});

Deno.test("data that cannot be read says what it warned of, and the reason that a whole class shares", async () => {
  await withImages(4, async (folder) => {
    for (let i = 0; i < 4; i++) {
      await Deno.writeTextFile(join(folder, "train", "cat", `${i}.png`), "\0\0\0\x18ftypavif");
    }
    await Deno.writeTextFile(join(folder, "train", "bee", "9.heic"), "\0\0\0\x18ftypheic");
    await Deno.writeTextFile(
      join(folder, "r.yaml"),
      "data: { format: folder, root: ., size: 8 }\nmodel: { name: cnn }\n",
    );
    const { code, stdout, stderr } = await qtrain(["data", "r.yaml"], { cwd: folder });
    assert.deepEqual([code, stdout], [2, ""]);
    const lines = stderr.trim().split("\n");
    assert.match(lines.at(-2)!, /bee.9\.heic/);
    assert.match(
      lines.at(-1)!,
      /cat.\d\.png: expected an image of its class that can be decoded, got none of 4, for one reason: .* got an AVIF image; convert them \(magick mogrify -format jpg .*cat\/\*\.png\) or remove them$/,
    );
  });
});

Deno.test("data names the files of a folder that cannot be decoded, and its classes", async () => {
  await withImages(4, async (folder) => {
    const bad = join(folder, "train", "cat", "1.png"), tested = join(folder, "val", "ant", "0.png");
    for (const path of [bad, tested]) await Deno.writeTextFile(path, "no image");
    await Deno.writeTextFile(
      join(folder, "r.yaml"),
      "data: { format: folder, root: ., size: 8, augment: [resized_crop] }\nmodel: { name: cnn }\n",
    );
    const { code, stdout, stderr } = await qtrain(["data", "r.yaml", "--json"], { cwd: folder });
    assert.deepEqual([code, stderr], [0, ""]);
    const found = JSON.parse(stdout);
    assert.deepEqual([found.class_names, found.train_counts], [["ant", "bee", "cat"], [4, 4, 4]]);
    for (const path of [bad, tested]) {
      const named = found.notes.some((note: string) =>
        note.startsWith(`${path}: byte 0: expected `)
      );
      assert.ok(named, `${path}: ${found.notes}`);
    }
    assert.match(found.notes.at(-1), /^training stops at files that cannot be decoded/);
    assert.deepEqual(found.measured.images, 12);
  });
});
