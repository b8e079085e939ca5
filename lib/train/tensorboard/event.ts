/**
 * TensorBoard's messages (`event.proto`, `summary.proto` of TensorFlow) in their protobuf form, as far as
 * a run has use for them.
 *
 * @module
 */
import { BinaryWriter, WireType } from "../../core/protobuf.ts";
import { largest, smallest } from "../../core/min_max.ts";

/** What an event may tell: each a value of a tag at a step. */
export type Value =
  | { readonly tag: string; readonly scalar: number }
  | { readonly tag: string; readonly histogram: readonly number[] }
  | { readonly tag: string; readonly png: Uint8Array }
  /** Markdown. */
  | { readonly tag: string; readonly text: string };

/** What a file begins with. */
const FILE_VERSION = "brain.Event:2";
/** Buckets of a histogram, as many as TensorBoard's own writer makes. */
const BUCKETS = 30;
/** `SessionLog.START`. */
const START = 1;
/** `DT_STRING`. */
const STRING = 7;

/** The event that a file begins with. */
export function versionEvent(seconds: number): Uint8Array {
  return event(seconds, 0).tag(3, WireType.LengthDelimited).string(FILE_VERSION).finish();
}

/** Tells readers to forget what they know of a step and of all later ones. */
export function startEvent(seconds: number, step: number): Uint8Array {
  return event(seconds, step).tag(7, WireType.LengthDelimited).fork()
    .tag(1, WireType.Varint).int32(START).join().finish();
}

/** The values of a step. Its time is in seconds since 1970. */
export function summaryEvent(
  seconds: number,
  step: number,
  values: readonly Value[],
): Uint8Array {
  const writer = event(seconds, step).tag(5, WireType.LengthDelimited).fork();
  for (const value of values) {
    writer.tag(1, WireType.LengthDelimited).fork().tag(1, WireType.LengthDelimited).string(
      value.tag,
    );
    if ("scalar" in value) writer.tag(2, WireType.Bit32).float(float32(value.scalar));
    else if ("histogram" in value) writeHistogram(writer, value.histogram);
    else if ("png" in value) writeImage(writer, value.png);
    else writeText(writer, value.text);
    writer.join();
  }
  return writer.join().finish();
}

function event(seconds: number, step: number): BinaryWriter {
  return new BinaryWriter().tag(1, WireType.Bit64).double(seconds)
    .tag(2, WireType.Varint).int64(step);
}

/** The writer refuses what f32 cannot hold. */
function float32(value: number): number {
  return Math.fround(value);
}

/** A histogram of evenly spaced buckets; `values` are finite, at least one. */
function writeHistogram(writer: BinaryWriter, values: readonly number[]): void {
  const min = smallest(values), max = largest(values), width = (max - min) / BUCKETS;
  const count = width > 0 ? BUCKETS : 1, buckets = new Array<number>(count).fill(0);
  let sum = 0, squares = 0;
  for (const value of values) {
    buckets[width > 0 ? Math.min(BUCKETS - 1, Math.floor((value - min) / width)) : 0]!++;
    sum += value;
    squares += value * value;
  }
  writer.tag(5, WireType.LengthDelimited).fork();
  for (const [i, number] of [min, max, values.length, sum, squares].entries()) {
    writer.tag(i + 1, WireType.Bit64).double(number);
  }
  const limits = buckets.map((_, i) => i === count - 1 ? max : min + (i + 1) * width);
  for (const [id, list] of [[6, limits], [7, buckets]] as const) {
    writer.tag(id, WireType.LengthDelimited).fork();
    for (const number of list) writer.double(number);
    writer.join();
  }
  writer.join();
}

/** An image. Its size stands in its header: after the signature, length and name of the first chunk. */
function writeImage(writer: BinaryWriter, png: Uint8Array): void {
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  writer.tag(4, WireType.LengthDelimited).fork()
    .tag(1, WireType.Varint).int32(view.getUint32(20))
    .tag(2, WireType.Varint).int32(view.getUint32(16))
    .tag(3, WireType.Varint).int32(3) // Colours of the decoded image: RGB.
    .tag(4, WireType.LengthDelimited).bytes(png).join();
}

/** A tensor of one text, for TensorBoard's page of texts. */
function writeText(writer: BinaryWriter, text: string): void {
  writer.tag(9, WireType.LengthDelimited).fork().tag(1, WireType.LengthDelimited).fork()
    .tag(1, WireType.LengthDelimited).string("text").join().join();
  writer.tag(8, WireType.LengthDelimited).fork().tag(1, WireType.Varint).int32(STRING);
  writer.tag(2, WireType.LengthDelimited).fork().tag(2, WireType.LengthDelimited).fork()
    .tag(1, WireType.Varint).int64(1).join().join();
  writer.tag(8, WireType.LengthDelimited).bytes(new TextEncoder().encode(text)).join();
}
