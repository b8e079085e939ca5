/**
 * `qtrain init`: looks at a folder of data and writes a commented recipe that works there.
 *
 * @module
 */
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { DataError, QtrainError, UsageError } from "../lib/core/errors.ts";
import { writeAtomic } from "../lib/core/files.ts";
import { shellWord, visible } from "../lib/core/text.ts";
import { datasetName, findDatasets, type FoundDataset } from "../lib/data/inspect/find_datasets.ts";
import { archiveAt, archiveIn } from "../lib/data/paths/archive.ts";
import { stat } from "../lib/data/paths/stat.ts";
import { float32Memory } from "../lib/program/float32_memory.ts";
import { peakMemory } from "../lib/program/memory/peak.ts";
import { plan } from "../lib/program/plan.ts";
import { loadRecipe, parseRecipe } from "../lib/recipe/load.ts";
import { PathScope, UNRESTRICTED } from "../lib/recipe/path_scope.ts";
import { environment } from "../lib/runtime/gpu/device.ts";
import { type Arguments, defineCommand, type Options } from "./command.ts";
import { bytes } from "./format.ts";
import { choose } from "./init/choose.ts";
import { recipeText, summary } from "./init/recipe_text.ts";
import { type Survey, survey } from "./init/survey.ts";
import { print, printError, PROGRAM } from "./print.ts";
import { Progress } from "./progress.ts";
import { schemaAddress, writeSchemaCopy } from "./recipe_schema.ts";

/** Recipes that are looked at, to see whether one is for the same data. */
const MAX_RECIPES = 50;

const OPTIONS = {
  out: {
    type: "string",
    usage: "--out FILE",
    help: "the recipe to write (default: NAME.yaml in the current folder, or beside the data)",
  },
} as const satisfies Options;

/** `qtrain init`. */
export const initCommand = defineCommand({
  name: "init",
  synopsis: "qtrain init [DIR]",
  summary: "Looks at a folder of data and writes a commented recipe that trains on it as it is.",
  details:
    `Finds images in a folder for each class, with or without folders to train and to test on, Tiny
ImageNet, IDX files (MNIST), CIFAR files, .npz and .npy files: in DIR (default: the current folder), in
a folder of that name in QTRAIN_DATA, or up to two levels below. Network, size and length of training
follow from the number, size and kind of images, and each comment says why. Nothing is overwritten. A
recipe may read what is in its own folder or in QTRAIN_DATA, so it is written beside data that is
elsewhere; with another --out, data.root=PATH must be given to train.`,
  options: OPTIONS,
  run,
});

async function run({ positionals, out }: Arguments<typeof OPTIONS>): Promise<number> {
  const [given = ".", ...more] = positionals;
  if (more.length > 0) {
    throw new UsageError(`qtrain init: expected one folder, got ${positionals.length}`);
  }
  const found = await theDataset(given);
  const path = await outPath(found, out);
  const { data, outside } = await surveyed(found, dirname(path)).catch((error) => {
    throw error instanceof DataError ? forInit(error) : error;
  });
  const { text, memory } = compose(data, path);
  await write(path, text, out === undefined);
  const schema = await writeSchemaCopy(dirname(path));
  for (const note of data.notes) printError(note);
  if (outside) {
    printError(
      `note: a recipe reads what is in its own folder alone, and this data is not: the commands give ` +
        "its path",
    );
  }
  const recipe = shellWord(shown(path)) +
    (outside ? ` ${shellWord(`data.root=${found.path}`)}` : "");
  print([
    `${summary(data)}${data.layout ? `; ${data.layout}` : ""}`,
    `wrote ${visible(shown(path))}: ${memory}`,
    ...(schema === undefined ? [] : [
      `wrote ${visible(shown(schema))}: with it, editors check and complete the recipe`,
    ]),
    `to look at the images:  ${PROGRAM} data ${recipe}`,
    `to train:               ${PROGRAM} ${recipe}`,
  ].join("\n"));
  return 0;
}

