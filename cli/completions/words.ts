/**
 * What may follow `qtrain` on a command line: made from the option tables of the commands and from the
 * recipe's schema.
 *
 * @module
 */
import type { JsonSchema } from "../../lib/recipe/json_schema.ts";
import type { Command, Option } from "../command.ts";

/** What completes a value or an argument: words, and files. */
export interface Completion {
  readonly words: readonly string[];
  /** `yaml`: recipes alone. */
  readonly files: "none" | "yaml" | "all";
}

/** An option as a shell completes it. */
export interface OptionWords {
  /** `--out`. */
  readonly flag: string;
  readonly help: string;
  /** `undefined`: it takes no value. */
  readonly value: Completion | undefined;
}

/** A command as a shell completes it. */
export interface CommandWords {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly OptionWords[];
  readonly arguments: Completion;
  /** Whether it takes fields of a recipe: to set one (`train.epochs=`), or its name alone. */
  readonly keys: "none" | "set" | "name";
}

/** A field of a recipe, and the words that it takes. */
export interface KeyWords {
  /** `train.optimizer.name`. */
  readonly key: string;
  readonly help: string;
  readonly values: readonly string[];
}

/** The commands by their own tables. */
export function commandWords(commands: readonly Command[]): CommandWords[] {
  const names = commands.map(({ name }) => name);
  return commands.map(({ name, usage, summary, options, words = [] }) => {
    const positionals = usage.replace(/--\S+ \S+/g, "").split(" ").slice(1);
    const own = positionals.flatMap((word) =>
      /^\[?[a-z]+(\|[a-z]+)+\]?$/.test(word) ? word.replace(/[[\]]/g, "").split("|") : []
    );
    return {
      name,
      summary,
      options: Object.entries(options).map(([flag, option]) => optionWords(flag, option)),
      arguments: {
        words: [...own, ...(/\bCOMMAND\b/.test(usage) ? names : []), ...words],
        files: positionals.some((word) => /RUN|DIR|FILE|IMAGE/.test(word))
          ? "all"
          : /\.yaml/.test(usage)
          ? "yaml"
          : "none",
      },
      keys: usage.includes("key=value") ? "set" : /\bFIELD\b/.test(usage) ? "name" : "none",
    };
  });
}

function optionWords(name: string, { type, usage, values, help }: Option): OptionWords {
  const files = /FILE|DIR|PATH/.test(usage) ? "all" : "none";
  const value = type === "boolean" ? undefined : { words: values ?? [], files } as const;
  return { flag: `--${name}`, help, value };
}

/** All fields of a recipe that the command line can set, in the order of the schema. */
export function keyWords(schema: JsonSchema, path = ""): KeyWords[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const key = path === "" ? name : `${path}.${name}`;
    if (field.properties) return keyWords(field, key);
    const help = (field.description ?? "").replace(/(?<=[.;:]) .*$/s, "").replace(/[.;:]$/, "");
    return [{ key, help, values: valuesOf(field) }];
  });
}

function valuesOf({ type, enum: words, const: only, anyOf = [] }: JsonSchema): string[] {
  if (type === "boolean") return ["true", "false"];
  const own = [...words ?? [], only].filter((word) => typeof word === "string");
  return [...own, ...anyOf.flatMap(valuesOf)];
}

/** A text in single quotes for bash and zsh. */
export function single(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
