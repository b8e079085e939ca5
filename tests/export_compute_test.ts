/**
 * The convolutions that the interpreters of exported files share.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type Convolution, convolveCodes, convolveReals } from "../lib/export/compute/convolve.ts";

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
