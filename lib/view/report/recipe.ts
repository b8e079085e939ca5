/**
 * The sections of a report about the recipe, and how to reproduce a run.
 *
 * @module
 */
import { isMap } from "../../core/json_value.ts";
import { shellWord } from "../../core/text.ts";
import { resolveRecipe } from "../../recipe/load.ts";
import type { RecipeInput } from "../../recipe/recipe.ts";
import { escape, nameHtml } from "../escape.ts";
import type { Section } from "../page.ts";
import type { RunView } from "../run_log.ts";
import { QTRAIN_STANDS } from "./commands.ts";
import { type Cell, details, figureOf, runName, soft, table, textOf } from "./html.ts";

/** Characters of a recipe that are shown: one of hundreds of layers has 30,000. */
const MAX_TEXT = 60_000;
/** Rows of a table of fields. */
const MAX_FIELDS = 200;
/** Cells of the table of several runs, at most 200 characters each. */
const MAX_CELLS = 1500;

/** The recipe, with what differs from the defaults, or between runs. */
export function recipeSection(runs: readonly RunView[]): Section {
  const html = runs.length === 1 ? ofOne(runs[0]!) : ofSeveral(runs);
  return { id: "recipe", title: "Recipe", html };
}

function ofOne(run: RunView): string {
  if (run.recipeText === "") return soft("The folder has no <code>recipe.yaml</code>.");
  const changed = run.recipe === undefined ? undefined : changedFields(run.recipe);
  const list = changed === undefined
    ? soft("What differs from the defaults cannot be told.")
    : changed.length === 0
    ? soft("All but data and network has its default.")
    : table({
      caption: "What differs from the defaults",
      columns: [{ text: "field" }, { text: "value" }, { text: "default" }],
      rows: changed.slice(0, MAX_FIELDS).map(([key, value, usual]) => [
        `<code>${nameHtml(key)}</code>`,
        valueHtml(value),
        usual === undefined ? "" : valueHtml(usual),
      ]),
    });
  return `<div class="pair"><div>${list}</div><div>${text(run)}</div></div>`;
}

function text({ recipeText }: RunView): string {
  const cut = recipeText.length > MAX_TEXT ? "\n# … cut here; recipe.yaml has all" : "";
  return details(
    "The whole recipe, with every default",
    `<pre tabindex="0">${escape(recipeText.slice(0, MAX_TEXT))}${cut}</pre>`,
  );
}

function valueHtml(value: unknown): string {
  return `<span class="wrapped">${
    value === undefined
      ? "–"
      : nameHtml(typeof value === "string" ? value : JSON.stringify(value), 200)
  }</span>`;
}

type Field = readonly [key: string, value: unknown];

/** The fields of a recipe, by dotted path; a list is one value. */
function fieldsOf(value: unknown, path = "", depth = 0): Field[] {
  if (!isMap(value) || depth > 8) return [[path, value]];
  return Object.entries(value).flatMap(([key, inner]) =>
    fieldsOf(inner, path === "" ? key : `${path}.${key}`, depth + 1)
  );
}

/** Fields that have another value than a recipe of the same data and network has by itself. */
function changedFields(
  recipe: Readonly<Record<string, unknown>>,
): (readonly [key: string, value: unknown, usual: unknown])[] | undefined {
  const usual = defaultsFor(recipe);
  if (usual === undefined) return undefined;
  const defaults = new Map(fieldsOf(usual));
  return fieldsOf(recipe).flatMap(([key, value]) =>
    key === "name" || JSON.stringify(defaults.get(key)) === JSON.stringify(value)
      ? []
      : [[key, value, defaults.get(key)] as const]
  );
}

/** The recipe that has only what it must of another one's data, and its network. */
function defaultsFor(recipe: Readonly<Record<string, unknown>>): unknown {
  const data = isMap(recipe.data) ? recipe.data : {}, { model } = recipe;
  const pick = (...keys: string[]) =>
    Object.fromEntries(keys.flatMap((key) => Object.hasOwn(data, key) ? [[key, data[key]]] : []));
  const needed = [
    { data: pick("format"), model },
    { data: pick("format", "root"), model },
    { data: pick("format", "root", "classes", "size", "channels"), model },
    { data, model },
  ];
  for (const input of needed) {
    try {
      const { pathScope: _, ...written } = resolveRecipe(input as RecipeInput);
      return written;
    } catch {
      // It needs more, or is of another version.
    }
  }
  return undefined;
}

function ofSeveral(runs: readonly RunView[]): string {
  const all = runs.map(({ recipe }) => new Map(recipe === undefined ? [] : fieldsOf(recipe)));
  const keys = [...new Set(all.flatMap((fields) => [...fields.keys()]))].filter((key) =>
    new Set(all.map((fields) => JSON.stringify(fields.get(key)))).size > 1
  );
  const list = keys.length === 0 ? soft("The recipes do not differ.") : table({
    caption: "What differs between the recipes",
    columns: [{ text: "field" }, ...runs.map((run) => ({ text: runName(runs, run) }))],
    rows: keys.slice(0, Math.floor(MAX_CELLS / (runs.length + 1))).map((key): Cell[] => [
      `<code>${nameHtml(key)}</code>`,
      ...all.map((fields) => valueHtml(fields.get(key))),
    ]),
  });
  return list + details(
    "The whole recipe of the first run",
    `<pre tabindex="0">${escape(runs[0]!.recipeText.slice(0, MAX_TEXT))}</pre>`,
  );
}

/** What it takes to get the same run again. */
export function reproduceSection(runs: readonly RunView[]): Section {
  const rows = runs.map((run): Cell[] => [
    runName(runs, run),
    nameHtml(textOf(run, "qtrain_version") ?? "–"),
    nameHtml(textOf(run, "adapter") ?? "–"),
    nameHtml(textOf(run, "arithmetic") ?? "–"),
    nameHtml(String(figureOf(run, "seed") ?? run.recipe?.seed ?? "–")),
  ]);
  const commands = runs.map(({ path }) =>
    `qtrain ${shellWord(`${path}/recipe.yaml`)} --out ${shellWord(`${path}-again`)}`
  );
  const html = table({
    caption: "What the runs were made with",
    columns: ["run", "qtrain", "device", "arithmetic", "seed"].map((text) => ({ text })),
    rows,
  }) + `<pre tabindex="0">${escape(commands.join("\n"))}</pre>
${
    soft(
      "The same version, data and kind of device give the same bits: on the CPU on any machine and with " +
        `any number of threads. <code>data.json</code> says which files the data were. ${
          escape(QTRAIN_STANDS)
        }`,
    )
  }`;
  return { id: "reproduce", title: "How to reproduce", html };
}
