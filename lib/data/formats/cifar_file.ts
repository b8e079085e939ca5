/**
 * Files of CIFAR images, which are of 32×32 in three planes, red, green and blue.
 *
 * The binary version has records of one or two label bytes and an image, without a header: a file's
 * length says how many there are. The Python version has pickled dicts: `data`, u8 `[n, 3072]`, and
 * lists of labels.
 *
 * @module
 */
import { basename } from "node:path";
import { DataError } from "../../core/errors.ts";
import type { LabelledImages } from "../dataset.ts";
import { ByteReader, type Warn } from "./byte_reader.ts";
import { toChannelsLast } from "./channels_last.ts";
import { readFile, stat } from "../paths/stat.ts";
import { elements, numberType, shapeText } from "./elements.ts";
import { PickledArray, type PickleValue, readPickle } from "./pickle.ts";
import { notEnoughImages } from "./subset.ts";

/** Largest file of pickles; the largest published one has 155 MB. */
const MAX_PICKLE = 2 ** 29;
const CHANNELS = 3;
/** Bytes of an image. */
const IMAGE = 32 * 32 * CHANNELS;

/** Layout of a record. */
export interface RecordLayout {
  /** Label bytes before the image. */
  readonly labels: number;
  /** The label byte to use, from 0. */
  readonly label: number;
  /** Number of classes: labels are below it. */
  readonly classes: number;
  /** The name of the labels in a pickled file. */
  readonly key: string;
}

/** Published files, to notice one that was cut between two records. */
interface PublishedFile {
  /** Number of records in each. */
  readonly records: number;
  /** Called about files with fewer records, or with bytes behind them. */
  readonly warn: Warn;
}

/**
 * Reads the records of all files in their order, no further than needed.
 *
 * @param pickled whether the files are those of the Python version
 * @param most images to read; 0: all
 * @param field the field of the recipe that `most` comes from
 * @param whole how many records each file has as published
 * @throws {DataError} with the file and the byte, when a file does not hold whole records, a label
 * is not below the number of classes, or there are fewer than `most` records
 */
export async function readRecords(
  paths: readonly string[],
  layout: RecordLayout,
  pickled: boolean,
  most: number,
  field: string,
  whole: PublishedFile,
): Promise<LabelledImages> {
  const kept = new RecordBuffer(), read = pickled ? readPickledFile : readBinaryFile;
  const small: { path: string; images: number }[] = [];
  for (const path of paths) {
    if (most > 0 && kept.count === most) break;
    const images = await read(path, layout, kept, most || Infinity, whole);
    if (images !== undefined && images < whole.records) small.push({ path, images });
  }
  if (small.length > 0) whole.warn(fewerThanPublished(small, whole.records));
  if (kept.count < most) throw notEnoughImages(kept.count, most, field, paths.join(", "));
  return kept.all();
}

/** Bytes of a disk's block. */
const BLOCK = 512;

/** Reads a file; returns how many images it has, or `undefined` if it was not read to its end. */
async function readBinaryFile(
  path: string,
  layout: RecordLayout,
  kept: RecordBuffer,
  most: number,
  whole: PublishedFile,
): Promise<number | undefined> {
  await using source = await ByteReader.open(path, whole.warn);
  const record = new Uint8Array(layout.labels + IMAGE);
  // The unpacked size of gzip data is known only at its end.
  if (!source.packed) kept.reserve(Math.min(most - kept.count, source.fileSize / record.length));
  while (kept.count < most) {
    const start = source.offset, index = start / record.length;
    const got = await source.fill(record);
    // Behind whole images, zeros are what pads a file to a block, not a black image of class 0. Fewer than
    // a block, behind fewer images than were published, may be the beginning of an image that is cut.
    const padding = got === 0 || index >= whole.records || got >= BLOCK && got < record.length;
    const zeros = index > 0 && padding &&
      record.subarray(0, got).every((byte) => byte === 0);
    if (zeros) {
      const rest = await source.rest();
      if (rest.zeros) {
        if (got > 0) {
          whole.warn(
            `${source.place(start)}: ${
              got + rest.bytes
            } bytes of 0 follow the images; they are ignored`,
          );
        }
        return index;
      }
    }
    if (got < record.length || zeros) {
      throw new DataError(
        `${source.place(start)}: expected a whole record of ${record.length} bytes, got ` +
          `${zeros ? "zeros before other bytes" : got}; get the file again`,
      );
    }
    const label = record[layout.label]!;
    if (label >= layout.classes) {
      throw new DataError(
        `${source.place(start + layout.label)}: expected a label below ${layout.classes}, the ` +
          `number of classes, got ${label} at image ${index}; get the file again`,
      );
    }
    kept.add(record.subarray(layout.labels), label);
  }
  return undefined;
}

/** As {@link readBinaryFile}, of a file of the Python version. */
async function readPickledFile(
  path: string,
  layout: RecordLayout,
  kept: RecordBuffer,
  most: number,
  whole: PublishedFile,
): Promise<number | undefined> {
  const batch = await readDict(path), data = batch.get("data");
  // Copies that others made may have the only labels as "labels".
  const others = [...batch.keys()].some((key) => key.endsWith("_labels"));
  const listed = batch.get(layout.key) ?? (others ? undefined : batch.get("labels"));
  if (listed && !batch.has(layout.key)) {
    whole.warn(`${path}: no "${layout.key}"; the only labels, "labels", are taken for them`);
  }
  const images = data instanceof PickledArray && data.type === "|u1" && !data.fortran
    ? data.body
    : data instanceof Uint8Array
    ? data
    : undefined;
  const labels = labelsOf(listed), count = labels?.length ?? 0;
  if (!images || !labels || count === 0 || images.length !== count * IMAGE) {
    const expected = `${path}: byte 0: expected "data" with 3,072 bytes for each image and ` +
      `"${layout.key}" with a label for each, got `;
    throw new DataError(
      `${expected}${words("data", data)} and ${words(layout.key, listed)}; get the file again`,
    );
  }
  const end = Math.min(count, most - kept.count);
  kept.reserve(end);
  for (let index = 0; index < end; index++) {
    const label = labels[index]!;
    if (!(Number.isInteger(label) && label >= 0 && label < layout.classes)) {
      throw new DataError(
        `${path}: byte 0: expected "${layout.key}" below ${layout.classes}, the number of ` +
          `classes, got ${label} at image ${index}; get the file again`,
      );
    }
    kept.add(images.subarray(index * IMAGE, (index + 1) * IMAGE), label);
  }
  return end === count ? count : undefined;
}

