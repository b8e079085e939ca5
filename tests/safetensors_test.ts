import assert from "node:assert/strict";
import {
  decodeSafetensors,
  encodeSafetensors,
  float32Values,
  floatValues,
  type TensorInput,
} from "../lib/core/safetensors.ts";
import { DataError } from "../lib/core/errors.ts";

const SOME: Record<string, TensorInput> = {
  codes: { dtype: "I8", shape: [3], data: new Int8Array([-128, 0, 127]) },
  step: { dtype: "I64", shape: [], data: new BigInt64Array([12345678901n]) },
  "conv1.weight": { dtype: "F32", shape: [2, 2], data: new Float32Array([1, -0, 0.5, NaN]) },
  none: { dtype: "F32", shape: [0, 4], data: new Float32Array(0) },
  "naïve 名": { dtype: "U16", shape: [1, 1], data: new Uint16Array([65535]) },
};

/** A file with this header and this many zero bytes of data. */
function fileOf(header: unknown, dataBytes = 0): Uint8Array<ArrayBuffer> {
  const json = typeof header === "string" ? header : JSON.stringify(header);
  const text = new TextEncoder().encode(json);
  const file = new Uint8Array(8 + text.length + dataBytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
  file.set(text, 8);
  return file;
}

Deno.test("encodeSafetensors() writes exactly the bytes of the format", () => {
  const file = encodeSafetensors({
    b: { dtype: "U8", shape: [1], data: new Uint8Array([7]) },
    a: { dtype: "I32", shape: [1], data: new Int32Array([-2]) },
  }, { k: "v" });
  const header = '{"__metadata__":{"k":"v"},"b":{"dtype":"U8","shape":[1],"data_offsets":[4,5]},' +
    '"a":{"dtype":"I32","shape":[1],"data_offsets":[0,4]}}';
  const padded = header.padEnd(Math.ceil(header.length / 8) * 8);
  assert.equal(new TextDecoder().decode(file.subarray(8, 8 + padded.length)), padded);
  assert.deepEqual([...file.subarray(0, 8)], [padded.length, 0, 0, 0, 0, 0, 0, 0]);
  assert.deepEqual([...file.subarray(8 + padded.length)], [254, 255, 255, 255, 7]);
});

Deno.test("what encodeSafetensors() writes comes back unchanged and in order", () => {
  const file = encodeSafetensors(SOME, { format: "qtrain", empty: "" });
  const { tensors, metadata } = decodeSafetensors(file, "x.safetensors");
  assert.deepEqual(metadata, { format: "qtrain", empty: "" });
  assert.deepEqual(Object.keys(tensors), Object.keys(SOME));
  for (const [name, { dtype, shape, data }] of Object.entries(SOME)) {
    const read = tensors[name]!;
    assert.equal(read.dtype, dtype);
    assert.deepEqual(read.shape, shape);
    const given = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    assert.deepEqual([...read.data], [...given]);
  }
});

Deno.test("every tensor starts at a multiple of its element size", () => {
  const { tensors } = decodeSafetensors(encodeSafetensors(SOME), "x");
  const size = { step: 8, "conv1.weight": 4, "naïve 名": 2 };
  for (const [name, bytes] of Object.entries(size)) {
    assert.equal(tensors[name]!.data.byteOffset % bytes, 0, name);
  }
});

Deno.test("encodeSafetensors() gives the same bytes for the same input", () => {
  assert.deepEqual(encodeSafetensors(SOME, { a: "1" }), encodeSafetensors(SOME, { a: "1" }));
});

Deno.test("encodeSafetensors() writes the part of a buffer that a view shows", () => {
  const view = new Float32Array([9, 1, 2, 9]).subarray(1, 3);
  const { tensors } = decodeSafetensors(
    encodeSafetensors({ v: { dtype: "F32", shape: [2], data: view } }),
    "x",
  );
  assert.deepEqual([...float32Values(tensors["v"]!, "v", "x")], [1, 2]);
});

Deno.test("encodeSafetensors() refuses data that does not have the size of its shape", () => {
  const data = new Float32Array(3);
  assert.throws(() => encodeSafetensors({ a: { dtype: "F32", shape: [2], data } }), RangeError);
  assert.throws(
    () => encodeSafetensors({ __metadata__: { dtype: "F32", shape: [3], data } }),
    RangeError,
  );
});

Deno.test("float32Values() reads a file whose data is not aligned", () => {
  const file = fileOf('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}} ', 4);
  new DataView(file.buffer).setFloat32(file.length - 4, 1.5, true);
  const { tensors } = decodeSafetensors(file, "x");
  assert.deepEqual([...float32Values(tensors["a"]!, "a", "x")], [1.5]);
});

Deno.test("floatValues() widens F16 and BF16, also unaligned and not finite, and leaves others", () => {
  const halves = new Uint16Array([0x3c00, 0xc000, 0x7bff, 0x0001, 0x03ff, 0x8000, 0x7c00, 0x7e01]);
  const brains = new Uint16Array([0x3f80, 0xc000, 0x7f7f, 0x0001, 0xff80]);
  const { tensors } = decodeSafetensors(
    encodeSafetensors({
      half: { dtype: "F16", shape: [8], data: halves },
      brain: { dtype: "BF16", shape: [5], data: brains },
      codes: SOME.codes!,
    }),
    "x",
  );
  const odd = (name: string) => {
    const data = new Uint8Array(tensors[name]!.data.length + 1);
    data.set(tensors[name]!.data, 1);
    return floatValues({ ...tensors[name]!, data: data.subarray(1) })!;
  };
  const subnormal = 2 ** -24, half = [1, -2, 65504, subnormal, 1023 * subnormal, -0, Infinity, NaN];
  assert.deepEqual([...floatValues(tensors.half!)!], half);
  assert.deepEqual([...odd("half")], half);
  const brain = [1, -2, (2 - 2 ** -7) * 2 ** 127, 2 ** -133, -Infinity];
  assert.deepEqual([...odd("brain")], brain);
  assert.equal(floatValues(tensors.codes!), undefined);
});

Deno.test("floatValues() rounds F64 to f32, and reads both forms of FP8", () => {
  const doubles = new Float64Array([1, 0.1, -1e300, 2 ** -149, 16777217]);
  const { tensors } = decodeSafetensors(
    encodeSafetensors({
      doubles: { dtype: "F64", shape: [5], data: doubles },
      e4m3: {
        dtype: "F8_E4M3",
        shape: [9],
        data: new Uint8Array([0x38, 0xb8, 0x40, 0x7e, 0x01, 0x07, 0x08, 0x80, 0x7f]),
      },
      e5m2: {
        dtype: "F8_E5M2",
        shape: [7],
        data: new Uint8Array([0x3c, 0xbc, 0x7b, 0x01, 0x7c, 0x80, 0x7d]),
      },
    }),
    "x",
  );
  const values = (name: string) => [...floatValues(tensors[name]!)!];
  assert.deepEqual(values("doubles"), [1, Math.fround(0.1), -Infinity, 2 ** -149, 16777216]);
  assert.deepEqual(values("e4m3"), [1, -1, 2, 448, 2 ** -9, 7 * 2 ** -9, 2 ** -6, -0, NaN]);
  assert.deepEqual(values("e5m2"), [1, -1, 57344, 2 ** -16, Infinity, -0, NaN]);
});

Deno.test("a tensor of a type that is unknown here is named, and the others are read", () => {
  const header = { a: { dtype: "F4", shape: [3], data_offsets: [4, 6] }, b: f32(0, 4) };
  const { tensors, others } = decodeSafetensors(fileOf(header, 6), "x");
  assert.deepEqual(Object.keys(tensors), ["b"]);
  assert.deepEqual(others, { a: "F4" });
  const gap = { ...header, a: { ...header.a, data_offsets: [5, 6] } };
  assert.throws(() => decodeSafetensors(fileOf(gap, 6), "x"), /got a gap: 5/);
});

Deno.test("an empty tensor may have any other lengths", () => {
  const shape = Array.from({ length: 40 }, () => 2 ** 50);
  const { tensors } = decodeSafetensors(fileOf({ a: f32(0, 0, [...shape, 0]) }), "x");
  assert.equal(tensors.a!.data.length, 0);
});

Deno.test("float32Values() names the tensor that has another type", () => {
  const { tensors } = decodeSafetensors(encodeSafetensors(SOME), "w.st");
  assert.throws(() => float32Values(tensors["codes"]!, "codes", "w.st"), {
    name: "DataError",
    message: 'w.st: tensor "codes": expected F32, got I8; give a file that qtrain wrote',
  });
});

Deno.test("decodeSafetensors() takes a file without tensors", () => {
  const nothing = { tensors: {}, others: {}, metadata: {} };
  assert.deepEqual(decodeSafetensors(encodeSafetensors({}), "x"), nothing);
});

Deno.test("decodeSafetensors() keeps a tensor named __proto__ an ordinary tensor", () => {
  const data = new Uint8Array([1]);
  const named = Object.fromEntries([["__proto__", { dtype: "U8", shape: [1], data } as const]]);
  const { tensors } = decodeSafetensors(encodeSafetensors(named), "x");
  assert.deepEqual(Object.keys(tensors), ["__proto__"]);
});

const f32 = (begin: number, end: number, shape: unknown = [(end - begin) / 4]) => ({
  dtype: "F32",
  shape,
  data_offsets: [begin, end],
});

const DAMAGED: [name: string, file: Uint8Array<ArrayBuffer>, message: string][] = [
  [
    "a file of 3 bytes",
    new Uint8Array(3),
    "byte 0: expected 8 bytes of header length, got a file of 3 bytes",
  ],
  [
    "a header longer than the file",
    new Uint8Array([9, 0, 0, 0, 0, 0, 0, 0x80, 0x7b]),
    "byte 0: expected a header of at most 1 bytes, got a length of 9223372036854775817",
  ],
  ["a header that is no JSON", fileOf("{"), "byte 8: expected a header of JSON, got Expected"],
  [
    "a header that is no UTF-8",
    new Uint8Array([1, 0, 0, 0, 0, 0, 0, 0, 0xff]),
    "byte 8: expected a header of JSON",
  ],
  ["a header that is a list", fileOf([1]), "byte 8: expected a JSON object, got [1]"],
  [
    "metadata that is no text",
    fileOf({ __metadata__: { a: 1 } }),
    'byte 9: expected __metadata__ with text values, got {"a":1}',
  ],
  [
    "a tensor that is a number",
    fileOf({ é: 1, b: 1 }),
    'byte 9: expected tensor "é" with dtype, shape and data_offsets, got 1',
  ],
  ["a type that is a number", fileOf({ a: { ...f32(0, 4), dtype: 32 } }, 4), "dtype such as F32"],
  [
    "a type with the name of no type",
    fileOf({ a: { ...f32(0, 4), dtype: "toString" } }, 4),
    'dtype such as F32 or BF16, got "toString"',
  ],
  ["a negative length", fileOf({ a: f32(0, 4, [-1, -1]) }, 4), "a shape of whole numbers"],
  ["a fractional length", fileOf({ a: f32(0, 4, [0.5, 2]) }, 4), "a shape of whole numbers"],
  ["one offset", fileOf({ a: { ...f32(0, 4), data_offsets: [0] } }, 4), "two data_offsets"],
  ["offsets backwards", fileOf({ a: f32(4, 0, []) }, 4), "data_offsets in order, got [4,0]"],
  [
    "a file whose end is cut off",
    fileOf({ a: f32(0, 8) }, 4),
    "byte 66: expected 8 bytes of tensors, got the end of the file after 4",
  ],
  [
    "a file that is cut off in its header",
    fileOf({ a: f32(0, 8) }, 4).subarray(0, 30).slice(),
    "byte 30: expected 54 bytes of header, got the end of the file after 22",
  ],
  [
    "a shape that does not fit its bytes",
    fileOf({ ä: f32(0, 4), b: f32(4, 8, [3]) }, 8),
    // The key stands after a name of two bytes in UTF-8: offsets count bytes, not characters.
    'byte 63: expected tensor "b" with 12 bytes for F32 [3], got 4',
  ],
  [
    "tensors that overlap",
    fileOf({ a: f32(0, 8), b: f32(4, 12) }, 12),
    'expected tensor "b" from data offset 8, got an overlap: 4',
  ],
  [
    "a gap between tensors",
    fileOf({ b: f32(8, 12), a: f32(0, 4) }, 12),
    'expected tensor "b" from data offset 4, got a gap: 8',
  ],
  [
    "tensors that share their bytes",
    fileOf({ a: f32(0, 8), b: f32(0, 8) }, 8),
    'expected tensor "b" from data offset 8, got an overlap: 0',
  ],
  ["a gap before the first tensor", fileOf({ a: f32(4, 8) }, 8), "data offset 0, got a gap: 4"],
  [
    "an empty tensor inside another",
    fileOf({ a: f32(0, 8), b: f32(4, 4) }, 8),
    'expected tensor "b" from data offset 8, got an overlap: 4',
  ],
  [
    "a name that stands twice",
    fileOf(
      '{"é":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},' +
        '"\\u00e9" :{"dtype":"F32","shape":[0],"data_offsets":[4,4]}}',
      4,
    ),
    'byte 63: expected each name once, got "é" again',
  ],
  [
    "metadata that stands twice",
    fileOf('{"__metadata__":{"a":"\\":{"},"__metadata__":{"a":"2"}}'),
    'byte 37: expected each name once, got "__metadata__" again',
  ],
  [
    "a shape whose product overflows",
    fileOf({ a: f32(0, 4, [2 ** 40, 2 ** 40]) }, 4),
    "a shape whose size can be counted, got [1099511627776,1099511627776]",
  ],
  [
    "a shape whose product wraps round 64 bits to the right size",
    fileOf({ a: f32(0, 4, [2 ** 32 + 1, 2 ** 32 - 1]) }, 4),
    "a shape whose size can be counted",
  ],
  [
    "a size that is right for another type",
    fileOf({ a: { ...f32(0, 4, [2]), dtype: "F64" } }, 8),
    'expected tensor "a" with 16 bytes for F64 [2], got 4',
  ],
  ["offsets that are no whole numbers", fileOf({ a: f32(0, 1.5, [1]) }, 4), "two data_offsets"],
  [
    "offsets beyond what can be counted",
    fileOf({ a: f32(0, 2 ** 60, [1]) }, 4),
    "two data_offsets",
  ],
  [
    "data that belongs to no tensor",
    fileOf({ a: f32(0, 4) }, 6),
    "byte 66: expected the end of the file, got 2 bytes that belong to no tensor",
  ],
];

for (const [name, file, message] of DAMAGED) {
  Deno.test(`decodeSafetensors() refuses ${name}`, () => {
    assert.throws(() => decodeSafetensors(file, "dir/x.safetensors"), (error: unknown) => {
      assert(error instanceof DataError);
      assert(error.message.startsWith("dir/x.safetensors: byte "), error.message);
      assert(error.message.includes(message), error.message);
      return true;
    });
  });
}

Deno.test("decodeSafetensors() refuses a file cut off at any length", () => {
  const whole = encodeSafetensors(SOME, { a: "b" });
  for (let length = 0; length < whole.length; length++) {
    assert.throws(() => decodeSafetensors(whole.slice(0, length), "x"), DataError, `${length}`);
  }
});

Deno.test("decodeSafetensors() gives a DataError or tensors for any single damaged byte", () => {
  const whole = encodeSafetensors(SOME, { a: "b" });
  for (let at = 0; at < whole.length; at++) {
    for (const flip of [0x01, 0x20, 0x80]) {
      const damaged = whole.slice();
      damaged[at]! ^= flip;
      try {
        decodeSafetensors(damaged, "x");
      } catch (error) {
        assert(error instanceof DataError, `byte ${at}: ${error}`);
      }
    }
  }
});
