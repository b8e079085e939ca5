/**
 * What identifies a data set, in a few kilobytes, so that ranks on several hosts can tell whether theirs are
 * the same, and if not, in what they differ.
 *
 * @module
 */
import { crc32 } from "node:zlib";
import { withThousands } from "../core/format.ts";
import { visibleName } from "../core/text.ts";
import type { Dataset, Split, SplitName } from "./dataset.ts";
import {
  checksumOfNames,
  type DataFiles,
  nameBelow,
  sample,
  sampledChecksum,
} from "./paths/file_fingerprint.ts";

/** Maximum number of files that are named if they differ; of the others it is only known that some do. */
const MAX_NAMED = 64;
/** Images that are compared of a split that is neither in memory nor in files. */
const MAX_READ = 64;

/** A file of images. */
interface FileDigest {
  /** Below the root, with slashes. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Of three blocks, or all of a small file. */
  readonly crc32: number;
}

/** One split. */
interface SplitDigest {
  /** Number of images. */
  readonly images: number;
  /** CRC-32 of the labels in the order of images. */
  readonly labels: number;
  /** CRC-32 of the names of its files in that order; absent for images in memory. */
  readonly names?: number;
  /** CRC-32 of the pixels; absent for files. */
  readonly pixels?: number;
}

/** What identifies a data set. A plain value that JSON keeps. */
export interface DataDigest {
  /** Where it is; may differ. */
  readonly root?: string;
  /** Of one image: height, width, channels. */
  readonly shape: readonly number[];
  /** Names of the classes by label, or their numbers. */
  readonly classes: readonly string[];
  readonly splits: Readonly<Record<SplitName, SplitDigest>>;
  /** A sample of its files; none for images in memory. */
  readonly files: readonly FileDigest[];
  /** CRC-32 of a larger sample's sizes and contents. */
  readonly contents: number;
}

/**
 * Digests a data set. Reads blocks of at most 500 files, or the pixels of images in memory.
 *
 * @throws {DataError} when a file cannot be read
 */
export async function dataDigest(data: Dataset): Promise<DataDigest> {
  const { shape, classes, classNames, files } = data;
  const ofFiles = data.train.source?.kind === "folder" && files !== undefined;
  const sampled = ofFiles ? await filesOf(files) : [];
  return {
    ...(files ? { root: files.root } : {}),
    shape: [...shape],
    classes: classNames ?? Array.from({ length: classes }, (_, label) => String(label)),
    splits: {
      train: await digestOf(data.train, data),
      test: await digestOf(data.test, data),
    },
    files: [...sample(sampled, MAX_NAMED)],
    contents: checksumOfNames(sampled.map(({ size, crc32 }) => `${size} ${crc32}`)),
  };
}

async function filesOf({ root, fingerprints }: DataFiles): Promise<FileDigest[]> {
  const digests: FileDigest[] = [];
  for (const file of fingerprints) {
    const { path, size } = file;
    digests.push({ name: nameBelow(root, path), size, crc32: await sampledChecksum(file) });
  }
  return digests;
}

async function digestOf(split: Split, { shape, files }: Dataset): Promise<SplitDigest> {
  const { count: images, source } = split;
  // Equal labels of a wider type are equal.
  const labels = crc32(new Uint8Array(Uint32Array.from(split.labels).buffer));
  if (source?.kind === "memory") return { images, labels, pixels: crc32(source.images) };
  if (source?.kind === "folder" && files) {
    const names = source.paths.values().map((path) => nameBelow(files.root, path));
    return { images, labels, names: checksumOfNames(names) };
  }
  const all = Array.from({ length: images }, (_, index) => index);
  const indices = Uint32Array.from(sample(all, MAX_READ));
  const pixels = new Uint8Array(indices.length * shape.reduce((a, b) => a * b));
  await split.read(indices, pixels, new Uint32Array(indices.length));
  return { images, labels, pixels: crc32(pixels) };
}

/**
 * Says in what the data of a rank differs from that of rank 0, and what to do; `undefined` if it does not.
 */
export function describeDifference(
  first: DataDigest,
  other: DataDigest,
  rank: number,
): string | undefined {
  const difference = differenceOf(first, other, `rank ${rank}`);
  if (difference === undefined) return undefined;
  const places = first.root !== undefined && other.root !== undefined
    ? `rank ${rank} reads ${other.root}, rank 0 ${first.root}: `
    : "";
  return `data: ${difference}; ${places}give all hosts the same data`;
}

const SPLITS = [["train", "training"], ["test", "test"]] as const;

function differenceOf(first: DataDigest, other: DataDigest, rank: string): string | undefined {
  const shapes = [first, other].map(({ shape }) => shape.join("×"));
  if (shapes[0] !== shapes[1]) {
    return `${rank} has images of ${shapes[1]}, rank 0 of ${shapes[0]}`;
  }
  const classes = differenceOfClasses(first.classes, other.classes, rank);
  if (classes !== undefined) return classes;
  for (const [split, name] of SPLITS) {
    const [a, b] = [first, other].map(({ splits }) => splits[split].images);
    if (a !== b) {
      return `${rank} has ${withThousands(b!)} ${name} ${b === 1 ? "image" : "images"}, ` +
        `rank 0 has ${withThousands(a!)}`;
    }
  }
  const file = differenceOfFiles(first.files, other.files, rank);
  if (file !== undefined) return file;
  for (const [split, name] of SPLITS) {
    const a = first.splits[split], b = other.splits[split];
    if (a.names !== b.names) return `the ${name} images of ${rank} have other names than rank 0's`;
    if (a.labels !== b.labels) {
      return `the ${name} images of ${rank} have other labels than rank 0's`;
    }
    if (a.pixels !== b.pixels) {
      return `the ${name} images of ${rank} have other pixels than rank 0's`;
    }
  }
  return first.contents === other.contents
    ? undefined
    : `some files of ${rank} have other contents than rank 0's`;
}

function differenceOfClasses(
  first: readonly string[],
  other: readonly string[],
  rank: string,
): string | undefined {
  if (first.length !== other.length) {
    return `${rank} has data of ${other.length} classes, rank 0 of ${first.length}`;
  }
  const label = first.findIndex((name, at) => name !== other[at]);
  return label < 0
    ? undefined
    : `class ${label} is ${visibleName(other[label]!)} on ${rank} and ${
      visibleName(first[label]!)
    } ` +
      `on rank 0`;
}

function differenceOfFiles(
  first: readonly FileDigest[],
  other: readonly FileDigest[],
  rank: string,
): string | undefined {
  const theirs = new Map(other.map((file) => [file.name, file]));
  for (const { name, size, crc32 } of first) {
    const file = theirs.get(name), shown = visibleName(name);
    if (!file) continue; // The samples are of other files: then their names differ.
    if (file.size !== size) {
      return `${shown} has ${withThousands(file.size)} bytes on ${rank} and ${
        withThousands(size)
      } on ` +
        `rank 0`;
    }
    if (file.crc32 !== crc32) return `${shown} has other contents on ${rank} than on rank 0`;
  }
  return undefined;
}
