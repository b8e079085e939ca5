/**
 * The recipes in configs/: each is read, called as its file, and planned in int8 within what every
 * adapter allows.
 *
 * @module
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { plan } from "../lib/program/plan.ts";
import { MAX_BYTES } from "../lib/program/shards.ts";
import { loadRecipe } from "../lib/recipe/load.ts";

const FOLDER = new URL("../configs/", import.meta.url);

for (
  const { name: file } of [...Deno.readDirSync(FOLDER)].sort((a, b) => a.name < b.name ? -1 : 1)
) {
  Deno.test(`configs/${file} is a recipe that can be planned`, async () => {
    const recipe = await loadRecipe(fileURLToPath(new URL(file, FOLDER)));
    assert.equal(`${recipe.name}.yaml`, file);
    const { size: [h, w], channels, classes, mean, std } = recipe.data;
    const images = { shape: [h, w, channels] as const, classes: classes || 5, mean, std };
    const { program } = plan(recipe, images);
    for (const { name, bytes } of program.buffers) assert.ok(bytes <= MAX_BYTES, name);
  });
}
