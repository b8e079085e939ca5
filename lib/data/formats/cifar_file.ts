/**
 * Files of CIFAR records: one or two label bytes, then an image of 32×32 in three planes, red,
 * green and blue. A file has no header; its length says how many records there are.
 *
 * @module
 */
import { DataError } from "../../core/errors.ts";
import { ByteReader } from "./byte_reader.ts";
import type { LabelledImages } from "../dataset.ts";
import { toChannelsLast } from "./channels_last.ts";
import { notEnoughImages } from "./subset.ts";

const CHANNELS = 3;
const IMAGE = 32 * 32 * CHANNELS;

/** Layout of a record. */
export interface RecordLayout {
  /** Label bytes before the image. */
  readonly labels: number;
  /** The label byte to use, from 0. */
  readonly label: number;
  /** Number of classes: labels are below it. */
  readonly classes: number;
}

/** A published file, to notice one that was cut between two records. */
interface PublishedFile {
  /** Number of records. */
  readonly records: number;
  /** Called for a file with fewer records. */
  readonly warn: (text: string) => void;
}

/**
 * Reads the records of all files in their order, no further than needed.
 *
 * @param most images to read; 0: all
 * @param field the field of the recipe that `most` comes from
 * @param whole how many records each file has as published
 * @throws {DataError} with the file and the byte, when a file does not hold whole records, a label
 * is not below the number of classes, or there are fewer than `most` records
 */
export async function readRecords(
  paths: readonly string[],
  layout: RecordLayout,
  most: number,
  field: string,
  whole: PublishedFile,
): Promise<LabelledImages> {
  const kept = new RecordBuffer();
  for (const path of paths) {
    if (most > 0 && kept.count === most) break;
    await readFile(path, layout, kept, most || Infinity, whole);
  }
  if (kept.count < most) throw notEnoughImages(kept.count, most, field, paths.join(", "));
  return kept.all();
}

async function readFile(
  path: string,
  layout: RecordLayout,
  kept: RecordBuffer,
  most: number,
  whole: PublishedFile,
): Promise<void> {
  await using source = await ByteReader.open(path);
  const place = (offset: number) => `${path}: byte ${offset}${source.packed ? " (unpacked)" : ""}`;
  const record = new Uint8Array(layout.labels + IMAGE);
  // The unpacked size of gzip data is known only at its end.
  if (!source.packed) kept.reserve(Math.min(most - kept.count, source.fileSize / record.length));
  while (kept.count < most) {
    const start = source.offset;
    const got = await source.fill(record);
    if (got === 0 && start > 0) {
      warnOfFewer(path, start / record.length, whole);
      break;
    }
    if (got < record.length) {
      throw new DataError(
        `${place(start)}: expected a whole record of ${record.length} bytes, got ${got}; ` +
          `get the file again`,
      );
    }
    const label = record[layout.label]!;
    if (label >= layout.classes) {
      throw new DataError(
        `${place(start + layout.label)}: expected a label below ${layout.classes}, the number ` +
          `of classes, got ${label} at image ${start / record.length}; get the file again`,
      );
    }
    kept.add(record.subarray(layout.labels), label);
  }
}

/** Warns only: the user may have made a smaller set, which looks like an incomplete download. */
function warnOfFewer(path: string, found: number, { records, warn }: PublishedFile): void {
  if (found >= records) return;
  const number = (value: number) => value.toLocaleString("en");
  warn(
    `${path}: ${number(found)} images, where the file as published has ${number(records)}; ` +
      `get it again, unless it was made smaller on purpose`,
  );
}

/** Images read so far, `[n, h, w, c]`. */
class RecordBuffer {
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

  add(planes: Uint8Array, label: number): void {
    if (this.count === this.#labels.byteLength) this.reserve(Math.max(this.count, 1024));
    toChannelsLast(planes, CHANNELS, new Uint8Array(this.#images, this.count * IMAGE, IMAGE));
    new Uint8Array(this.#labels)[this.count++] = label;
  }

  all(): LabelledImages {
    return {
      images: new Uint8Array(this.#images.transfer(this.count * IMAGE)),
      labels: new Uint8Array(this.#labels.transfer(this.count)),
    };
  }
}
