/**
 * How values become codes: rounding, clipping, and what is counted; on the reference, which the
 * kernels equal. The weights' quantizers, which the device sets, equal the host's rule bit for bit.
 *
 * @module
 */
import assert from "node:assert/strict";
import { QUANTIZER, STEP, wordsOf } from "../lib/quant/layouts.ts";
import { openGpu, requestAdapter } from "../lib/runtime/gpu/device.ts";
import { GpuExecutor } from "../lib/runtime/gpu/executor.ts";
import { quantizerOf, type Range } from "../lib/quant/range.ts";
import { readStatistics, recordStatistics, ROW_BYTES } from "../lib/quant/statistics.ts";
import { HostBuffer } from "../kernels/include/host_buffer.ts";
import { uniforms, Writer } from "../kernels/include/quantize.ts";
import { programOf } from "./support/networks.ts";

/** Writes values through a quantizer; returns codes and what was recorded. */
function write(
  values: readonly number[],
  range: Range,
  { bits = 8, symmetric = false, stochastic = 0, step = 0, row = 1, seed = 1 } = {},
) {
  const q = quantizerOf(range, bits, symmetric);
  const quantizers = new HostBuffer(32 * (row + 1)), statistics = new HostBuffer(256 * (row + 1));
  QUANTIZER.write(quantizers, row, q);
  const block = new HostBuffer(32), tensor = new HostBuffer(4 * Math.ceil(values.length / 4));
  STEP.write(block, 0, { seed, step });
  const writer = new Writer(
    { INT8: 1, STORE: 1, STOCHASTIC: stochastic },
    { quantizers, statistics, step: block },
    tensor,
    row,
  );
  values.forEach((value, at) => writer.store(at, value, at));
  writer.record();
  return {
    ...q,
    codes: [...tensor.i8.subarray(0, values.length)],
    seen: readStatistics(statistics, row),
  };
}

Deno.test("values beyond the range are clipped and counted; the extremes are those before", () => {
  const { codes, seen } = write([-3, -1, 0, 1.5, 1.56, 400], { low: -1, high: 1.55 });
  assert.deepEqual(codes, [-128, -128, -28, 122, 127, 127]);
  assert.deepEqual(seen, { min: -3, max: 400, clipped: 3, nonfinite: 0 });
  const symmetric = write([-9, 9, 0.5], { low: -1, high: 1 }, { symmetric: true, bits: 2 });
  assert.deepEqual(symmetric.codes, [-1, 1, 0]);
  assert.equal(symmetric.seen.clipped, 2);
});

Deno.test("values that are not finite become 0, and are counted", () => {
  const { codes, seen, zero } = write([NaN, Infinity, -Infinity, 1], { low: -1, high: 2 });
  assert.deepEqual(codes.slice(0, 3), [zero, zero, zero]);
  assert.deepEqual(seen, { min: 0, max: 1, clipped: 0, nonfinite: 3 });
});

Deno.test("random numbers lie in [0, 1) and fill it evenly", () => {
  const step = new HostBuffer(32);
  STEP.write(step, 0, { seed: 1, step: 2 });
  const draw = uniforms(step, 3), counts = new Array<number>(16).fill(0);
  const N = 65536;
  let sum = 0, largest = 0;
  for (let element = 0; element < N; element++) {
    const u = draw(element);
    assert.ok(u >= 0 && u < 1 && u * 2 ** 24 % 1 === 0);
    largest = Math.max(largest, u);
    sum += u;
    counts[Math.floor(16 * u)]!++;
  }
  // 1/√(12·65536) = 0.0011 is one standard deviation of the mean.
  assert.ok(Math.abs(sum / N - 0.5) < 0.004, `mean ${sum / N}`);
  // χ² with 15 degrees of freedom: beyond 37.7 once in a thousand.
  const chi = counts.reduce((c, n) => c + (n - N / 16) ** 2 / (N / 16), 0);
  assert.ok(chi < 37.7, `χ² = ${chi}`);
  assert.ok(Math.fround(largest) < 1);
});

Deno.test("random numbers follow from seed, step, quantizer and element, and from nothing else", () => {
  const row = (seed: number, step: number, quantizer: number) => {
    const block = new HostBuffer(32);
    STEP.write(block, 0, { seed, step });
    const draw = uniforms(block, quantizer);
    return Array.from({ length: 64 }, (_, element) => draw(element)).join();
  };
  assert.equal(row(1, 2, 3), row(1, 2, 3));
  const others = [
    row(1, 2, 3),
    row(2, 2, 3),
    row(1, 3, 3),
    row(1, 2, 4),
    row(1, 3, 2),
    row(2, 1, 3),
  ];
  assert.equal(new Set(others).size, others.length);
});

