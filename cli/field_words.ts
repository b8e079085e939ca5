/**
 * What a field of a recipe accepts, in words, from its JSON Schema.
 *
 * @module
 */
import type { JsonSchema } from "../lib/recipe/json_schema.ts";

/** What a field accepts, in words. */
export function accepts(s: JsonSchema): string {
  if (s.enum) return s.enum.map((value) => `\`${value}\``).join(", ");
  if (s.const !== undefined) return `\`${s.const}\``;
  if (s.anyOf) return [...new Set(s.anyOf.map(accepts))].join(" or ");
  if (s.type === "boolean") return "true, false";
  if (s.type === "string" || Array.isArray(s.type)) return "text";
  if (s.type === "object") return "map";
  if (s.type === "array") {
    return Array.isArray(s.items) ? `list of ${s.items.length}` : "list";
  }
  return (s.type === "integer" ? "whole number" : "number") + bounds(s);
}

function bounds(s: JsonSchema): string {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = s;
  const most = maximum === Number.MAX_SAFE_INTEGER ? undefined : maximum;
  if (minimum !== undefined && most !== undefined) return ` from ${minimum} to ${most}`;
  const parts = [
    ...(exclusiveMinimum !== undefined ? [` above ${exclusiveMinimum}`] : []),
    ...(minimum !== undefined && minimum !== Number.MIN_SAFE_INTEGER
      ? [` of at least ${minimum}`]
      : []),
    ...(most !== undefined ? [` of at most ${most}`] : []),
    ...(exclusiveMaximum !== undefined ? [` below ${exclusiveMaximum}`] : []),
  ];
  return parts.join(" and");
}
