/**
 * Reads TensorBoard's event files, from the definition of their format: frames and checksums of TFRecord
 * files, messages of `event.proto` and `summary.proto`. Shares no code with what writes them.
 *
 * @module
 */
import assert from "node:assert/strict";

/** A value of a tag. */
export interface ReadValue {
  readonly tag: string;
  readonly scalar?: number;
  readonly image?: { readonly height: number; readonly width: number; readonly png: Uint8Array };
  readonly histogram?: {
    readonly min: number;
    readonly max: number;
    readonly num: number;
    readonly limits: readonly number[];
    readonly buckets: readonly number[];
  };
  readonly text?: string;
}

/** An event. */
export interface ReadEvent {
  readonly seconds: number;
  readonly step: number;
  readonly version?: string;
  readonly start: boolean;
  readonly values: readonly ReadValue[];
}

/** CRC-32C, bit by bit. */
export function crc32c(bytes: Uint8Array): number {
  let crc = ~0;
  for (const byte of bytes) {
    for (let bit = 0; bit < 8; bit++) {
      const odd = (crc ^ (byte >> bit)) & 1;
      crc = (crc >>> 1) ^ (odd * 0x82f63b78);
    }
  }
  return ~crc >>> 0;
}

/** A field of a message: its number, and a number or bytes. */
type Field = readonly [id: number, value: number | Uint8Array];

function fields(bytes: Uint8Array): Field[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), list: Field[] = [];
  let at = 0;
  const varint = () => {
    let value = 0, scale = 1;
    for (;; scale *= 128) {
      const byte = view.getUint8(at++);
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const key = varint(), id = Math.floor(key / 8);
    switch (key % 8) {
      case 0:
        list.push([id, varint()]);
        break;
      case 1:
        list.push([id, view.getFloat64(at, true)]);
        at += 8;
        break;
      case 2: {
        const length = varint();
        assert.ok(at + length <= bytes.length, "a field ends within its message");
        list.push([id, bytes.subarray(at, at + length)]);
        at += length;
        break;
      }
      case 5:
        list.push([id, view.getFloat32(at, true)]);
        at += 4;
        break;
      default:
        assert.fail(`wire type ${key % 8}`);
    }
  }
  return list;
}

const first = (list: readonly Field[], id: number) => list.find(([i]) => i === id)?.[1];
const bytesOf = (list: readonly Field[], id: number) => first(list, id) as Uint8Array | undefined;
const numberOf = (list: readonly Field[], id: number) => (first(list, id) ?? 0) as number;
const textOf = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes);

function doubles(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length / 8 }, (_, i) => view.getFloat64(8 * i, true));
}

function readValue(bytes: Uint8Array): ReadValue {
  const value = fields(bytes), tag = textOf(bytesOf(value, 1)), scalar = first(value, 2);
  if (scalar !== undefined) return { tag, scalar: scalar as number };
  const image = bytesOf(value, 4), histo = bytesOf(value, 5), tensor = bytesOf(value, 8);
  if (image) {
    const f = fields(image);
    return { tag, image: { height: numberOf(f, 1), width: numberOf(f, 2), png: bytesOf(f, 4)! } };
  }
  if (histo) {
    const f = fields(histo), [min, max, num] = [1, 2, 3].map((id) => numberOf(f, id));
    const [limits, buckets] = [6, 7].map((id) => doubles(bytesOf(f, id)!));
    return {
      tag,
      histogram: { min: min!, max: max!, num: num!, limits: limits!, buckets: buckets! },
    };
  }
  const plugin = bytesOf(fields(bytesOf(fields(bytesOf(value, 9)!), 1)!), 1);
  assert.equal(textOf(plugin), "text", tag);
  assert.equal(numberOf(fields(tensor!), 1), 7, "DT_STRING");
  return { tag, text: textOf(bytesOf(fields(tensor!), 8)) };
}

function readEvent(bytes: Uint8Array): ReadEvent {
  const event = fields(bytes), version = bytesOf(event, 3), summary = bytesOf(event, 5);
  const log = bytesOf(event, 7);
  return {
    seconds: numberOf(event, 1),
    step: numberOf(event, 2),
    ...(version ? { version: textOf(version) } : {}),
    start: log !== undefined && numberOf(fields(log), 1) === 1,
    values: fields(summary ?? new Uint8Array()).map(([, value]) => readValue(value as Uint8Array)),
  };
}

/** The events of a file; a record that is cut at its end is left out, as readers do. */
export function readEvents(file: Uint8Array): ReadEvent[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength),
    events: ReadEvent[] = [];
  const expectCrc = (at: number, data: Uint8Array) => {
    const crc = crc32c(data), rotated = ((crc >>> 15) | (crc << 17)) >>> 0;
    assert.equal(view.getUint32(at, true), (rotated + 0xa282ead8) % 2 ** 32, `checksum at ${at}`);
  };
  for (let at = 0; at + 12 <= file.length;) {
    const length = Number(view.getBigUint64(at, true));
    expectCrc(at + 8, file.subarray(at, at + 8));
    if (at + 16 + length > file.length) break;
    const data = file.subarray(at + 12, at + 12 + length);
    expectCrc(at + 12 + length, data);
    events.push(readEvent(data));
    at += 16 + length;
  }
  return events;
}

/**
 * The values of each tag by step, over all files of a folder in the order of their names. Where a run
 * starts, what is known of its step and later ones is forgotten. No step has a tag twice.
 */
export async function readFolder(
  folder: string,
): Promise<Map<string, Map<number, ReadValue>>> {
  const names = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort();
  const tags = new Map<string, Map<number, ReadValue>>();
  for (const name of names) {
    const [head, ...events] = readEvents(await Deno.readFile(`${folder}/${name}`));
    assert.equal(head?.version, "brain.Event:2", name);
    for (const { step, start, values } of events) {
      for (const known of start ? tags.values() : []) {
        for (const old of [...known.keys()]) if (old >= step) known.delete(old);
      }
      for (const value of values) {
        const known = tags.get(value.tag) ?? new Map<number, ReadValue>();
        assert.ok(!known.has(step), `${value.tag} twice at step ${step}`);
        tags.set(value.tag, known.set(step, value));
      }
    }
  }
  return tags;
}
