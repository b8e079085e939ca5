/**
 * Reads the file that `init` of a recipe names: a safetensors file, the shards that an index lists, the
 * newest checkpoint in a run's folder, or the one file of weights in another folder.
 *
 * @module
 */
import { type DataFiles, dataFiles } from "../../data/paths/file_fingerprint.ts";
import { findInit } from "../../data/paths/find_data.ts";
import type { PathPolicy } from "../../data/paths/path_policy.ts";
import { checkIsFile, stat } from "../../data/paths/stat.ts";
import { DataError, QtrainError } from "../../core/errors.ts";
import { fileError, readBytes } from "../../core/files.ts";
import { listed, shellWord } from "../../core/text.ts";
import { decodeSafetensors } from "../../core/safetensors.ts";
import type { ZooName } from "../../recipe/model.ts";
import type { Recipe } from "../../recipe/recipe.ts";
import { RunFolder } from "../run_folder/run_folder.ts";
import { hasChecksum } from "./checksum.ts";
import type { WeightsFile } from "./fit.ts";
import { foreignFile, HEAD_BYTES } from "./foreign_file.ts";
import { expectCheckpoint } from "./load.ts";

const WHAT = "a safetensors file or the folder of a run";
const INDEX = /\.safetensors\.index\.json$/i;

/**
 * Reads the weights that a recipe's `init` names.
 *
 * @throws DataError when nothing is there, or it is damaged, or it is something else: with what it is
 */
export async function readWeights(
  recipe: Recipe,
  warn: (text: string) => void = () => {},
): Promise<WeightsFile> {
  const { model } = recipe, network = "layers" in model ? undefined : model.name;
  const { root, file, run, policy } = await locate(recipe);
  if (run) {
    for (const checkpoint of await run.checkpoints()) await policy.check(checkpoint.path);
    const { bytes, path } = await expectCheckpoint(run, warn);
    await policy.checkFiles(root, [path]);
    return { ...decodeSafetensors(bytes, path), path };
  }
  if (file !== root) warn(`init: reading ${file}`);
  await policy.checkFiles(root, await withShards(file));
  return await readFile(file, policy, network);
}

/**
 * The file that `init` of a recipe names; of a run's folder, its latest checkpoint.
 *
 * @throws DataError when nothing is there
 */
export async function initFiles(recipe: Recipe): Promise<DataFiles> {
  const { root, file } = await locate(recipe);
  return await dataFiles(root, await withShards(file));
}

async function locate({ init, pathScope }: Recipe) {
  if (/^https?:\/\//i.test(init)) {
    throw new DataError(
      `init: expected the path of ${WHAT}, got an address, ${init}; download it ` +
        `(curl -LO ${shellWord(init)}) and give the path of the file`,
    );
  }
  const { path: root, folder, policy } = await findInit(init, pathScope, WHAT);
  if (!folder) return { root, file: root, policy };
  const inside = await weightsIn(root);
  if (inside !== undefined) return { root, file: inside, policy };
  const run = await RunFolder.open(root), [latest] = await run.checkpoints();
  return { root, file: latest?.path ?? root, run, policy };
}

/** The file of weights in a folder that is no run's, as models are published: an index, or one file. */
async function weightsIn(folder: string): Promise<string | undefined> {
  const names: string[] = [];
  try {
    // A name that begins with a dot is hidden, as macOS's companions of files (._model.safetensors).
    for await (const { name } of Deno.readDir(folder)) if (!name.startsWith(".")) names.push(name);
  } catch (error) {
    throw fileError(error, "read", folder);
  }
  if (names.includes("checkpoints")) return undefined;
  const files = (ending: RegExp) => names.filter((name) => ending.test(name)).sort();
  const found = [files(INDEX), files(/\.safetensors$/i), files(/\.(pth?|bin|ckpt|h5)$/i)]
    .find((list) => list.length > 0) ?? [];
  const [one, ...others] = found;
  if (one === undefined) return undefined;
  if (others.length === 0) return `${folder}/${one}`;
  throw new DataError(
    `init: ${folder}: expected ${WHAT}, got a folder with ${found.length} files of weights ` +
      `(${listed(found)}); give the path of one`,
  );
}

async function readFile(path: string, guard: PathPolicy, network?: ZooName): Promise<WeightsFile> {
  await guard.check(path);
  await checkIsFile(path);
  if (INDEX.test(path)) {
    const files = await shardsOf(path);
    if (files) return await readShards(path, files, guard, network);
  }
  await refuseForeign(path, network);
  const bytes = await readBytes(path);
  hasChecksum(bytes, path); // A file of another program has none.
  return { ...decodeSafetensors(bytes, path), path };
}

/** Refuses a file that is not in the safetensors format before all of it is read. */
async function refuseForeign(path: string, network?: ZooName): Promise<void> {
  const head = new Uint8Array(HEAD_BYTES);
  let length = 0, size: number;
  try {
    using file = await Deno.open(path);
    size = (await file.stat()).size;
    for (let got: number | null = 1; got && length < head.length;) {
      got = await file.read(head.subarray(length));
      length += got ?? 0;
    }
  } catch (error) {
    throw fileError(error, "read", path);
  }
  // A header's length, then its JSON.
  const header = new DataView(head.buffer).getBigUint64(0, true);
  if (length > 8 && header <= BigInt(size) && head[8] === 0x7b) return;
  const foreign = foreignFile(head.subarray(0, length), path, network);
  if (!foreign) return;
  throw new DataError(
    `init: ${path}: expected a safetensors file, got ${foreign.what}. ${foreign.remedy}`,
  );
}

/** A file, and what it lists if it is an index. */
async function withShards(path: string): Promise<string[]> {
  const names = INDEX.test(path) ? await shardsOf(path) : undefined;
  return [path, ...(names ?? []).map((name) => besides(path, name))];
}

/** The path of a file in the same folder. */
function besides(path: string, name: string): string {
  return path.replace(/[^/\\]*$/, "") + name;
}

/** The files that an index lists; `undefined` when it is no index. */
async function shardsOf(path: string): Promise<string[] | undefined> {
  try {
    const { weight_map: map } = JSON.parse(new TextDecoder().decode(await readBytes(path)));
    const names = Object.values(map);
    // An index lists its neighbours, so no name leads to another folder, or to another index.
    const plain = names.every((name) =>
      typeof name === "string" && /^[^/\\]+\.safetensors$/i.test(name)
    );
    if (plain && names.length > 0) return [...new Set(names as string[])].sort();
  } catch (error) {
    if (error instanceof QtrainError) throw error;
    // Not the JSON of an index.
  }
  return undefined;
}

async function readShards(
  path: string,
  names: readonly string[],
  guard: PathPolicy,
  network?: ZooName,
): Promise<WeightsFile> {
  const missing: string[] = [];
  for (const name of names) {
    if (!await stat(besides(path, name))) missing.push(name);
  }
  if (missing.length > 0) {
    throw new DataError(
      `init: ${path}: expected beside it the files of weights that it lists, found ` +
        `${names.length - missing.length} of ${names.length}; download ${listed(missing)} too`,
    );
  }
  const shards: WeightsFile[] = [];
  for (const name of names) shards.push(await readFile(besides(path, name), guard, network));
  const all = <T>(part: (shard: WeightsFile) => Record<string, T>) =>
    Object.fromEntries(shards.flatMap((shard) => Object.entries(part(shard))));
  return { tensors: all((s) => s.tensors), others: all((s) => s.others), metadata: {}, path };
}
