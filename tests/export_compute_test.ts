/**
 * The convolutions that the interpreters of exported files share.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Convolution } from "../lib/export/compute/convolution.ts";
import { convolveCodes, convolveReals, convolveToCodes } from "../lib/export/compute/convolve.ts";
import { mapPairs } from "../lib/export/compute/pairs.ts";
import { addProducts } from "../lib/export/compute/plain.ts";
import { requantize, type Requantizer } from "../lib/export/compute/requantize.ts";

/** The memories that loops open, at their first use. */
const memories: WebAssembly.Memory[] = [];
const { Memory } = WebAssembly;
WebAssembly.Memory = class extends Memory {
  constructor(descriptor: WebAssembly.MemoryDescriptor) {
    super(descriptor);
    memories.push(this);
  }
};

Deno.test("a convolution worked out by hand: zero point, padding on two sides, stride", () => {
  // 3 × 3 codes around zero point 1, a row of padding above and a column on the left.
  const sizes: Convolution = {
    ...{ n: 1, h: 3, w: 3, c: 1, ho: 2, wo: 2, o: 1 },
    ...{ kernel: [2, 2], stride: [2, 2], top: 1, left: 1, groups: 1 },
  };
  const x = [2, 3, 4, 5, 6, 7, 8, 9, 10], weight = [1, 2, 3, 4];
  const sums = convolveCodes(sizes, Int8Array.from(x), 1, Int8Array.from(weight));
  // Less 1, the codes are 1 to 9: 4·1; 3·2 + 4·3; 2·4 + 4·7; 1·5 + 2·6 + 3·8 + 4·9.
  assert.deepEqual([...sums], [4, 18, 36, 77]);
  const reals = convolveReals(sizes, Float32Array.from(x, (v) => v - 1), Float32Array.from(weight));
  assert.deepEqual([...reals], [4, 18, 36, 77]);
});

Deno.test("groups of channels read their own inputs", () => {
  const sizes: Convolution = {
    ...{ n: 1, h: 1, w: 1, c: 4, ho: 1, wo: 1, o: 4 },
    ...{ kernel: [1, 1], stride: [1, 1], top: 0, left: 0, groups: 2 },
  };
  const weight = Int8Array.of(1, 1, 1, -1, 2, 1, -1, 2);
  assert.deepEqual([...convolveCodes(sizes, Int8Array.of(1, 2, 3, 4), 0, weight)], [3, -1, 10, 5]);
});

/** Padding before and after of rows, and of columns. */
type Padding = readonly [top: number, bottom: number, left: number, right: number];

/** The sizes of a convolution of images of `h` × `w`. */
function sizesOf(
  [n, h, w]: readonly [number, number, number],
  [c, o, groups]: readonly [number, number, number],
  kernel: readonly [number, number],
  stride: readonly [number, number],
  [top, bottom, left, right]: Padding = [0, 0, 0, 0],
): Convolution {
  const ho = Math.floor((h + top + bottom - kernel[0]) / stride[0]) + 1;
  const wo = Math.floor((w + left + right - kernel[1]) / stride[1]) + 1;
  return { n, h, w, c, ho, wo, o, kernel, stride, top, left, groups };
}

/** Convolutions with all kinds of channels, kernels, strides and padding. */
function* manySizes(): Generator<Convolution> {
  for (const n of [1, 7]) {
    for (const c of n === 1 ? [1, 3, 5, 8, 17] : [3, 17]) {
      for (const groups of new Set([1, c])) {
        for (const o of groups > 1 ? [c, 2 * c] : [1, 5, 8, 17, 32]) {
          const channels = [c, o, groups] as const;
          for (let k = 1; k <= 7; k++) {
            const s = k % 3 + 1, p = Math.floor(k / 2);
            yield sizesOf([n, 7, 9], channels, [k, k], [s, s], [p, p, p, p]);
          }
          yield sizesOf([n, 8, 11], channels, [3, 3], [1, 1], [1, 1, 1, 1]);
          yield sizesOf([n, 8, 7], channels, [3, 2], [2, 1], [0, 1, 0, 1]);
          yield sizesOf([n, 6, 5], channels, [2, 5], [1, 3], [2, 0, 3, 4]);
          yield sizesOf([n, 4, 6], channels, [4, 6], [1, 1]);
          yield sizesOf([n, 6, 5], channels, [2, 2], [2 ** 30, 2 ** 30]);
          // All taps of the first output lie in padding.
          yield sizesOf([n, 2, 2], channels, [2, 2], [1, 1], [5, 3, 4, 6]);
        }
      }
    }
  }
}

