/**
 * What may import what: a folder imports only folders below it, and no files import each other in a
 * circle. docs/architecture.md has the same order.
 *
 * @module
 */
import assert from "node:assert/strict";
import { importsOf } from "./support/imports.ts";

/** Folders and files from top to bottom; those of one line do not import each other. */
const ORDER: readonly (readonly string[])[] = [
  ["experiments"],
  ["cli", "mod.ts"],
  ["lib/compare", "lib/bench"],
  ["lib/report"],
  ["lib/train"],
  ["lib/export"],
  ["lib/view"],
  ["lib/runtime"],
  ["lib/program"],
  ["lib/model"],
  ["lib/data"],
  ["lib/recipe"],
  ["kernels"],
  ["lib/quant"],
  ["lib/image", "lib/metrics", "lib/distributed"],
  ["lib/core", "recipe.schema.json"],
];

/** The project's files that each file imports, by path from the root. */
const imports = importsOf(["experiments", "cli", "lib", "kernels", "mod.ts"]);

const inside = (path: string, place: string) => path === place || path.startsWith(`${place}/`);
const level = (path: string) =>
  ORDER.findIndex((places) => places.some((place) => inside(path, place)));
const placeOf = (path: string) => ORDER[level(path)]?.find((place) => inside(path, place));

/** The files of one circle, or nothing. */
function circle(): string[] | undefined {
  const done = new Set<string>();
  const visit = (path: string, above: readonly string[]): string[] | undefined => {
    if (above.includes(path)) return [...above.slice(above.indexOf(path)), path];
    if (done.has(path)) return;
    for (const next of imports.get(path) ?? []) {
      const found = visit(next, [...above, path]);
      if (found) return found;
    }
    done.add(path);
  };
  for (const path of imports.keys()) {
    const found = visit(path, []);
    if (found) return found;
  }
}

Deno.test("every file stands in a folder that has a place in the order", () => {
  assert.deepEqual([...imports.keys()].filter((path) => level(path) < 0), []);
  assert.ok(imports.size > 300, "the files were found");
  assert.ok(imports.get("mod.ts")!.length > 10, "and their imports");
});

Deno.test("a folder imports only folders below it", () => {
  const up = [...imports].flatMap(([from, all]) =>
    all.filter((to) => placeOf(from) !== placeOf(to) && level(from) >= level(to))
      .map((to) => `${from} imports ${to}`)
  );
  assert.deepEqual(up, []);
});

Deno.test("no files import each other in a circle", () => {
  assert.deepEqual(circle() ?? [], []);
});
