/**
 * Finds the data sets in a folder, and in folders one or two levels below, by the names of files and by
 * where images lie. Nothing is opened: the reader of each format decides whether it can be read.
 *
 * @module
 */
import { basename, dirname, join } from "node:path";
import { DataError } from "../../core/errors.ts";
import type { DataFormatName } from "../../recipe/data_formats.ts";
import { holdsCifar } from "../formats/cifar.ts";
import { isIdxName } from "../formats/idx.ts";
import { findLayout, holdsTrainingSplit } from "../image_folder/layout.ts";
import { FolderLister } from "../image_folder/list.ts";
import { cannotRead } from "../paths/stat.ts";

/** A data set, as a recipe names it. */
export interface FoundDataset {
  readonly format: DataFormatName;
  /** The folder, or the `.npz` file. */
  readonly path: string;
}

/** Levels below the folder that are searched: the data is in the folder, in `photos/`, or in `data/photos/`. */
const LEVELS = 2;
/** Folders that are looked into at most: in a home folder there are hundreds of thousands. */
const MAX_FOLDERS = 2000;
/** Folders of programs: their images are no data. */
const PASSED = new Set(["node_modules", "__pycache__", "site-packages", "venv", "runs"]);

/** A search: what is below a folder, and how many folders were looked into. */
interface Search {
  readonly lister: FolderLister;
  left: number;
}

/**
 * The data sets in a folder, sorted by path. Where images lie in a way that no reader may take (all in
 * one folder), the folder itself is returned, so that the reader says what is wrong; not where most of
 * its folders have none, as that of a program with pictures in its documents.
 *
 * @throws {DataError} when the folder cannot be read
 */
export async function findDatasets(folder: string): Promise<FoundDataset[]> {
  const search: Search = { lister: new FolderLister(), left: MAX_FOLDERS };
  const found = await setsIn(folder, LEVELS, search);
  if (found.length > 0) return found.sort((a, b) => a.path < b.path ? -1 : 1);
  const { folders, images } = await search.lister.shape(folder);
  if (images) return [{ format: "folder", path: folder }];
  const inside = folders.filter((name) => !PASSED.has(name)).slice(0, MAX_FOLDERS);
  let holding = 0;
  for (const name of inside) if (await holdsImages(join(folder, name), search)) holding++;
  return holding > 0 && 2 * holding >= inside.length ? [{ format: "folder", path: folder }] : [];
}

/** The data sets in a folder that names and places tell. */
async function setsIn(folder: string, levels: number, search: Search): Promise<FoundDataset[]> {
  const files = filesIn(folder);
  const arrays = files.filter((name) => /\.npz$/i.test(name));
  const found: FoundDataset[] = arrays.map((name) => ({
    format: "npz",
    path: join(folder, name),
  }));
  if (files.some(isIdxName)) found.push({ format: "idx", path: folder });
  if (holdsCifar(files)) found.push({ format: "cifar", path: folder });
  if (files.filter((name) => /\.npy$/i.test(name)).length > 1) {
    found.push({ format: "npz", path: folder });
  }
  if (found.length > 0) return found;
  return await foldersOfImages(folder, levels, search);
}

/** A folder of images, if it is one, or else the data sets in the folders below it. */
async function foldersOfImages(
  folder: string,
  levels: number,
  search: Search,
): Promise<FoundDataset[]> {
  const { lister } = search, own: FoundDataset = { format: "folder", path: folder };
  search.left--;
  const folders = (await lister.shape(folder)).folders.filter((name) => !PASSED.has(name));
  const splits = folders.filter((name) => holdsTrainingSplit([name]));
  for (const name of splits) if (await holdsImages(join(folder, name), search)) return [own];
  let direct = 0;
  const below: FoundDataset[] = [];
  for (const name of folders) {
    const path = join(folder, name);
    if (search.left-- < 0) break;
    try {
      if ((await lister.shape(path)).images && ++direct > 1) return [own];
      if (levels > 0) below.push(...await setsIn(path, levels - 1, search));
    } catch (error) {
      if (!(error instanceof DataError)) throw error; // One that may not be read is passed over.
    }
  }
  const images = below.filter(({ format, path }) =>
    format === "folder" && dirname(path) === folder
  );
  return images.length > 1 && await areSplits(folder, lister) ? [own] : below;
}

/** Whether the folders of images in a folder are its splits, or may be. */
async function areSplits(folder: string, lister: FolderLister): Promise<boolean> {
  try {
    return (await findLayout(folder, lister)).testIn !== undefined;
  } catch (error) {
    if (error instanceof DataError) return true; // The reader says it again.
    throw error;
  }
}

/** Whether images lie in a folder or at most two levels below it. */
async function holdsImages(path: string, search: Search, levels = LEVELS): Promise<boolean> {
  if (search.left-- < 0) return false;
  try {
    const { folders, images } = await search.lister.shape(path);
    if (images || levels === 0) return images;
    for (const name of folders) {
      if (await holdsImages(join(path, name), search, levels - 1)) return true;
    }
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
  }
  return false;
}

/** Names of the files in a folder, but for hidden ones. */
function filesIn(folder: string): string[] {
  try {
    return [...Deno.readDirSync(folder)]
      .filter(({ name, isDirectory }) => !isDirectory && !name.startsWith("."))
      .map(({ name }) => name).sort();
  } catch (error) {
    throw cannotRead(folder, error);
  }
}

/** Names of folders that say nothing of what is in them. */
const GENERAL = /^(raw|data|dataset|datasets|images?|train|training|test|\.|arrays)$/i;

/** A name for a data set: that of its folder or file, or of the folder above if its own says nothing. */
export function datasetName({ path }: FoundDataset): string {
  const own = basename(path).replace(/\.npz$/i, ""), above = basename(dirname(path));
  return GENERAL.test(own) && above !== "" && !GENERAL.test(above) ? above : own;
}
