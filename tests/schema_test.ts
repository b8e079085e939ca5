/**
 * `recipe.schema.json` and the tables of fields in `docs/recipe.md` are those of the recipe's schema.
 *
 * @module
 */
import assert from "node:assert/strict";
import { SCHEMA, schemaText, TABLES, tablesText } from "../cli/write_schema.ts";
import { RecipeError } from "../lib/core/errors.ts";
import { type JsonSchema, resumeRules } from "../lib/recipe/json_schema.ts";
import { parseRecipe } from "../lib/recipe/load.ts";
import { ROOT } from "./support/command.ts";
import { mutatedRecipes } from "./support/mutated_recipes.ts";
import { schemaFaults } from "./support/schema_validator.ts";

const STALE = "run deno task schema, and read the diff";

Deno.test("recipe.schema.json is what the schema of a recipe says", async () => {
  assert.ok(await Deno.readTextFile(SCHEMA) === await schemaText(), STALE);
});

Deno.test("the tables of fields in docs/recipe.md are what the schema of a recipe says", async () => {
  assert.ok(await Deno.readTextFile(TABLES) === await tablesText(), STALE);
});

Deno.test("every field of a recipe's maps has a description", async () => {
  const missing: string[] = [];
  const visit = ({ properties = {} }: JsonSchema, path: string) => {
    for (const [key, field] of Object.entries(properties)) {
      const at = path === "" ? key : `${path}.${key}`;
      if (!field.description && at !== "model.layers") missing.push(at);
      visit(field, at);
    }
  };
  visit(JSON.parse(await schemaText()), "");
  assert.deepEqual(missing, []);
});

Deno.test("what may change when a run goes on is stated with its field", () => {
  assert.deepEqual(Object.fromEntries(resumeRules()), {
    "data.root": "silent",
    "data.workers": "silent",
    "train.epochs": "reported",
    "train.max_steps": "reported",
    "train.time": "reported",
    "train.patience": "reported",
    "train.optimizer.lr": "reported",
    "train.schedule": "reported",
    "train.on_nonfinite": "reported",
    "train.max_skipped_steps": "reported",
    "train.log_every": "silent",
    "train.checkpoint_minutes": "silent",
    "train.keep_checkpoints": "silent",
    "telemetry": "silent",
    "tensorboard": "silent",
  });
});

Deno.test("every recipe of configs/ names the schema in its first line, and fits it", async () => {
  for await (const { name } of Deno.readDir(`${ROOT}configs`)) {
    const text = await Deno.readTextFile(`${ROOT}configs/${name}`);
    assert.match(text, /^# yaml-language-server: \$schema=\.\.\/recipe\.schema\.json\n/, name);
    assert.deepEqual(schemaFaults(text), [], name);
  }
});

/**
 * What JSON Schema cannot say, or only with a rule for each combination: settings that are right by
 * themselves and do not fit each other; a name that two layers have; a number that is not finite; a
 * number or word of YAML (`-5`, `.nan`) in place of a name.
 */
const BEYOND_SCHEMA = [
  /train\.micro_batch: expected a divisor of train\.batch/,
  /data\.root: (missing|expected the path)/,
  /data\.(classes|channels|size): expected .* (for CIFAR|glyphs|glyphs images|idx|cifar|or 0 to take)/,
  /data\.classes: expected 10 for CIFAR-10/,
  /data\.(mean|std|class_names|class_weights): expected/,
  /padding: expected padding smaller than the kernel/,
  /name: expected a name that no layer before it has/,
  /: name: expected a name for a folder/,
  /, got \.?(nan|NaN|-?\.?inf|-?Infinity)/i,
  /expected two .* \[least, largest\]|range: expected/,
  /data\.augment(\.\d+)?: expected one mixup/,
];

Deno.test("editors accept every damaged recipe that qtrain accepts, and refuse nearly all others", async () => {
  const mutated = await mutatedRecipes();
  const count = { both: 0, none: 0, beyond: 0 }, wrong: string[] = [];
  for (let index = 0; index < 400; index++) {
    const text = new TextDecoder().decode(mutated(index)), faults = schemaFaults(text);
    if (!faults) continue;
    try {
      parseRecipe(text, "r.yaml");
      if (faults.length > 0) wrong.push(`${index}: only qtrain accepts: ${faults[0]}`);
      count.both++;
    } catch (error) {
      assert.ok(error instanceof RecipeError);
      if (faults.length > 0) count.none++;
      else if (error.message.split("\n").every((l) => BEYOND_SCHEMA.some((kind) => kind.test(l)))) {
        count.beyond++;
      } else wrong.push(`${index}: only the schema accepts: ${error.message}`);
    }
  }
  assert.deepEqual(wrong, []);
  // Of 12,000: 2,721 accepted by both, 3,473 by none, 45 by the schema alone, 0 by qtrain alone.
  assert.ok(count.both > 60 && count.none > 80 && count.beyond < 8, JSON.stringify(count));
});
