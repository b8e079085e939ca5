/**
 * `deno task schema`: writes `recipe.schema.json` and the tables of fields in `docs/recipe.md` from the
 * recipe's schema. What a field means is the comment on its TypeScript type, so it is written once.
 *
 * @module
 */
import { type JsonSchema, recipeJsonSchema } from "../lib/recipe/json_schema.ts";
import { accepts } from "./field_words.ts";

const ROOT = new URL("../", import.meta.url);
/** The files that are written. */
export const SCHEMA: URL = new URL("recipe.schema.json", ROOT);
export const TABLES: URL = new URL("docs/recipe.md", ROOT);

/** The types that describe the fields of a map, by its path in a recipe. */
const TYPES: Readonly<Record<string, readonly string[]>> = {
  "": ["Recipe"],
  "data": ["DataSpec"],
  "data.augment": ["AugmentSpec"],
  "model": ["ZooSpec"],
  "quantize": ["QuantizeSpec"],
  "quantize.weights": ["WeightsSpec"],
  "quantize.activations": ["ActivationsSpec"],
  "quantize.gradients": ["GradientsSpec", "ActivationsSpec"],
  "quantize.layers": ["LayerQuantizeSpec"],
  "quantize.layers.weights": ["WeightsSpec"],
  "quantize.layers.activations": ["ActivationsSpec"],
  "quantize.layers.gradients": ["GradientsSpec", "ActivationsSpec"],
  "train": ["TrainSpec"],
  "train.optimizer": ["OptimizerSpec"],
  "train.schedule": ["ScheduleSpec"],
  "distributed": ["DistributedSpec"],
};

/** The types of layers, by what a recipe calls them. */
const LAYER_TYPES: Readonly<Record<string, string>> = {
  conv2d: "Conv2dSpec",
  linear: "LinearSpec",
  batch_norm: "BatchNormSpec",
  max_pool: "PoolSpec",
  dropout: "DropoutSpec",
  relu: "PlainSpec",
  residual: "ResidualSpec",
};

/** What comments say of the fields of `lib/recipe`, as `Type.field`. */
async function comments(): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>(), folder = new URL("lib/recipe/", ROOT);
  for await (const { name } of Deno.readDir(folder)) {
    const source = await Deno.readTextFile(new URL(name, folder));
    const types = /^(?:export )?(?:interface|type) (\w+)[^{;]*\{\n([^]*?)^(?:\}| {2}\};)/gm;
    for (const [, type, body] of source.matchAll(types)) {
      for (const [, doc, field] of body!.matchAll(/\/\*\*([^]*?)\*\/\s+readonly (\w+)\??:/g)) {
        const text = doc!.split("\n").map((line) => line.replace(/^\s*\*? ?/, "").trim());
        found.set(`${type}.${field}`, text.join(" ").trim());
      }
    }
  }
  return found;
}

/** A schema in which every field that a comment describes has it as its description. */
function described(
  schema: JsonSchema,
  path: string,
  texts: ReadonlyMap<string, string>,
): JsonSchema {
  const { properties, items, anyOf, oneOf, definitions } = schema;
  const layer = properties?.type?.const ?? properties?.type?.enum?.[0];
  const types = layer === undefined
    ? TYPES[path] ?? []
    : [LAYER_TYPES[String(layer)]!, "LayerBase"];
  const own = (key: string) =>
    types.map((type) => texts.get(`${type}.${key}`)).find((text) => text);
  const inside = (schemas: readonly JsonSchema[]) => schemas.map((s) => described(s, path, texts));
  const below = (key: string) => path === "" ? key : `${path}.${key}`;
  return {
    ...schema,
    ...(properties
      ? {
        properties: Object.fromEntries(
          Object.entries(properties).map(([key, field]) => {
            const description = own(key), inner = described(field, below(key), texts);
            // Editors show the Markdown of the second, and that of the first as it stands.
            const markdown = description?.includes("`") ? { markdownDescription: description } : {};
            return [key, description ? { description, ...markdown, ...inner } : inner];
          }),
        ),
      }
      : {}),
    ...(anyOf ? { anyOf: inside(anyOf) } : {}),
    ...(oneOf ? { oneOf: inside(oneOf) } : {}),
    ...(definitions
      ? {
        definitions: Object.fromEntries(
          Object.entries(definitions).map(([name, one]) => [name, described(one, name, texts)]),
        ),
      }
      : {}),
    ...(items && !Array.isArray(items)
      ? { items: described(items as JsonSchema, path, texts) }
      : {}),
  };
}

/** The text of `recipe.schema.json`. */
export async function schemaText(): Promise<string> {
  const { $schema, ...schema } = described(recipeJsonSchema(), "", await comments());
  return JSON.stringify({ $schema, title: "qtrain recipe", ...schema }, null, 2) + "\n";
}

function defaultOf(s: JsonSchema, required: boolean): string {
  if (required) return "required";
  if (s.default === undefined || typeof s.default === "object" && s.type === "object") return "";
  return s.default === "" ? "none" : `\`${JSON.stringify(s.default).replaceAll('"', "")}\``;
}

/** The rows of a map's fields, those of maps in it after them. */
function rows(schema: JsonSchema, path: string): string[] {
  const { properties = {}, required = [] } = schema;
  return Object.entries(properties).flatMap(([key, field]) => {
    const full = path === "" ? key : `${path}.${key}`;
    const meaning = (field.description ?? "").replaceAll("|", "\\|");
    const inner = field.properties && path !== "" ? rows(field, full) : [];
    if (inner.length > 0) return inner;
    const cells = [
      `\`${full}\``,
      accepts(field),
      defaultOf(field, required.includes(key)),
      meaning,
    ];
    return [`| ${cells.join(" | ")} |`];
  });
}

/** The text of `docs/recipe.md` with its tables as the schema has them. */
export async function tablesText(): Promise<string> {
  const schema: JsonSchema = JSON.parse(await schemaText());
  const old = await Deno.readTextFile(TABLES);
  const text = old.replace(
    /(<!-- fields of (.*?) -->\n)[^]*?(?=<!-- end of fields -->)/g,
    (_, mark: string, path: string) => {
      const part = path === "a recipe" ? schema : schema.properties![path]!;
      const table = rows(part, path === "a recipe" ? "" : path);
      return [
        mark,
        "| key | accepts | default | meaning |",
        "| --- | --- | --- | --- |",
        ...table,
        "",
        "",
      ].join("\n");
    },
  );
  return await formatted(text);
}

/** Markdown as `deno fmt` writes it. */
async function formatted(text: string): Promise<string> {
  const args = ["fmt", "--ext", "md", "--line-width", "100", "-"];
  const child = new Deno.Command(Deno.execPath(), { args, stdin: "piped", stdout: "piped" })
    .spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
  return new TextDecoder().decode((await child.output()).stdout);
}

if (import.meta.main) {
  await Deno.writeTextFile(SCHEMA, await schemaText());
  await Deno.writeTextFile(TABLES, await tablesText());
}
