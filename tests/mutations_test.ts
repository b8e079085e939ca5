/**
 * A tenth of the damaged files that `deno task test:mutations` tries.
 *
 * @module
 */
import assert from "node:assert/strict";
import { RecipeError } from "../lib/core/errors.ts";
import { parseRecipe } from "../lib/recipe/load.ts";
import type { Verdicts } from "./support/hostile.ts";
import { tryData } from "./support/mutated_data.ts";
import { tryRecipes } from "./support/mutated_recipes.ts";

/** What one trial may take of a processor, in ms: planning a large network takes 170. */
const MAX_MS = 5000;
/** What all of them together may add to the memory of the process: measured 0.13 GB. */
const MAX_GROWTH = 2 ** 29;

function judge({ tried, accepted, refused, wrong, slowest, slowestName, growth }: Verdicts) {
  assert.deepEqual(wrong, []);
  assert.equal(accepted + refused, tried);
  assert.ok(accepted > tried / 20 && refused > tried / 2, `${accepted} good, ${refused} refused`);
  assert.ok(slowest < MAX_MS, `${slowestName} took ${slowest} ms`);
  assert.ok(growth < MAX_GROWTH, `${growth} bytes more`);
}

Deno.test("500 damaged recipes are planned or refused with their place", async () => {
  judge(await tryRecipes(500));
});

Deno.test("200 damaged files of data and weights are read or refused with their place", async () => {
  judge(await tryData(200));
});

Deno.test("aliases that explode and nesting without end are refused in no time", () => {
  const laughs = ["a: &a [lol]"];
  for (let i = 1; i < 30; i++) {
    const last = String.fromCharCode(96 + i), name = String.fromCharCode(97 + i);
    if (name > "z") break;
    laughs.push(`${name}: &${name} [${Array(10).fill(`*${last}`).join(", ")}]`);
  }
  const texts = [
    laughs.join("\n"),
    ...["[", "{ a: ", "- ", "? ", "!!seq [", "&a [*a, "].map((open) => open.repeat(1e5)),
    // By indentation: as much as a file of 1 MiB can hold.
    Array.from({ length: 1400 }, (_, i) => `${" ".repeat(i)}a:`).join("\n"),
    Array.from({ length: 1000 }, (_, i) => `${"  ".repeat(i)}- -`).join("\n"),
  ];
  for (const text of texts) {
    const began = performance.now();
    assert.throws(() => parseRecipe(text, "r.yaml"), (error) => {
      assert.ok(error instanceof RecipeError, `${error}`);
      assert.match(error.message, /^r\.yaml:\d+:\d+: /);
      return true;
    });
    assert.ok(performance.now() - began < MAX_MS, text.slice(0, 20));
  }
});

Deno.test("what a file says cannot write to the terminal", () => {
  const text = 'data: { format: "\\e[2Jx" }\nmodel: { "\\u001b]0;title\\u0007": 1 }\n';
  assert.throws(() => parseRecipe(text, "r\x1b[31m.yaml"), (error) => {
    // deno-lint-ignore no-control-regex
    assert.doesNotMatch((error as Error).message, /[\x00-\x08\x0b-\x1f\x7f-\x9f]/);
    assert.match((error as Error).message, /\\u001b/);
    return true;
  });
});
