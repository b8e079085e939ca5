/**
 * Names of classes from an ImageNet-style `words.txt`: one line per class, with its folder and its name
 * separated by a tab.
 *
 * @module
 */
import { join } from "node:path";
import { readLines, stat } from "../paths/stat.ts";
import type { PathPolicy } from "../paths/path_policy.ts";

/** Maximum bytes of the file; ImageNet's lists all of WordNet in 2.6 MB. */
const MAX_BYTES = 2 ** 25;

/**
 * Names of classes for display, such as `n02124075 Egyptian cat`; the folder alone if the file has no
 * line for it or there is no file.
 *
 * @throws {DataError} when the file cannot be read
 */
export async function displayNames(
  root: string,
  folders: readonly string[],
  policy: PathPolicy,
): Promise<string[]> {
  const path = join(root, "words.txt"), there = await stat(path);
  if (!there?.isFile || there.size > MAX_BYTES) return [...folders];
  await policy.check(path);
  const words = new Map<string, string>();
  for (const line of await readLines(path)) {
    const [folder, names] = line.split("\t");
    const [name] = (names ?? "").split(",").map((n) => n.trim()); // The rest are synonyms.
    if (folder && name) words.set(folder.trim().normalize("NFC"), name);
  }
  return folders.map((folder) => words.has(folder) ? `${folder} ${words.get(folder)}` : folder);
}