/** A reader's error with remedies for `init`, which takes a folder or a file in place of `data.root=PATH`. */
function forInit(error: DataError): DataError {
  const message = error.message.replace(/(\bgive )?\bdata\.root=/g, () => `${PROGRAM} init `)
    .replace(/\bcorrect data\.root\b/g, "give another folder");
  return new DataError(message, { cause: error });
}

/** Writes the recipe. Data on a disc that cannot be written to has no place beside it for one. */
async function write(path: string, text: string, chosen: boolean): Promise<void> {
  try {
    await writeAtomic(path, text);
  } catch (error) {
    if (!chosen || !(error instanceof UsageError)) throw error;
    throw new UsageError(`${error.message}; or give --out FILE to write the recipe elsewhere`);
  }
}

/** A path as it is given on the command line here. */
function shown(path: string): string {
  return relative(".", path) || ".";
}

/**
 * Surveys the data as a recipe in `folder` may read it. If it is elsewhere, or links lead out of that
 * folder (`outside`), its path must be given on the command line.
 */
async function surveyed(
  found: FoundDataset,
  folder: string,
): Promise<{ data: Survey; outside: boolean }> {
  const progress = new Progress();
  if (!isBelow(found.path, folder) && !isShared(found.path)) {
    return { data: await survey(found, UNRESTRICTED, progress), outside: true };
  }
  try {
    return { data: await survey(found, PathScope.within(folder), progress), outside: false };
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    const data = await survey(found, UNRESTRICTED, progress).catch(() => undefined);
    if (!data) throw error;
    return { data, outside: true };
  }
}

/** The one data set of a folder, or of a file. @throws DataError where there is none, or several */
async function theDataset(given: string): Promise<FoundDataset> {
  const path = await placeOf(given), info = await stat(path);
  if (info && !info.isDirectory) return await ofFile(path);
  const found = await findDatasets(path);
  const [one, ...others] = found;
  if (one && others.length === 0) return one;
  if (!one) throw await nothingIn(path, given);
  const list = found.slice(0, 10).map(({ format, path }) =>
    `  ${PROGRAM} init ${shellWord(shown(path))}  # ${format}`
  );
  throw new DataError(
    `${visible(given)}: expected one data set, found ${found.length}; choose one:\n` +
      list.join("\n") + (found.length > list.length ? "\n  …" : ""),
  );
}

/** Where a folder is: at its path, or in `QTRAIN_DATA`. */
async function placeOf(given: string): Promise<string> {
  const own = resolve(given), shared = sharedFolder();
  const other = shared === undefined || isAbsolute(given) ? undefined : resolve(shared, given);
  for (const place of [own, other]) {
    // A recipe may not read through a link that leads out of its folder.
    if (place !== undefined && await stat(place)) return await Deno.realPath(place);
  }
  throw new DataError(
    `${visible(given)}: expected a folder with data, found nothing at ${visible(own)}${
      other === undefined ? "" : `, nor at ${visible(other)}`
    }; correct the path`,
  );
}

async function ofFile(path: string): Promise<FoundDataset> {
  if (/\.npz$/i.test(path)) return { format: "npz", path };
  const archive = await archiveAt(path);
  throw new DataError(
    archive
      ? `${visible(path)}: expected a folder, got ${archive.kind}; ${unpack(archive)}`
      : `${visible(path)}: expected a folder or an .npz file, got another file; give the folder ` +
        `that it is in: ${PROGRAM} init ${shellWord(dirname(path))}`,
  );
}

function unpack({ command, root }: { readonly command: string; readonly root: string }): string {
  return `unpack it: ${command} && ${PROGRAM} init ${shellWord(shown(root))}`;
}

async function nothingIn(path: string, given: string): Promise<DataError> {
  const recipe = (await recipesIn(path))[0];
  return new DataError(
    `${visible(given)}: expected data, found none there or up to two levels below: no images in ` +
      "folders (one for each class), no IDX files (train-images-idx3-ubyte), no CIFAR files " +
      "(data_batch_1.bin), no .npz or .npy files; give the folder that has them" +
      (recipe === undefined
        ? await archiveIn(path, unpack)
        : `. There is a recipe: ${PROGRAM} ${shellWord(shown(recipe))}`),
  );
}

