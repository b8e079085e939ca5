/**
 * Validates recipes as an editor does: by the JSON Schema alone.
 *
 * @module
 */
// deno-lint-ignore no-import-prefix -- only tests need it
import Ajv from "npm:ajv@8.17.1";
import { parseYaml } from "../../lib/recipe/yaml.ts";

const SCHEMA = new URL("../../recipe.schema.json", import.meta.url);
const validate = new Ajv.default({ strict: false, allErrors: true })
  .compile(JSON.parse(await Deno.readTextFile(SCHEMA)));

/** What an editor underlines in a recipe; `undefined` if it is not YAML. */
export function schemaFaults(text: string): string[] | undefined {
  const yaml = parseYaml(text);
  if ("problem" in yaml) return undefined;
  validate(yaml.value);
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}
