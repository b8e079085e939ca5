/**
 * Small data sets for tests: IDX files written to a temporary folder, recipes with every field.
 *
 * @module
 */
import "./support/isolate.ts";
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { DataError } from "../lib/core/errors.ts";
import type { DataRecipe, Split } from "../lib/data/dataset.ts";
import { DATA_FORMATS } from "../lib/recipe/data_formats.ts";
import { UNRESTRICTED } from "../lib/recipe/path_scope.ts";
import type { DataSpec } from "../lib/recipe/data.ts";
import type { Pair } from "../lib/recipe/fields.ts";

/** Fields of `data`, and the seed. */
export type DataFields =
  & Partial<Omit<DataSpec, "size">>
  & { readonly size?: number | Pair; readonly seed?: number };

/** A recipe that leaves everything to the data, with some fields given; its root may be anywhere. */
export function dataRecipe({ seed = 1, size, ...fields }: DataFields): DataRecipe {
  const format = fields.format ?? "idx", { defaults } = DATA_FORMATS[format];
  const data = {
    format,
    root: "",
    classes: 0,
    class_names: [],
    size: [0, 0] as const,
    channels: 0,
    train: 0,
    test: 0,
    mean: [0.5],
    std: [0.5],
    holdout: 0.1,
    on_bad_image: "fail" as const,
    class_weights: "none" as const,
    augment: [],
    workers: 0,
    ...defaults,
    ...(size === undefined
      ? {}
      : { size: typeof size === "number" ? [size, size] as const : size }),
    ...fields,
  };
  return { data, seed, pathScope: UNRESTRICTED };
}

/** The bytes of an IDX file. */
export function idxBytes(
  magic: number,
  dims: number[],
  body: ArrayLike<number>,
): Uint8Array<ArrayBuffer> {
  const header = new DataView(new ArrayBuffer(4 + 4 * dims.length));
  [magic, ...dims].forEach((word, index) => header.setUint32(4 * index, word));
  return Uint8Array.from([...new Uint8Array(header.buffer), ...Array.from(body)]);
}

/** 0, 1, 2, … modulo 256. */
export function ramp(length: number): number[] {
  return Array.from({ length }, (_, index) => index % 256);
}

/** Three training and two test images of 2×3, classes 0 to 2. */
export function smallIdx(): Record<string, Uint8Array<ArrayBuffer>> {
  return {
    "train-images-idx3-ubyte": idxBytes(0x803, [3, 2, 3], ramp(18)),
    "train-labels-idx1-ubyte": idxBytes(0x801, [3], [2, 0, 1]),
    "t10k-images-idx3-ubyte": idxBytes(0x803, [2, 2, 3], ramp(12)),
    "t10k-labels-idx1-ubyte": idxBytes(0x801, [2], [1, 2]),
  };
}

/** The bytes as gzip. */
export function gzip(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(gzipSync(bytes));
}

/** Runs `body` with a temporary folder that holds `files`, and `QTRAIN_DATA` as given or unset. */
export async function withFolder(
  files: Record<string, Uint8Array>,
  body: (folder: string) => Promise<void>,
  shared?: (folder: string) => string,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "qtrain-data-" });
  const before = Deno.env.get("QTRAIN_DATA");
  try {
    for (const [name, bytes] of Object.entries(files)) {
      await Deno.mkdir(join(folder, dirname(name)), { recursive: true });
      await Deno.writeFile(join(folder, name), bytes);
    }
    if (shared) Deno.env.set("QTRAIN_DATA", shared(folder));
    else Deno.env.delete("QTRAIN_DATA");
    await body(folder);
  } finally {
    if (before === undefined) Deno.env.delete("QTRAIN_DATA");
    else Deno.env.set("QTRAIN_DATA", before);
    await Deno.remove(folder, { recursive: true });
  }
}

/** Expects a `DataError` with exactly this message, in which `byte N` stands for any offset. */
export async function rejectsData(work: () => unknown, message: string): Promise<void> {
  await assert.rejects(async () => await work(), (error) => {
    assert.ok(error instanceof DataError, `${error}`);
    const found = message.includes("byte N")
      ? error.message.replace(/byte \d+/, "byte N")
      : error.message;
    assert.equal(found, message);
    return true;
  });
}

/** All images and labels of a split, in order. */
export async function readAll(
  split: Split,
  imageBytes: number,
): Promise<{ images: Uint8Array; labels: Uint32Array }> {
  const images = new Uint8Array(split.count * imageBytes);
  const labels = new Uint32Array(split.count);
  await split.read(Uint32Array.from(labels, (_, index) => index), images, labels);
  return { images, labels };
}
