/**
 * What a list of runs tells of a run beside its figures: the size of its folder, and its recipe, to see in
 * what runs differ.
 *
 * @module
 */
import { readTextIfThere } from "../core/files.ts";

/** Files of one run whose sizes are counted. */
const MAX_FILES = 10_000;
/** Levels of folders in a run whose files are counted. */
const MAX_LEVELS = 4;
/** Bytes of a recipe that is read; they have two thousand. */
const MAX_RECIPE = 1 << 20;

/** Details of a run. */
interface RunDetails {
  /** Bytes of all files in its folder. */
  readonly bytes: number;
  /** Fields of its recipe as it is written, by dotted path. */
  readonly recipe: ReadonlyMap<string, string>;
  /** What is wrong with its recipe. */
  readonly problem?: string;
}

/** Reads the details of the run in a folder. */
export async function readDetails(folder: string): Promise<RunDetails> {
  const [bytes, recipe] = await Promise.all([sizeOf(folder), readRecipe(`${folder}/recipe.yaml`)]);
  return typeof recipe === "string"
    ? { bytes, recipe: new Map(), problem: recipe }
    : { bytes, recipe };
}

/** The fields of a recipe, or what is wrong with it. */
async function readRecipe(path: string): Promise<ReadonlyMap<string, string> | string> {
  try {
    const info = await Deno.stat(path).catch(() => undefined);
    if (info && info.size > MAX_RECIPE) return "recipe.yaml is too long to be one";
    const text = await readTextIfThere(path);
    return text === undefined ? "recipe.yaml is missing" : recipeFields(text);
  } catch (error) {
    return (error as Error).message;
  }
}

/** What follows from the data and its path, and says less. */
const DETAIL = /^data\.(?!format$|root$)/;

/**
 * The fields of recipes that differ between runs, in the order of recipes but details of the data last,
 * without the name. A field that only some recipes have differs if these differ: earlier versions had
 * fewer fields.
 */
export function differingFields(runs: readonly Pick<RunDetails, "recipe">[]): string[] {
  const first = new Map<string, string>(), differing = new Set<string>();
  for (const { recipe } of runs) {
    for (const [path, text] of recipe) {
      const known = first.get(path);
      if (known === undefined) first.set(path, text);
      else if (known !== text) differing.add(path);
    }
  }
  differing.delete("name");
  const inOrder = [...first.keys()].filter((path) => differing.has(path));
  return [
    ...inOrder.filter((path) => !DETAIL.test(path)),
    ...inOrder.filter((path) => DETAIL.test(path)),
  ];
}

/**
 * The fields of a `recipe.yaml` as qtrain writes it: one a line, indented by their depth. A parser of YAML
 * takes 3 ms a recipe, too long for a thousand. What is neither field nor comment belongs to the field above.
 */
export function recipeFields(text: string): Map<string, string> {
  const fields = new Map<string, string>(), above: { indent: number; key: string }[] = [];
  let last = "";
  for (const line of text.split("\n")) {
    if (/^\s*(#|$)/.test(line)) continue;
    const [, indent, key, value] = /^( *)([\w-]+):(?: +(.*))?$/.exec(line) ?? [];
    const depth = indent?.length ?? Infinity;
    // The fields of a list's items are indented below a dash.
    const inList = fields.get(last)?.startsWith("- ") && depth > (above.at(-1)?.indent ?? 0);
    if (key === undefined || inList) {
      fields.set(last, `${fields.get(last) ?? ""} ${line.trim()}`.trim());
      continue;
    }
    while (above.length > 0 && above.at(-1)!.indent >= depth) above.pop();
    above.push({ indent: depth, key });
    last = above.map((part) => part.key).join(".");
    if (value !== undefined) fields.set(last, value.trim());
  }
  return fields;
}

/** Bytes of all files of a run. */
async function sizeOf(path: string): Promise<number> {
  let bytes = 0, files = 0, level = [path];
  for (let depth = 0; depth < MAX_LEVELS && level.length > 0; depth++) {
    const below: string[] = [];
    for (const folder of level) {
      try {
        for await (const { name, isDirectory, isFile } of Deno.readDir(folder)) {
          if (isDirectory) below.push(`${folder}/${name}`);
          if (isFile && files++ < MAX_FILES) bytes += (await Deno.lstat(`${folder}/${name}`)).size;
        }
      } catch {
        // It may vanish at any moment.
      }
    }
    level = below;
  }
  return bytes;
}
