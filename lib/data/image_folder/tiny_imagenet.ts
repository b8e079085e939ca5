/**
 * `val_annotations.txt` of Tiny ImageNet: one line per image, with its file, its class and a box,
 * separated by tabs. The images are in the folder `images` next to it.
 *
 * @module
 */
import { basename, dirname, join } from "node:path";
import { DataError } from "../../core/errors.ts";
import { visible } from "../../core/text.ts";
import { readLines, stat } from "../paths/stat.ts";
import type { PathPolicy } from "../paths/path_policy.ts";
import type { FolderLister, LeftOut } from "./list.ts";

/**
 * Reads the file.
 *
 * @param path of the file
 * @param classNames the classes that training has
 * @param leftOut counts images without a line, and what is no image
 * @returns paths of images by class
 * @throws {DataError} with the line, when it names an image that is not there, one twice, or a class
 * that training lacks; when it names no image
 */
export async function readTestImages(
  path: string,
  classNames: readonly string[],
  policy: PathPolicy,
  lister: FolderLister,
  leftOut: LeftOut,
): Promise<string[][]> {
  const folder = join(dirname(path), "images");
  await policy.check(path);
  if (!(await stat(folder))?.isDirectory) {
    throw new DataError(
      `${folder}: expected the images that ${path} names, found no such folder; ` +
        `unpack the data set again`,
    );
  }
  await policy.check(folder);
  const found = await lister.images(folder);
  leftOut.merge(found.leftOut);
  const there = new Map(found.images.map((image) => [basename(image).normalize("NFC"), image]));
  const labels = new Map(classNames.map((name, label) => [name, label]));
  const images: string[][] = classNames.map(() => []);
  const seen = new Set<string>();
  for (const [index, line] of (await readLines(path)).entries()) {
    if (line.trim() === "") continue;
    const [file, name] = line.split("\t").map((word) => word.trim().normalize("NFC"));
    const refuse = (expected: string, found: string) =>
      new DataError(
        `${path}:${index + 1}: expected ${expected}, got ${found}; ` +
          `correct the line, or unpack the data set again`,
      );
    if (file === undefined || name === undefined) {
      throw refuse("a file and a class with a tab between", JSON.stringify(line.slice(0, 40)));
    }
    const label = labels.get(name), image = there.get(file);
    if (label === undefined) throw refuse("a class that training has", visible(name));
    if (image === undefined) throw refuse(`an image that is in ${folder}`, visible(file));
    if (seen.has(image)) throw refuse("every image once", `${visible(file)} again`);
    seen.add(image);
    images[label]!.push(image);
  }
  if (seen.size === 0) {
    throw new DataError(`${path}:1: expected a line for each image, found none; get it again`);
  }
  for (const image of found.images) if (!seen.has(image)) leftOut.add("unlisted", image);
  return images;
}
