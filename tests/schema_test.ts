/**
 * `recipe.schema.json` and the tables of fields in `docs/recipe.md` are those of the recipe's schema.
 *
 * @module
 */
import assert from "node:assert/strict";
import { SCHEMA, schemaText, TABLES, tablesText } from "../cli/write_schema.ts";
import { type JsonSchema, resumeRules } from "../lib/recipe/json_schema.ts";

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
    "train.optimizer.lr": "reported",
    "train.schedule": "reported",
    "train.on_nonfinite": "reported",
    "train.max_skipped_steps": "reported",
    "train.log_every": "silent",
    "train.checkpoint_minutes": "silent",
    "train.keep_checkpoints": "silent",
    "telemetry": "silent",
  });
});