/** Convolutions of which images, rows of sums, outputs and bands of rows are computed in several parts. */
const LARGE: readonly Convolution[] = [
  sizesOf([7, 40, 61], [19, 3, 1], [3, 3], [2, 2], [1, 1, 1, 1]),
  sizesOf([2, 101, 99], [3, 10, 1], [3, 3], [1, 1], [1, 1, 1, 1]),
  sizesOf([2, 40, 41], [64, 29, 1], [40, 41], [1, 1]),
  sizesOf([2, 151, 149], [9, 9, 9], [3, 3], [1, 1], [1, 1, 1, 1]),
  sizesOf([3, 90, 61], [19, 19, 19], [5, 5], [2, 2], [2, 2, 1, 2]),
];

/** Whole numbers from −128 to 127 that follow from `seed`. */
function codes(count: number, seed: number): Int8Array<ArrayBuffer> {
  let state = seed + 1;
  return Int8Array.from({ length: count }, () => {
    state = Math.imul(state, 1664525) + 1013904223 | 0;
    return state >> 24;
  });
}

function reals(count: number, seed: number): Float32Array<ArrayBuffer> {
  return Float32Array.from(codes(count, seed), (code, i) => (code + i % 97 / 97) / 50);
}

function inputsOf({ n, h, w, c, o, kernel: [kh, kw], groups }: Convolution): [number, number] {
  return [n * h * w * c, o * kh * kw * c / groups];
}

Deno.test("sums of codes equal those of plain loops", () => {
  let count = 0;
  for (const sizes of [...manySizes(), ...LARGE]) {
    const zero = [-128, 0, 127][count % 3]!, [inputs, weights] = inputsOf(sizes);
    const x = codes(inputs, count), weight = codes(weights, -count);
    const sums = convolveCodes(sizes, x, zero, weight), expected = new Int32Array(sums.length);
    addProducts(sizes, x, zero, weight, expected);
    assert.deepEqual(sums, expected, JSON.stringify(sizes));
    count++;
  }
  assert.ok(count > 300, `${count} sizes`);
});

Deno.test("sums of float32 equal those of plain loops to the bit, and those of each image alone", () => {
  let count = 0;
  for (const sizes of [...manySizes(), ...LARGE]) {
    const [inputs, weights] = inputsOf(sizes);
    const x = reals(inputs, count), weight = reals(weights, -count++);
    const sums = convolveReals(sizes, x, weight), expected = new Float32Array(sums.length);
    addProducts(sizes, x, 0, weight, expected);
    assert.deepEqual(sums, expected, JSON.stringify(sizes));
    const bias = reals(sizes.o, count),
      clipped = convolveReals(sizes, x, weight, { bias, low: 0, high: 6 });
    const values = expected.map((sum, i) =>
      Math.min(Math.max(Math.fround(sum + bias[i % sizes.o]!), 0), 6)
    );
    assert.deepEqual(clipped, values, JSON.stringify(sizes));
    const size = inputs / sizes.n, last = x.subarray(inputs - size);
    const alone = convolveReals({ ...sizes, n: 1 }, last, weight);
    assert.deepEqual(alone, sums.subarray(sums.length - alone.length), JSON.stringify(sizes));
  }
});

Deno.test("requantized sums are rounded half to even", () => {
  const sums = Int32Array.of(-7, -6, -5, -3, -1, 1, 3, 5, 6, 7, 4000, -4000);
  const bias = Int32Array.of(1), factors = Float32Array.of(0.5);
  // (sum + 1) / 4 + 3, clipped.
  const requantizer = { bias, factors, divisor: 2, zero: 3, low: -100, high: 120 };
  assert.deepEqual([...requantize(sums, 1, requantizer)], [
    1,
    2,
    2,
    3,
    3,
    3,
    4,
    5,
    5,
    5,
    120,
    -100,
  ]);
});