/** The dict of a pickled file. */
async function readDict(path: string): Promise<Map<string, PickleValue>> {
  const size = (await stat(path))?.size ?? 0;
  if (size > MAX_PICKLE) {
    throw new DataError(
      `${path}: expected a pickle of at most ${MAX_PICKLE / 2 ** 20} MiB, got ${size} bytes; ` +
        `get the file again`,
    );
  }
  const value = readPickle(await readFile(path), path);
  if (value instanceof Map) return value;
  throw new DataError(
    `${path}: byte 0: expected a pickled dict, got another value; get the file again`,
  );
}

/**
 * The names of the classes: in `batches.meta` or `meta` of the Python version, or one in a line in
 * `batches.meta.txt`, `fine_label_names.txt` or `coarse_label_names.txt` of the binary one.
 *
 * @param key of the list of names; undefined: of lines
 * @param classes how many there must be
 * @param warn called where the file has no such names; classes are numbers then
 */
export async function readClassNames(
  path: string,
  key: string | undefined,
  classes: number,
  warn: Warn,
): Promise<string[] | undefined> {
  try {
    const names = key === undefined ? await readLines(path) : (await readDict(path)).get(key);
    if (Array.isArray(names) && names.length === classes) {
      const decoder = new TextDecoder("utf-8", { fatal: true });
      return names.map((name) => {
        if (typeof name === "string") return name;
        if (name instanceof Uint8Array) return decoder.decode(name);
        throw new TypeError("no name");
      });
    }
  } catch {
    // Images can be trained on without names.
  }
  const where = key === undefined ? "" : `"${key}" with `, others = key ? "none" : "others";
  warn(`${path}: expected ${where}${classes} names, found ${others}; classes are numbers`);
}

/** The lines of a file that are not empty. */
async function readLines(path: string): Promise<string[]> {
  const text = new TextDecoder("utf-8", { fatal: true }).decode(await readFile(path));
  return text.split("\n").map((line) => line.trim()).filter((line) => line !== "");
}

function labelsOf(value: PickleValue | undefined): readonly number[] | undefined {
  if (Array.isArray(value)) {
    const numbers = value.map((item) => item instanceof PickledArray ? numbersOf(item)[0] : item);
    return numbers.every((item) => typeof item === "number") ? numbers : undefined;
  }
  return value instanceof PickledArray ? numbersOf(value) : undefined;
}

function numbersOf(array: PickledArray): number[] {
  const width = numberType(array.type)?.bytes;
  if (width === undefined || array.body.length % width !== 0) return [];
  const numbers: number[] = [];
  for (const piece of elements(array)) for (const value of piece) numbers.push(value);
  return numbers;
}

/** A value of a batch in words. */
function words(key: string, value: PickleValue | undefined): string {
  if (value === undefined) return `no "${key}"`;
  if (Array.isArray(value)) return `"${key}" with ${value.length} values`;
  if (value instanceof Uint8Array) return `"${key}" with ${value.length} bytes`;
  if (value instanceof PickledArray) return `"${key}" ${value.type} ${shapeText(value.dims)}`;
  return `another "${key}"`;
}

/**
 * The warning about files with fewer images than the published ones. The user may have made a smaller
 * set, which looks like an incomplete download.
 */
function fewerThanPublished(
  small: readonly { path: string; images: number }[],
  published: number,
): string {
  const number = (value: number) => value.toLocaleString("en");
  const list = small.map(({ path, images }, index) =>
    `${index === 0 ? path : basename(path)} ${number(images)}`
  );
  return `${small.length === 1 ? "a file has" : `${small.length} files have`} fewer images than ` +
    `the ${number(published)} of the published one (${list.join(", ")}); get the data again, ` +
    `unless it was made smaller on purpose`;
}

/** Images read so far, `[n, h, w, c]`. */
class RecordBuffer {
  /** How many there are. */
  count = 0;
  #images = new ArrayBuffer(0);
  #labels = new ArrayBuffer(0);

  /** Makes room for more images. */
  reserve(more: number): void {
    const room = this.count + Math.floor(more);
    if (room <= this.#labels.byteLength) return;
    this.#images = this.#images.transfer(room * IMAGE);
    this.#labels = this.#labels.transfer(room);
  }

  /** Adds an image of `[c, h, w]`. */
  add(planes: Uint8Array, label: number): void {
    if (this.count === this.#labels.byteLength) this.reserve(Math.max(this.count, 1024));
    toChannelsLast(planes, CHANNELS, new Uint8Array(this.#images, this.count * IMAGE, IMAGE));
    new Uint8Array(this.#labels)[this.count++] = label;
  }

  /** The images; afterwards there are none. */
  all(): LabelledImages {
    return {
      images: new Uint8Array(this.#images.transfer(this.count * IMAGE)),
      labels: new Uint8Array(this.#labels.transfer(this.count)),
    };
  }
}
