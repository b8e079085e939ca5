/**
 * `val_annotations.txt` of Tiny ImageNet: one line per image, with its file, its class and a box,
 * separated by tabs. The images are in the folder `images` next to it.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { DataError } from "../../core/errors.ts";
import { cannotRead, readText } from "../paths/stat.ts";
import type { PathPolicy } from "../paths/path_policy.ts";

/**
 * Reads the file.
 *
 * @param path of the file
 * @param classNames the classes that training has
 * @returns paths of images by class
 * @throws {DataError} with the line, when it names an image that is not there, one twice, or a class
 * that training lacks; when it names no image
 */
export async function readTestImages(
  path: string,
  classNames: readonly string[],
  policy: PathPolicy,
): Promise<string[][]> {
  let text: string;
  const there = new Set<string>();
  const folder = join(dirname(path), "images");
  for (const checked of [path, folder]) await policy.check(checked);
  try {
    text = await readText(path);
    for await (const { name, isSymlink } of Deno.readDir(folder)) {
      if (isSymlink) await policy.check(join(folder, name));
      there.add(name);
    }
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw error instanceof Deno.errors.NotFound
      ? new DataError(
        `${folder}: expected the images that ${path} names, found no such folder; ` +
          `unpack the data set again`,
      )
      : cannotRead(path, error);
  }
  const labels = new Map(classNames.map((name, label) => [name, label]));
  const images: string[][] = classNames.map(() => []);
  const seen = new Set<string>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === "") continue;
    const [file, name] = line.split("\t");
    const label = labels.get(name ?? "");
    const refuse = (expected: string, found: string) =>
      new DataError(
        `${path}:${index + 1}: expected ${expected}, got ${found}; ` +
          `correct the line, or unpack the data set again`,
      );
    if (file === undefined || name === undefined) {
      throw refuse("a file and a class with a tab between", JSON.stringify(line.slice(0, 40)));
    }
    if (label === undefined) throw refuse("a class that training has", name);
    if (!there.has(file)) throw refuse(`an image that is in ${folder}`, file);
    if (seen.has(file)) throw refuse("every image once", `${file} again`);
    seen.add(file);
    images[label]!.push(join(folder, file));
  }
  if (seen.size === 0) {
    throw new DataError(`${path}: expected a line for each image, found none; get it again`);
  }
  return images;
}
