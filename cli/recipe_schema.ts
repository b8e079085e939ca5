/**
 * The JSON Schema of recipes as it is published, and where editors find it.
 *
 * @module
 */
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { writeAtomic } from "../lib/core/files.ts";
import type { JsonSchema } from "../lib/recipe/json_schema.ts";

/** The schema's file of this source. */
const SOURCE = new URL("../recipe.schema.json", import.meta.url);
/** The copy beside a recipe. */
const COPY = "qtrain.schema.json";

/** The schema with its descriptions. */
export async function recipeSchema(): Promise<JsonSchema> {
  // Loaded as a module, it is in a binary and comes from a URL without permission to use the network.
  const { default: schema } = await import("../recipe.schema.json", { with: { type: "json" } });
  return schema as JsonSchema;
}

/** The schema as a file. */
export async function recipeSchemaText(): Promise<string> {
  return JSON.stringify(await recipeSchema(), null, 2) + "\n";
}

/**
 * The address of the schema for the first line of a recipe in `folder`: that of this source, if it came
 * from a URL or the recipe lies in it; otherwise a copy beside the recipe, which stays with it on
 * every machine.
 */
export function schemaAddress(folder: string): string {
  if (!Deno.build.standalone) {
    if (SOURCE.protocol !== "file:") return SOURCE.href;
    const way = relative(folder, fileURLToPath(SOURCE));
    const up = /^(\.\.[/\\])*recipe\.schema\.json$/.test(way); // The source's folder is above.
    if (up) return way.replaceAll(sep, "/");
  }
  return COPY;
}

/**
 * Writes the copy where {@linkcode schemaAddress} leads to one. A file of someone else's stays.
 *
 * @returns its path; `undefined` where nothing was written
 */
export async function writeSchemaCopy(folder: string): Promise<string | undefined> {
  if (schemaAddress(folder) !== COPY) return undefined;
  const path = join(folder, COPY), text = await recipeSchemaText();
  const there = await Deno.readTextFile(path).catch(() => undefined);
  if (there === text || there !== undefined && !there.includes('"title": "qtrain recipe"')) {
    return undefined;
  }
  await writeAtomic(path, text);
  return path;
}
