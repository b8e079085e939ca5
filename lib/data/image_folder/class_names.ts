/**
 * `words.txt` of ImageNet's kind: a line for each class, its folder and what a person calls it, with
 * a tab between.
 *
 * @module
 */
import { join } from "node:path";
import { look, readText } from "../paths/stat.ts";
import type { Guard } from "../paths/path_policy.ts";

/** ImageNet's own names all of WordNet in 2.6 MB. */
const LARGEST = 2 ** 25;

/**
 * Names of classes for a person: `n02124075 Egyptian cat`; the folder alone where the file has no
 * line for it, or there is no file.
 *
 * @throws {DataError} when the file cannot be read
 */
export async function withWords(
  root: string,
  folders: readonly string[],
  guard: Guard,
): Promise<string[]> {
  const path = join(root, "words.txt"), there = await look(path);
  if (!there?.isFile || there.size > LARGEST) return [...folders];
  await guard.check(path);
  const text = await readText(path);
  const words = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const [folder, names] = line.split("\t");
    const [name] = (names ?? "").split(",").map((n) => n.trim()); // The rest are synonyms.
    if (folder && name) words.set(folder, name);
  }
  return folders.map((folder) => words.has(folder) ? `${folder} ${words.get(folder)}` : folder);
}