Deno.test("neighbouring elements, steps and quantizers draw independently", () => {
  const draws = (step: number, quantizer: number) => {
    const block = new HostBuffer(32);
    STEP.write(block, 0, { seed: 1, step });
    const draw = uniforms(block, quantizer);
    return Array.from({ length: 16384 }, (_, element) => draw(element) - 0.5);
  };
  const base = draws(5, 7);
  const others = {
    "next element": [...base.slice(1), base[0]!],
    "next step": draws(6, 7),
    "next quantizer": draws(5, 8),
  };
  for (const [name, other] of Object.entries(others)) {
    const correlation = base.reduce((sum, u, i) => sum + u * other[i]!, 0) / (base.length / 12);
    // One standard deviation is 1/√16384 = 0.008.
    assert.ok(Math.abs(correlation) < 0.03, `${name}: ${correlation}`);
  }
});

Deno.test("stochastic rounding is right on average", () => {
  for (const value of [0.3, -0.7, 0.01, -1.999, 3.5]) {
    const values = new Array<number>(40000).fill(value);
    // A scale of 1/16: the value lies between two codes.
    const { codes, scale, zero } = write(values, { low: -128 / 16, high: 127 / 16 }, {
      stochastic: 1,
    });
    const mean = codes.reduce((sum, code) => sum + scale * (code - zero), 0) / codes.length;
    // At most half a step deviates: 1/32/√40000 = 0.00016 is one standard deviation.
    assert.ok(Math.abs(mean - value) < 0.0007, `${value} became ${mean}`);
    assert.ok(new Set(codes).size <= 2);
  }
});

Deno.test("an exact zero stays zero under stochastic rounding", () => {
  const zeros = new Array<number>(100000).fill(0);
  for (const range of [{ low: -1, high: 2 }, { low: -1e-20, high: 3e-20 }]) {
    const { codes, zero } = write(zeros, range, { stochastic: 1 });
    assert.ok(codes.every((code) => code === zero));
  }
});

Deno.test("another step rounds otherwise, the same step the same", () => {
  const values = Array.from({ length: 256 }, (_, i) => i / 300);
  const at = (step: number) => write(values, { low: -1, high: 2 }, { stochastic: 1, step }).codes;
  assert.deepEqual(at(4), at(4));
  assert.notDeepEqual(at(4), at(5));
});

/** Extremes of weights, with nothing, one sign, denormals and values that are not finite. */
const EXTREMES: readonly (readonly [number, number] | undefined)[] = [
  [-0.5, 0.25],
  [-0.25, 1 / 3],
  [0.1, 0.2],
  [-0.7, -0.1],
  [0, 0],
  undefined,
  [-1e-20, 1e-21],
  [0, 2 ** -140],
  [-3e38, 1],
  [-1, Infinity],
];

Deno.test({
  name: "the device sets weight quantizers as the host would, bit for bit",
  ignore: await requestAdapter() === null,
  fn: async () => {
    for (const bits of [2, 5, 8]) {
      const program = programOf({
        name: "weights",
        image: [1, 1, 1],
        batch: 1,
        classes: 2,
        layers: [...EXTREMES.slice(1).map(() => ({ type: "linear", features: 1 }) as const), {
          type: "linear",
          features: 2,
        }],
        quantize: { weights: { bits } },
      }, "int8");
      const step = program.sections.weights.find((s) => s.kernel.name === "update_weight_ranges")!;
      const executor = await GpuExecutor.create(await openGpu(), program);
      const statistics = new Uint8Array(ROW_BYTES * program.quantizers.length);
      EXTREMES.forEach((extremes, row) => {
        if (!extremes) return;
        // Each in a slot of its own.
        recordStatistics(wordsOf(statistics), row, { min: extremes[0] }, 3);
        recordStatistics(wordsOf(statistics), row, { max: extremes[1] }, 15);
      });
      executor.write("statistics", statistics);
      // The host says once and for all which codes there are.
      const quantizers = new Uint8Array(EXTREMES.length * QUANTIZER.bytes);
      EXTREMES.forEach((_, row) =>
        QUANTIZER.write(wordsOf(quantizers), row, {
          ...quantizerOf(undefined, bits, true),
          rateFactor: 1,
        })
      );
      executor.write("quantizers", quantizers);
      executor.run([step]);
      const [bytes] = await executor.read(["quantizers"]);
      executor.close();
      EXTREMES.forEach((extremes, row) => {
        const range = extremes && { low: extremes[0], high: extremes[1] };
        const { low: _, high: __, rateFactor, ...q } = QUANTIZER.read(wordsOf(bytes!), row);
        assert.deepEqual(q, quantizerOf(range, bits, true), `${extremes}, ${bits} bits`);
        assert.equal(rateFactor, 1);
      });
    }
  },
});