/** Requantizers; sums of about ±`range` fill the codes. */
function* requantizers(o: number, range: number, seed: number): Generator<Requantizer> {
  const parts = Float64Array.from(codes(o, seed), (code) => (code + 160) / 288);
  const bias = Int32Array.from(codes(o, seed + 1), (code) => Math.round(code / 128 * range));
  const shared = {
    bias,
    ...[{ zero: -128, low: -128, high: 127 }, { zero: 5, low: -90, high: 61 }][seed % 2]!,
  };
  const factors = Float32Array.from(parts, (part) => part * 200 / range);
  yield { ...shared, factors, divisor: 1 };
  yield { ...shared, factors: factors.map((factor) => factor / 31), divisor: Math.fround(1 / 31) };
  // Ties: powers of two.
  yield {
    ...shared,
    factors: factors.map((factor) => 2 ** Math.round(Math.log2(factor))),
    divisor: 1,
  };
}

Deno.test("codes made of sums at once equal those of plain loops", () => {
  let count = 0;
  for (const sizes of [...manySizes(), ...LARGE]) {
    const [inputs, weights] = inputsOf(sizes),
      x = codes(inputs, count),
      weight = codes(weights, -count);
    const sums = convolveCodes(sizes, x, 3, weight);
    // Rooms in which a sum of independent products lies.
    const range = 128 * 128 * Math.sqrt(weights / sizes.o);
    for (const requantizer of requantizers(sizes.o, range, count)) {
      const got = convolveToCodes(sizes, x, 3, weight, requantizer);
      assert.deepEqual(got, requantize(sums, sizes.o, requantizer), JSON.stringify(sizes));
      if (sizes.n === 1 && count % 7 > 0) break;
    }
    count++;
  }
});

Deno.test("sums near the ends of int32 are requantized without overflow", () => {
  const sizes = sizesOf([1, 1, 4], [1, 1, 1], [1, 1], [1, 1]), x = Int8Array.of(1, 2, 3, 4);
  const bias = Int32Array.of(2 ** 30), shared = { bias, zero: 0, low: -128, high: 127 };
  for (const factor of [2 ** -24, 1, 2 ** 20]) {
    const requantizer = { ...shared, factors: Float32Array.of(factor), divisor: 1 };
    const sums = convolveCodes(sizes, x, 0, Int8Array.of(1));
    const got = convolveToCodes(sizes, x, 0, Int8Array.of(1), requantizer);
    assert.deepEqual(got, requantize(sums, 1, requantizer));
  }
});

Deno.test("memory does not grow with the number of images, nor much with their size", () => {
  const bytes = () => memories.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
  const compute = (sizes: Convolution) => {
    const [inputs, weights] = inputsOf(sizes);
    convolveCodes(sizes, new Int8Array(inputs), 0, new Int8Array(weights));
  };
  LARGE.forEach(compute);
  const before = bytes();
  assert.ok(before > 0 && before < 2 ** 24, `${before} bytes`);
  // Of 12 MiB of codes 48 MiB of sums.
  for (const groups of [1, 16]) compute(sizesOf([48, 128, 128], [16, 16, groups], [1, 1], [1, 1]));
  assert.equal(bytes(), before);
});

Deno.test("functions of two codes have the results of a call for each pair", () => {
  const a = Int8Array.of(-128, 127, 3, -128, 127), b = Int8Array.of(-128, 127, 5, 127, -128);
  const all = Int8Array.from({ length: 65536 }, (_, i) => i >> 8);
  const others = Int8Array.from(all, (_, i) => i);
  let calls = 0;
  const compute = (factor: number) => (x: number, y: number) => {
    calls++;
    return Math.max(-128, Math.min(127, x - factor * y));
  };
  // More than have a table at a time.
  for (let round = 0; round < 2; round++) {
    for (let factor = 2; factor < 100; factor++) {
      const few = mapPairs(a, b, `test ${factor}`, compute(factor));
      assert.deepEqual([...few], Array.from(a, (x, i) => compute(factor)(x, b[i]!)));
    }
  }
  for (let factor = 2; factor < 100; factor++) {
    const many = mapPairs(all, others, `test ${factor}`, compute(factor));
    assert.deepEqual(many, all.map((x, i) => compute(factor)(x, others[i]!)));
  }
  calls = 0;
  assert.deepEqual([...mapPairs(a, b, "test 2", compute(2))], [127, -127, -7, -128, 127]);
  assert.equal(calls, 5, "the table of the first is gone");
  mapPairs(a, b, "test 99", compute(99));
  assert.equal(calls, 5, "that of the last is there");
});
