/**
 * `qtrain schema`: prints the JSON Schema of recipes.
 *
 * @module
 */
import { UsageError } from "../lib/core/errors.ts";
import { writeAtomic } from "../lib/core/files.ts";
import { visible } from "../lib/core/text.ts";
import { type Arguments, defineCommand, type Options } from "./command.ts";
import { print } from "./print.ts";
import { recipeSchemaText } from "./recipe_schema.ts";

const OPTIONS = {
  out: { type: "string", usage: "--out FILE", help: "write it to a file (default: stdout)" },
} as const satisfies Options;

/** `qtrain schema`. */
export const schemaCommand = defineCommand({
  name: "schema",
  synopsis: "qtrain schema",
  summary: "Prints the JSON Schema of recipes, by which editors complete and check them.",
  details: `In VS Code, install the YAML extension of Red Hat, and let a recipe begin with
# yaml-language-server: $schema=qtrain.schema.json
where qtrain.schema.json is the file beside it that --out wrote. Recipes of qtrain init begin so.`,
  options: OPTIONS,
  run,
});

async function run({ positionals, out }: Arguments<typeof OPTIONS>): Promise<number> {
  if (positionals.length > 0) {
    throw new UsageError(
      `qtrain schema: expected no arguments, got ${visible(positionals[0]!)}; to write a file, ` +
        "give --out FILE",
    );
  }
  const text = await recipeSchemaText();
  if (out === undefined) print(text.trimEnd());
  else await writeAtomic(out, text);
  return 0;
}
