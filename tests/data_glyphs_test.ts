/** The procedural data set: the same bytes everywhere, balanced, and not for linear models. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { openDataset } from "../lib/data/open.ts";
import { type DataFields, dataRecipe, readAll, rejectsData } from "./data_helpers.ts";
import { linearAccuracy } from "./data_linear.ts";

const glyphs = (fields: DataFields) => openDataset(dataRecipe({ format: "glyphs", ...fields }));
const digest = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex").slice(0, 16);

Deno.test("glyphs are 12,000 grey images of 28×28 in ten classes unless the recipe says otherwise", async () => {
  const data = await glyphs({});
  assert.deepEqual(
    [data.name, data.classes, data.shape, data.train.count, data.test.count],
    ["glyphs", 10, [28, 28, 1], 10_000, 2_000],
  );
});

Deno.test("glyphs of one seed are the same bytes on every platform", async () => {
  const data = await glyphs({ train: 200, test: 100 });
  assert.equal(digest((await readAll(data.train, 784)).images), "8e782959f3946fe4");
  assert.equal(digest((await readAll(data.test, 784)).images), "05bd23e0c9476f1b");
});

Deno.test("a glyph does not depend on how many are drawn, but on its seed", async () => {
  const few = await readAll((await glyphs({ train: 20, test: 10 })).train, 784);
  const more = await readAll((await glyphs({ train: 50, test: 10 })).train, 784);
  const other = await readAll((await glyphs({ train: 20, test: 10, seed: 2 })).train, 784);
  assert.deepEqual(few.images, more.images.slice(0, few.images.length));
  assert.notDeepEqual(few.images, other.images);
});

Deno.test("no glyph occurs twice in training and test together", async () => {
  const data = await glyphs({});
  const seen = new Set<string>();
  for (const split of [data.train, data.test]) {
    const { images } = await readAll(split, 784);
    for (let at = 0; at < images.length; at += 784) seen.add(digest(images.subarray(at, at + 784)));
  }
  assert.equal(seen.size, 12_000);
});

Deno.test("glyph classes are balanced to within one image", async () => {
  for (const classes of [2, 3, 10]) {
    const data = await glyphs({ classes, train: 100, test: 11, size: 12 });
    const counts = new Array<number>(classes).fill(0);
    for (const label of (await readAll(data.train, 144)).labels) counts[label]!++;
    assert.ok(Math.max(...counts) - Math.min(...counts) <= 1);
    assert.equal(data.classes, classes);
  }
});

Deno.test("glyphs come in other sizes, strokes inside the image", async () => {
  for (const size of [12, 32, [20, 36]] as const) {
    const data = await glyphs({ size, train: 50, test: 10 });
    const [h, w] = typeof size === "number" ? [size, size] : size;
    assert.deepEqual(data.shape, [h, w, 1]);
    const { images } = await readAll(data.train, h * w);
    // The middle of the picture, where a shape is, is brighter than its border.
    let border = 0, inside = 0, borders = 0, insides = 0;
    images.forEach((value, at) => {
      const [y, x] = [Math.floor(at / w) % h, at % w];
      if (y === 0 || x === 0 || y === h - 1 || x === w - 1) [border += value, borders++];
      else if (Math.abs(y - h / 2) < h / 4 && Math.abs(x - w / 2) < w / 4) {
        [inside += value, insides++];
      }
    });
    assert.ok(inside / insides > 1.5 * border / borders, `${size}`);
  }
});

Deno.test("a linear model stays below 85% on glyphs", async () => {
  const data = await glyphs({});
  const accuracy = linearAccuracy(
    await readAll(data.train, 784),
    await readAll(data.test, 784),
    { classes: 10, epochs: 12 },
  );
  assert.ok(accuracy < 0.85, `${accuracy}`);
  assert.ok(accuracy > 0.6, `${accuracy}: the baseline itself did not learn`);
});

Deno.test("more glyphs than fit into memory are refused", async () => {
  await rejectsData(
    () => glyphs({ train: 10_000_000 }),
    "data.train: expected at most 2739137 glyphs of 28×28, which fill 2 GiB, " +
      "got 10000000; lower it",
  );
});