/** Where to write the recipe. @throws UsageError where a file is, or a recipe for the same data */
async function outPath(found: FoundDataset, out: string | undefined): Promise<string> {
  const name = fileName(datasetName(found)), data = found.path;
  const here = isBelow(data, resolve(".")) || isShared(data);
  const folder = here ? resolve(".") : dirname(data);
  const path = out === undefined ? join(folder, `${name}.yaml`) : resolve(out);
  if (await stat(path)) {
    throw new UsageError(
      `${visible(shown(path))}: expected no file, found one already; train it: ${PROGRAM} ${
        shellWord(shown(path))
      }, or give another name with --out`,
    );
  }
  if (out === undefined) await expectNoRecipe(data, folder);
  return path;
}

/** Refuses to write a second recipe for the same data without being told its name. */
async function expectNoRecipe(data: string, folder: string): Promise<void> {
  for (const path of await recipesIn(folder)) {
    try {
      const { data: { root }, pathScope } = await loadRecipe(path);
      if (root === "" || !pathScope.placesOf("data.root", root).includes(data)) continue;
    } catch (error) {
      if (error instanceof QtrainError) continue; // Damaged, or no recipe.
      throw error;
    }
    const there = shown(path), other = `${fileName(basename(data))}-2.yaml`;
    throw new UsageError(
      `${visible(there)}: expected no recipe for this data, found one; train it: ` +
        `${PROGRAM} ${shellWord(there)}, or write another: --out ${shellWord(other)}`,
    );
  }
}

/** Files in a folder that may be recipes. */
async function recipesIn(folder: string): Promise<string[]> {
  const found: string[] = [];
  try {
    for await (const { name, isFile } of Deno.readDir(folder)) {
      if (isFile && /\.ya?ml$/i.test(name) && found.length < MAX_RECIPES) {
        found.push(join(folder, name));
      }
    }
  } catch {
    return []; // What is wrong with the folder is said elsewhere.
  }
  return found.sort();
}

/** The recipe's text, read and planned as training will, and what it takes. */
function compose(data: Survey, path: string): { text: string; memory: string } {
  const chosen = choose(data), folder = dirname(path);
  const places = {
    root: rootOf(data.found.path, folder),
    schema: schemaAddress(folder),
    name: fileName(data.name),
  };
  const draft = parseRecipe(recipeText(data, chosen, places, "memory"), path);
  const [h, w] = draft.data.size, c = draft.data.channels;
  const shape = {
    shape: [h, w, c] as const,
    classes: data.counts.length,
    mean: Array<number>(c).fill(0.5),
    std: Array<number>(c).fill(0.5),
  };
  const { program } = plan(draft, shape), { total } = peakMemory(program);
  const memory =
    `${draft.model && "name" in draft.model ? draft.model.name : "the network"} takes ` +
    `${bytes(total)} to train in int8 (float32: ${bytes(float32Memory(draft, shape))})`;
  return { text: recipeText(data, chosen, places, memory), memory };
}

/** `data.root` of a recipe in a folder: relative to it, or the name of a folder in `QTRAIN_DATA`. */
function rootOf(data: string, folder: string): string {
  if (isBelow(data, folder)) return relative(folder, data).replaceAll(sep, "/") || ".";
  return dirname(data) === sharedFolder() ? basename(data) : data;
}

/** `QTRAIN_DATA`. */
function sharedFolder(): string | undefined {
  const set = environment("QTRAIN_DATA");
  return set ? resolve(set) : undefined;
}

function isShared(path: string): boolean {
  const shared = sharedFolder();
  return shared !== undefined && isBelow(path, shared);
}

function isBelow(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way === "" || (way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way));
}

/** A name for a run's folder and a file. */
function fileName(name: string): string {
  const kept = [...name.replace(/[^\p{L}\p{N}._-]+/gu, "-")].slice(0, 60).join("");
  return kept.replace(/^[.-]+|[.-]+$/g, "") || "recipe";
}
