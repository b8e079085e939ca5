/**
 * What the schema of a recipe says of its fields: as JSON Schema, and which may change when a run goes on.
 *
 * @module
 */
import { recipeSchema } from "./recipe.ts";
import type { Path } from "../core/json_value.ts";
import * as z from "./zod.ts";

/** As much of JSON Schema (draft 7) as a recipe's schema uses. */
export interface JsonSchema {
  readonly $schema?: string;
  readonly title?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly patternProperties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema | readonly JsonSchema[];
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly definitions?: Readonly<Record<string, JsonSchema>>;
  readonly $ref?: string;
  readonly description?: string;
}

/** Whether a field may change when a run goes on: see `fields.ts`. Absent: it may not. */
export type ResumeRule = "reported" | "silent";

type Extended = JsonSchema & { readonly resume?: ResumeRule };

function extended(): Extended {
  return z.toJSONSchema(recipeSchema, {
    target: "draft-7",
    io: "input",
    unrepresentable: "any",
    override: ({ jsonSchema: s }) => {
      // A list's entry may be a bare word: that entry with its defaults.
      if (!Array.isArray(s.words)) return;
      const { words, ...map } = s;
      for (const key of Object.keys(s)) delete s[key];
      // Augmentations are maps with their name as the only key, layers have theirs as `type`.
      const one = map.properties ? { minProperties: 1, maxProperties: 1 } : {};
      s.anyOf = [{ enum: words }, { ...map, ...one }];
    },
  }) as Extended;
}

/** The JSON Schema of a recipe file, as a person writes it. */
export function recipeJsonSchema(): JsonSchema {
  const schema = withPlainTexts(JSON.parse(
    JSON.stringify(extended(), (key, value) => key === "resume" ? undefined : value),
  ));
  // Anchors are kept there.
  return { ...schema, patternProperties: { "^x-": {} } };
}

/** A field that takes a text takes `2021` and `no` too, which are numbers and so on to YAML. */
function withPlainTexts(schema: JsonSchema): JsonSchema {
  const parts = Object.entries(schema).map(([key, part]) => {
    if (typeof part !== "object" || key === "default" || key === "examples") return [key, part];
    const isUnion = key === "anyOf" || key === "oneOf";
    if (Array.isArray(part)) return [key, part.map((one) => widened(one, isUnion))];
    const isMap = key === "properties" || key === "definitions";
    if (!isMap) return [key, widened(part, false)];
    return [
      key,
      Object.fromEntries(Object.entries(part).map(([k, one]) => [k, widened(one, false)])),
    ];
  });
  return Object.fromEntries(parts);
}

function widened(part: unknown, inUnion: boolean): unknown {
  if (typeof part !== "object" || part === null) return part;
  const schema = withPlainTexts(part as JsonSchema);
  return schema.type === "string" && !schema.enum && schema.const === undefined && !inUnion
    ? { ...schema, type: ["string", "number", "boolean"] }
    : schema;
}

/**
 * Whether every field that may be at `path` takes a text and nothing else. Such a field takes what is
 * written as it stands: `2021`, `no` and `[old]` are names of folders.
 */
export function takesText(path: Path): boolean {
  let fields = alternatives(recipeSchema);
  for (const step of path) fields = fields.flatMap((field) => partsAt(field, step));
  return fields.length > 0 &&
    fields.every((field) =>
      field instanceof z.ZodString || field instanceof z.ZodEnum ||
      (field instanceof z.ZodLiteral && [...field.values].every((v) => typeof v === "string"))
    );
}

/** The schemas that a value may meet, without defaults, transforms and unions around them. */
function alternatives(schema: unknown): unknown[] {
  if (schema instanceof z.ZodUnion) return schema.options.flatMap(alternatives);
  if (schema instanceof z.ZodPipe) return [schema.in, schema.out].flatMap(alternatives);
  if (schema instanceof z.ZodLazy) return alternatives(schema.unwrap());
  if (
    schema instanceof z.ZodOptional || schema instanceof z.ZodExactOptional ||
    schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault
  ) return alternatives(schema.unwrap());
  return schema instanceof z.ZodTransform ? [] : [schema];
}

function partsAt(schema: unknown, step: string | number): unknown[] {
  if (schema instanceof z.ZodObject) {
    return Object.hasOwn(schema.shape, step) ? alternatives(schema.shape[step]) : [];
  }
  if (schema instanceof z.ZodArray) return alternatives(schema.element);
  if (schema instanceof z.ZodTuple) return schema.def.items.flatMap(alternatives);
  return [];
}

let rules: ReadonlyMap<string, ResumeRule> | undefined;

/** Fields that may change when a run goes on, by their dotted path; a map stands for all in it. */
export function resumeRules(): ReadonlyMap<string, ResumeRule> {
  if (rules) return rules;
  const found = new Map<string, ResumeRule>();
  const visit = ({ properties = {}, resume }: Extended, path: string) => {
    if (resume) found.set(path, resume);
    for (const [key, field] of Object.entries(properties)) {
      visit(field, path === "" ? key : `${path}.${key}`);
    }
  };
  visit(extended(), "");
  return rules = found;
}
