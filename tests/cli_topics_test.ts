/**
 * `qtrain help`: topics, commands and fields of recipes.
 *
 * @module
 */
import assert from "node:assert/strict";
import { fieldHelp, fieldKeys } from "../cli/help/fields.ts";
import { TOPICS } from "../cli/help/topics.ts";
import { recipeSchema } from "../cli/recipe_schema.ts";
import { parseRecipe } from "../lib/recipe/load.ts";
import { ROOT } from "./support/command.ts";
import { golden, qtrain } from "./support/command.ts";

/** Lines of a terminal, and its columns: a help line with code may be longer. */
const SCREEN = { lines: 24, columns: 110 };

Deno.test("help without a word lists commands and topics; a topic fits a screen", async () => {
  const { code, stdout } = await qtrain(["help"]);
  assert.equal(code, 0);
  assert.match(stdout, /^Commands:\n/m);
  for (const [name, { summary, text }] of Object.entries(TOPICS)) {
    assert.ok(stdout.includes(`  ${name} `) && stdout.includes(summary), name);
    const lines = text.split("\n");
    assert.ok(lines.length <= SCREEN.lines, `${name} has ${lines.length} lines`);
    const long = lines.filter((line) => line.length > SCREEN.columns && !/python3 -c/.test(line));
    assert.deepEqual(long, [], name);
  }
});

Deno.test("every command and field that a topic names exists", async () => {
  const help = await Deno.readTextFile(`${ROOT}tests/golden/help.txt`);
  const keys = fieldKeys(await recipeSchema());
  for (const [name, { text }] of Object.entries(TOPICS)) {
    for (const [, word] of text.matchAll(/qtrain ([a-z]+)(?= [a-z])/g)) {
      assert.match(help, new RegExp(`^ {2}${word} `, "m"), `${name}: ${word}`);
    }
    for (const [key] of text.matchAll(/\b(?:data|model|train|quantize)\.[a-z_.]+[a-z_]/g)) {
      if (!/\.json$/.test(key)) assert.ok(keys.includes(key), `${name}: ${key}`);
    }
  }
});

Deno.test("recipes in topics can be read", () => {
  const { recipe, "fine-tuning": tuning } = TOPICS;
  for (const { text } of [recipe!, tuning!]) {
    const lines = text.split("\n").filter((line) =>
      /^ {4}/.test(line) && !/^ {4}(qtrain|python3)/.test(line)
    );
    parseRecipe(lines.map((line) => line.slice(4)).join("\n"), "recipe.yaml");
  }
});

Deno.test("every variable that qtrain may read for itself is in the topic", async () => {
  const { tasks } = JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`));
  const names = [...tasks.qtrain.command.matchAll(/QTRAIN_\w+/g)].map(([name]) => name);
  assert.ok(names.length > 4);
  for (const name of names) assert.ok(TOPICS.environment!.text.includes(name), name);
});

Deno.test("help of a field has its meaning, what it accepts and its default", async () => {
  const { code, stdout } = await qtrain(["help", "train.clip_norm"]);
  assert.equal(code, 0);
  await golden("help_field.txt", stdout.replace(/set it .*recipe/, "set it    … recipe"));
  const schema = await recipeSchema();
  for (const key of fieldKeys(schema)) assert.ok(fieldHelp(schema, key), key);
  assert.match(fieldHelp(schema, "model.layers.padding")!, /^model\.layers\.padding/);
  assert.doesNotMatch(fieldHelp(schema, "data.augment.crop.padding")!, /set it/);
  assert.match(
    fieldHelp(schema, "train.optimizer")!,
    /^momentum +number of at least 0 and below 1 +0\.9$/m,
  );
  for (const key of ["", "train.", "constructor", "train.__proto__", "x"]) {
    assert.equal(fieldHelp(schema, key), undefined, key);
  }
});

Deno.test("help of a command is its own, with the field of the same name below", async () => {
  const [help, own] = await Promise.all([qtrain(["help", "data"]), qtrain(["data", "--help"])]);
  assert.ok(help.stdout.startsWith(own.stdout));
  assert.match(help.stdout, /^Of a recipe: data\nThe images\.$/m);
});

Deno.test("help of an unknown word says what may have been meant", async () => {
  const says = async (word: string, meant: string) => {
    const { code, stdout, stderr } = await qtrain(["help", word]);
    assert.deepEqual([code, stdout], [2, ""]);
    assert.match(
      stderr,
      new RegExp(`got ${word}${meant}; qtrain help lists commands and topics\\n$`),
    );
  };
  await Promise.all([
    says("enviroment", " \\(did you mean environment\\?\\)"),
    says("optimizer", " \\(did you mean train.optimizer\\?\\)"),
    says("train.epoch", " \\(did you mean train.epochs\\?\\)"),
    says("train.lr", " \\(did you mean train.optimizer.lr\\?\\)"), // As the override says.
    says("train.memory", " \\(did you mean memory\\?\\)"),
    says("epoch", " \\(did you mean train.epochs\\?\\)"),
    says("zzzzzz", ""),
  ]);
});

Deno.test("help of a value is that of the field that has it, and a dot at the end is none", async () => {
  const [value, field, dotted, plain] = await Promise.all(
    ["plateau", "train.schedule.name", "train.optimizer.", "train.optimizer"].map((word) =>
      qtrain(["help", word])
    ),
  );
  const first = "plateau is a value of train.schedule.name\n\n";
  assert.deepEqual(value, { ...field!, stdout: first + field!.stdout });
  assert.deepEqual([dotted!.code, dotted], [0, plain]);
  const { stdout } = await qtrain(["help", "hindsight-guarded"]);
  assert.match(
    stdout,
    /^hindsight-guarded is a value of quantize\.\S+, and of quantize\.\S+\n\nquantize/,
  );
});
