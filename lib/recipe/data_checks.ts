/**
 * Settings of `data` that are right by themselves and wrong for its format, or together.
 *
 * @module
 */
import type { DataSpec, Pair } from "./types.ts";

/** The formats of data; of those that are read from files, what the root is the path of. */
const ROOTS: Readonly<Record<DataSpec["format"], string | undefined>> = {
  glyphs: undefined,
  idx: "the path of the folder of the IDX files",
  cifar: "the path of the folder of the CIFAR files",
  npz: "the path of an .npz file, or of a folder of .npy files",
  folder: "the path of a folder with a folder of images for each class",
};

/** Every format, as a recipe names it. */
export const FORMATS = Object.keys(ROOTS) as DataSpec["format"][];

/** `data` as written, before its defaults; a number that is missing or 0 comes from the data. */
export interface WrittenData {
  readonly format: DataSpec["format"];
  readonly root: string;
  readonly classes?: number | undefined;
  readonly size?: Pair | undefined;
  readonly channels?: number | undefined;
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** What is wrong: the key, and what was expected there. */
export interface DataMisfit {
  readonly key: keyof WrittenData;
  /** What a right value looks like. */
  readonly message: string;
}

/** All that does not fit. */
export function dataMisfits(data: WrittenData): DataMisfit[] {
  const { format, size } = data, classes = data.classes || 0, channels = data.channels || 0;
  const found: DataMisfit[] = [];
  const refuse = (key: keyof WrittenData, message: string) => void found.push({ key, message });
  const root = ROOTS[format];
  if (root && data.root === "") refuse("root", root);
  if (format === "glyphs" && classes > 10) {
    refuse("classes", "a whole number from 2 to 10, as there are 10 glyphs");
  }
  if (format === "cifar" && ![0, 10, 20, 100].includes(classes)) {
    refuse("classes", "10 for CIFAR-10, 100 (fine) or 20 (coarse) for CIFAR-100");
  }
  if ((format === "glyphs" || format === "idx") && channels > 1) {
    refuse("channels", `1 (or 0), as ${format} images are grey`);
  }
  if (format === "cifar" && ![0, 3].includes(channels)) {
    refuse("channels", "3 (or 0), as cifar images are in colour");
  }
  if (format === "folder" && ![0, 1, 3].includes(channels)) {
    refuse("channels", "3 (or 0) for colour, 1 for grey");
  }
  if (format === "glyphs" && size && size[0] > 0 && Math.min(...size) < 12) {
    refuse("size", "at least 12, below which glyphs cannot be told apart");
  }
  if (format === "cifar" && size?.some((side) => ![0, 32].includes(side))) {
    refuse("size", "32 (or 0), as cifar images are 32×32");
  }
  if (size && (size[0] === 0) !== (size[1] === 0)) {
    refuse("size", "a height and a width, or 0 to take both from the data");
  }
  for (const key of ["mean", "std"] as const) {
    if (channels && data[key].length !== 1 && data[key].length !== channels) {
      refuse(key, `one number, or ${channels} as there are that many channels`);
    }
  }
  return found;
}
