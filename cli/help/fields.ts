/**
 * What `qtrain help KEY` says of a field of recipes, from the JSON Schema.
 *
 * @module
 */
import type { JsonSchema } from "../../lib/recipe/json_schema.ts";
import { accepts } from "../field_words.ts";
import { table } from "../format.ts";
import { PROGRAM } from "../print.ts";

/** The help of a field; `undefined` if no recipe has it. @param key its dotted path */
export function fieldHelp(schema: JsonSchema, key: string): string | undefined {
  let fields = [schema], inList = false;
  for (const part of key.split(".")) {
    const here = fields.flatMap((field) => alternatives(field, schema));
    inList ||= here.some(({ items }) => items !== undefined);
    fields = here
      .flatMap((field) =>
        Object.hasOwn(field.properties ?? {}, part) ? [field.properties![part]!] : []
      );
  }
  const [field] = fields;
  if (!field) return undefined;
  const maps = fields.flatMap((each) => alternatives(each, schema)).filter((each) =>
    each.properties
  );
  const title = [key, ...(field.description ? [plain(field.description)] : [])].join("\n");
  if (maps.length > 0) return `${title}\n\n${mapHelp(maps, key)}`;
  const lines = [
    `accepts   ${plain(accepts(field))}`,
    ...(hasDefault(field) ? [`default   ${defaultOf(field)}`] : []),
    // Of lists, the command line takes entries by their number alone.
    ...(inList ? [] : [`set it    ${PROGRAM} recipe.yaml ${key}=VALUE`]),
  ];
  return `${title}\n\n${lines.join("\n")}`;
}

/** Paths of all fields, for advice on a mistyped one. */
export function fieldKeys(schema: JsonSchema, path = ""): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const key = path === "" ? name : `${path}.${name}`;
    return [key, ...fieldKeys(field, key)];
  });
}

function mapHelp(maps: readonly JsonSchema[], key: string): string {
  const rows = maps.flatMap(({ properties = {} }) =>
    Object.entries(properties).map(([name, field]) => [
      field.const === undefined ? name : `${name}: ${field.const}`,
      plain(field.properties ? "map" : accepts(field)),
      hasDefault(field) ? defaultOf(field) : "",
    ])
  );
  return `${table(["key", "accepts", "default"], rows)}\n\n` +
    `Help on one: ${PROGRAM} help ${key}.${
      rows.map(([name]) => name!).find((name) => !/[: ]/.test(name))
    }`;
}

/** The schemas that a value of a field may meet: those of a list are of its entries. */
function alternatives(field: JsonSchema, root: JsonSchema): JsonSchema[] {
  const [, name] = /^#\/definitions\/(.+)$/.exec(field.$ref ?? "") ?? [];
  const named = name === undefined ? undefined : root.definitions?.[name];
  const items = field.items && !Array.isArray(field.items) ? [field.items as JsonSchema] : [];
  const inner = [...(named ? [named] : []), ...items, ...field.anyOf ?? [], ...field.oneOf ?? []];
  return [field, ...inner.flatMap((each) => alternatives(each, root))];
}

/** Defaults of maps are those of their fields. */
function hasDefault({ default: value }: JsonSchema): boolean {
  return value !== undefined && (typeof value !== "object" || Array.isArray(value));
}

function defaultOf({ default: value }: JsonSchema): string {
  return value === "" ? "none" : JSON.stringify(value).replaceAll('"', "").replaceAll(",", ", ");
}

/** Without the marks of Markdown. */
function plain(text: string): string {
  return text.replaceAll("`", "");
}
