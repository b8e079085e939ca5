/**
 * Layouts that the host and the shaders share: words by field, and the WGSL that shaders include.
 *
 * @module
 */
import assert from "node:assert/strict";
import { definitions } from "../lib/quant/estimators/mod.ts";
import {
  Layout,
  layoutIncludes,
  NONFINITE_COUNTS,
  SLOT,
  STEP,
  wordsOf,
} from "../lib/quant/layouts.ts";

Deno.test("a field is read from the word and in the type that it was written to, in its row alone", () => {
  const layout = new Layout("Two", { count: ["u32", ""], learningRate: ["f32", "a comment"] });
  const words = wordsOf(new Uint8Array(3 * layout.bytes));
  layout.write(words, 1, { count: 0xffffffff });
  layout.write(words, 1, { learningRate: -0.5 });
  assert.deepEqual(layout.read(words, 1), { count: 0xffffffff, learningRate: -0.5 });
  assert.deepEqual([...words.u32], [0, 0, 0xffffffff, 0xbf000000, 0, 0]);
  assert.equal(layout.get(words, 1, "learningRate"), -0.5);
  assert.equal(layout.wgsl, "struct Two {\n  count: u32,\n  learning_rate: f32, // a comment\n}\n");
});

Deno.test("words are those of a view, not of the whole memory behind it", () => {
  const bytes = new Uint8Array(24);
  wordsOf(bytes.subarray(8, 16)).u32.fill(7);
  assert.deepEqual([...new Uint32Array(bytes.buffer)], [0, 0, 7, 7, 0, 0]);
});

Deno.test("a step fits a uniform block, and a parameter counts in a slot", () => {
  assert.equal(STEP.bytes % 16, 0);
  assert.equal(NONFINITE_COUNTS.words, SLOT.words);
});

Deno.test("shaders name the words of a slot in the order of its fields", () => {
  const named = [...layoutIncludes.slot_layout!.matchAll(/const SLOT_(\w+) = (\d+)u/g)]
    .filter(([, name]) => name !== "WORDS").map(([, name, word]) => [name, Number(word)]);
  assert.deepEqual(named, [["NEGATED_MIN", 0], ["MAX", 1], ["CLIPPED", 2], ["NONFINITE", 3]]);
});

Deno.test("docs/ranges.md has a row for every estimator, with its description", async () => {
  const lines = (await Deno.readTextFile(new URL("../docs/ranges.md", import.meta.url))).split(
    "\n",
  );
  for (const [name, { description }] of Object.entries(definitions)) {
    const row = lines.find((line) => line.startsWith(`| \`${name}\``));
    assert.ok(row?.includes(description), `${name}: ${description}`);
  }
});
