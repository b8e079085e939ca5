/** IDX data that is damaged, or does not fit its recipe: each named, with file and offset. */
import { join } from "node:path";
import { openDataset } from "../lib/data/open.ts";
import {
  type DataFields,
  dataRecipe,
  gzip,
  idxBytes,
  ramp,
  rejectsData,
  smallIdx,
  withFolder,
} from "./data_helpers.ts";

const IMAGES = "train-images-idx3-ubyte";
const LABELS = "train-labels-idx1-ubyte";
const TEST_IMAGES = "t10k-images-idx3-ubyte";
const TEST_LABELS = "t10k-labels-idx1-ubyte";

interface Case {
  name: string;
  /** Files that replace the good ones; null removes one. */
  files?: Record<string, Uint8Array | null>;
  recipe?: DataFields;
  message: (root: string) => string;
}

const whole = smallIdx();
const noise = Uint8Array.from({ length: 4000 }, (_, at) => (at * at * 31) >> 5 & 255);
const noisy = gzip(idxBytes(0x803, [4000, 1, 1], noise));
const flipped = noisy.slice();
flipped[flipped.length - 7]! ^= 1; // in the checksum

const CASES: Case[] = [
  {
    name: "images with the magic number of labels",
    files: { [IMAGES]: whole[LABELS]! },
    message: (root) =>
      `${join(root, IMAGES)}: byte 0: expected the magic number 0x00000803 (images), ` +
      "got 0x00000801; this is a file of labels; the two may be swapped",
  },
  {
    name: "labels with an unknown magic number",
    files: { [TEST_LABELS]: Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0, 0, 0, 0) },
    message: (root) =>
      `${join(root, TEST_LABELS)}: byte 0: expected the magic number 0x00000801 (labels), ` +
      "got 0x89504e47; this is no IDX file; get it again",
  },
  {
    name: "a wrong magic number inside gzip",
    files: { [IMAGES]: gzip(Uint8Array.of(1, 2, 3, 4)) },
    message: (root) =>
      `${join(root, IMAGES)}: byte 0 (unpacked): expected the magic number 0x00000803 (images), ` +
      "got 0x01020304; this is no IDX file; get it again",
  },
  {
    name: "an empty file",
    files: { [IMAGES]: new Uint8Array(0) },
    message: (root) =>
      `${join(root, IMAGES)}: byte 0: expected a header of 16 bytes, got 0; get the file again`,
  },
  {
    name: "a truncated header",
    files: { [IMAGES]: whole[IMAGES]!.slice(0, 10) },
    message: (root) =>
      `${join(root, IMAGES)}: byte 10: expected a header of 16 bytes, got 10; get the file again`,
  },
  {
    name: "a truncated body",
    files: { [IMAGES]: whole[IMAGES]!.slice(0, 16 + 17) },
    message: (root) =>
      `${join(root, IMAGES)}: byte 16: expected 18 bytes (3 × 2 × 3) after the header, got 17; ` +
      "get the file again",
  },
  {
    name: "a truncated body inside whole gzip",
    files: { [LABELS]: gzip(whole[LABELS]!.slice(0, 10)) },
    message: (root) =>
      `${join(root, LABELS)}: byte 8 (unpacked): expected 3 bytes (3) after the header, got 2; ` +
      "get the file again",
  },
  {
    name: "bytes after the data, for which the header may be wrong",
    files: { [LABELS]: Uint8Array.of(...whole[LABELS]!, 0, 9) },
    message: (root) =>
      `${join(root, LABELS)}: byte 11: expected the end of the file after 3 bytes (3) after the ` +
      "header, got 2 more; get the file again or, if the header is right, cut it: head -c 11 " +
      `${join(root, LABELS)} > ${join(root, LABELS)}.cut && mv ${join(root, LABELS)}.cut ` +
      join(root, LABELS),
  },
  {
    name: "bytes after the data inside gzip",
    files: { [LABELS]: gzip(Uint8Array.of(...whole[LABELS]!, 7)) },
    message: (root) =>
      `${join(root, LABELS)}: byte 11 (unpacked): expected the end of the file after 3 bytes (3) ` +
      "after the header, got 1 more; get the file again or, if the header is right, cut it: " +
      `gunzip -c < ${join(root, LABELS)} | head -c 11 > ${join(root, LABELS)}.cut && ` +
      `mv ${join(root, LABELS)}.cut ${join(root, LABELS)}`,
  },
  {
    // How far the runtime unpacks before it notices is its own affair: "N" stands for it.
    name: "gzip that is cut short",
    files: { [IMAGES]: noisy.slice(0, 200) },
    message: (root) => damaged(root, IMAGES, "N", 200),
  },
  {
    name: "gzip with a wrong checksum",
    files: { [IMAGES]: flipped },
    message: (root) => damaged(root, IMAGES, 4016, flipped.length),
  },
  {
    name: "sizes that the file cannot hold",
    files: { [IMAGES]: idxBytes(0x803, [0xffffffff, 0xffff, 0xff], ramp(18)) },
    message: (root) =>
      `${
        join(root, IMAGES)
      }: byte 16: expected 71775023827845380 bytes (4294967295 × 65535 × 255) ` +
      "after the header, got 18; get the file again",
  },
  {
    name: "sizes that gzip of that length cannot hold",
    files: { [IMAGES]: gzip(idxBytes(0x803, [60000, 28, 28], ramp(18))) },
    message: (root) =>
      `${join(root, IMAGES)}: byte 16 (unpacked): expected 47040000 bytes (60000 × 28 × 28) ` +
      `after the header, a gzip file of ${
        gzip(idxBytes(0x803, [60000, 28, 28], ramp(18))).length
      } bytes, which cannot hold that; get the file again`,
  },
  {
    name: "no images",
    files: { [IMAGES]: idxBytes(0x803, [0, 2, 3], []) },
    message: (root) =>
      `${join(root, IMAGES)}: byte 4: expected a count of images of at least 1, got 0; ` +
      "get a file that is not empty",
  },
  {
    name: "images of no width",
    files: { [IMAGES]: idxBytes(0x803, [3, 2, 0], []) },
    message: (root) =>
      `${join(root, IMAGES)}: byte 12: expected a width of images of at least 1, got 0; ` +
      "get a file that is not empty",
  },
  {
    name: "label and image counts that differ",
    files: { [LABELS]: idxBytes(0x801, [2], [0, 1]) },
    message: (root) =>
      `${join(root, LABELS)}: byte 4: expected 3 labels, one for each image of ` +
      `${join(root, IMAGES)}, got 2; get both files from the same place`,
  },
  {
    name: "test images of another size",
    files: { [TEST_IMAGES]: idxBytes(0x803, [2, 3, 2], ramp(12)) },
    message: (root) =>
      `${join(root, TEST_IMAGES)}: byte 4: expected images of the size in ${join(root, IMAGES)}, ` +
      "(3, 2, 3), got (2, 3, 2); save both in the same way",
  },
  {
    name: "a label that is not below the number of classes",
    recipe: { classes: 2 },
    message: (root) =>
      `${join(root, LABELS)}: byte 8: expected a label from 0 to 1, as there are 2 classes, ` +
      "got 2 at image 0; correct data.classes or the file",
  },
  {
    name: "such a label among the test images",
    files: { [TEST_LABELS]: gzip(idxBytes(0x801, [2], [1, 200])) },
    recipe: { classes: 3 },
    message: (root) =>
      `${join(root, TEST_LABELS)}: byte 9 (unpacked): expected a label from 0 to 2, as there are ` +
      "3 classes, got 200 at image 1; correct data.classes or the file",
  },
  {
    name: "a recipe with another size",
    recipe: { size: 28 },
    message: (root) =>
      `data.size: expected 2×3, as in ${join(root, IMAGES)}, got 28×28; ` +
      "correct it or leave it out",
  },
  {
    name: "a missing file",
    files: { [TEST_LABELS]: null },
    message: (root) =>
      `${root}: expected one of the files t10k-labels-idx1-ubyte, t10k-labels-idx1-ubyte.gz, ` +
      "t10k-labels.idx1-ubyte, t10k-labels.idx1-ubyte.gz, found none of them; " +
      "put it there or correct data.root",
  },
];

function damaged(root: string, name: string, offset: number | string, length: number): string {
  return `${join(root, name)}: byte ${offset} (unpacked): the gzip data is ` +
    `damaged or cut short (the file has ${length} bytes); get the file again`;
}

for (const { name, files = {}, recipe = {}, message } of CASES) {
  Deno.test(`IDX data is refused: ${name}`, () => {
    const present = Object.entries({ ...whole, ...files }).filter(([, bytes]) => bytes !== null);
    return withFolder(
      Object.fromEntries(present) as Record<string, Uint8Array>,
      (root) => rejectsData(() => openDataset(dataRecipe({ root, ...recipe })), message(root)),
    );
  });
}
