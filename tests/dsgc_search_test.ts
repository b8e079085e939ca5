/**
 * The search of `dsgc` on the device: its clip is as good as the best of a fine grid, it searches when
 * it should and stays between, and the learning rate follows where it may.
 *
 * @module
 */
import { resolveRecipe } from "../lib/recipe/load.ts";
import { dsgcSearch } from "../kernels/dsgc_search/kernel.ts";
import { quantizationError } from "../kernels/quantization_error/kernel.ts";
import assert from "node:assert/strict";
import { requestAdapter } from "../lib/runtime/gpu/device.ts";
import { openDevice } from "../lib/runtime/device.ts";
import { SEARCH_STEPS } from "../lib/program/passes/two_pass.ts";
import type { Program, Step } from "../lib/program/program.ts";
import type { QuantizerSpec } from "../lib/quant/quantizer.ts";
import { quantizerOf, roundHalfEven } from "../lib/quant/range.ts";
import { orderedBits } from "../lib/quant/statistics.ts";
import { cosineDistance } from "../kernels/dsgc_search/reference.ts";
import { uniform } from "./support/fill.ts";
import { type Run, runOf, SHORT } from "./support/runs.ts";

const ignore = await requestAdapter() === null;
const test = (name: string, fn: () => Promise<void>) => Deno.test({ name, ignore, fn });

/** 1 − cosine of values and their quantized selves under a clip, in float64. */
function distance(values: Float32Array, clip: number, bits: number, symmetric: boolean): number {
  const low = Math.max(values.reduce((a, b) => Math.min(a, b)), -clip);
  const high = Math.min(values.reduce((a, b) => Math.max(a, b)), clip);
  const q = quantizerOf({ low, high }, bits, symmetric);
  let dot = 0, xx = 0, yy = 0;
  for (const x of values) {
    const code = roundHalfEven(x / q.scale) + q.zero;
    const y = (Math.min(Math.max(code, q.qmin), q.qmax) - q.zero) * q.scale;
    dot += x * y;
    xx += x * x;
    yy += y * y;
  }
  return 1 - dot / Math.sqrt(xx * yy);
}

/** A program of nothing but a search over `elements` values, four to a pixel. */
function searchOnly(elements: number, bits: number, symmetric: boolean): Program {
  const quads = elements / 4, sums = Math.ceil(quads / (64 * 256));
  const TILES = Math.ceil(quads / (64 * sums));
  const constants = { INT8: 1, STORE: 0, STOCHASTIC: 0, V: 1, ROW: 0 };
  const steps: Step[] = [];
  for (let move = 0; move <= SEARCH_STEPS; move++) {
    const step = { layer: "a", buffers: {} };
    if (move > 0) {
      steps.push({
        ...step,
        kernel: quantizationError,
        constants: { ...constants, R: sums, QUADS: quads, CQ: 1, CHANNELS: 4, SEARCH: 1 },
      });
    }
    steps.push({
      ...step,
      kernel: dsgcSearch,
      constants: {
        ...constants,
        TILES,
        MOVES: SEARCH_STEPS,
        SCALE_RATE: 1,
        SYMMETRIC: symmetric ? 1 : 0,
      },
    });
  }
  const buffer = (name: string, bytes: number) => ({ name, bytes, kind: "scratch" as const });
  const none: Step[] = [];
  return {
    arithmetic: "int8",
    batch: 1,
    micros: 1,
    input: [1, 1, 1],
    classes: 2,
    buffers: [
      buffer("f32_scratch", 4 * elements),
      buffer("errors", 16 * 256),
      buffer("search", 32),
      buffer("quantizers", 32),
      buffer("statistics", 256),
      buffer("step", 48),
    ],
    sections: {
      forward: steps,
      loss: none,
      backward: none,
      update: none,
      schedule: none,
      weights: none,
      exchange: none,
      calibrate: none,
    },
    quantizers: [{ bits, symmetric } as QuantizerSpec],
    weightQuantizers: 0,
    parameters: [],
    norms: [],
    training: {
      smoothing: 0,
      mixed: false,
      weights: 0,
      averages: false,
      clips: false,
      optimizer:
        resolveRecipe({ data: { format: "glyphs" }, model: { name: "cnn" } }).train.optimizer,
    },
  };
}

/** Mostly small values and a few large ones, as gradients have them. */
function heavyTailed(elements: number): Float32Array<ArrayBuffer> {
  const u = uniform(7);
  return new Float32Array(elements).map((_, n) => {
    const t = 2 * u(n) - 1;
    return 1e-3 * t / (1.002 - Math.abs(t));
  });
}

for (const bits of [2, 3, 4, 8]) {
  for (const symmetric of [true, false]) {
    test(`the clip is as good as the best of 400, ${bits} bits${symmetric ? ", symmetric" : ""}`, async () => {
      const values = heavyTailed(20_000);
      const extremes = [Math.min(...values), Math.max(...values)] as const;
      const program = searchOnly(values.length, bits, symmetric);
      const executor = await (await openDevice("gpu")).createExecutor(program);
      const { qmin, qmax } = quantizerOf(undefined, bits, symmetric);
      executor.write("quantizers", new Float32Array([1, 1, 0, qmin, qmax, 0, 0, 1]));
      const statistics = new Uint32Array(64);
      statistics.set([~orderedBits(extremes[0]) >>> 0, orderedBits(extremes[1])]);
      executor.write("statistics", statistics);
      executor.write("f32_scratch", values);
      executor.run(program.sections.forward);
      const [bytes] = await executor.read(["quantizers"]);
      executor.close();
      const [, , , , , low, high, rate] = new Float32Array(bytes!.buffer);
      const largest = Math.max(-extremes[0], extremes[1]), clip = Math.max(-low!, high!);
      const found = distance(values, clip, bits, symmetric);
      let best = Infinity;
      for (let i = 1; i <= 400; i++) {
        best = Math.min(best, distance(values, largest * i / 400, bits, symmetric));
      }
      // Few bits have more than one valley: a golden section finds one of them.
      assert.ok(found <= 1.1 * best + 1e-7, `${found} at ${clip / largest}, best ${best}`);
      assert.ok(found <= distance(values, largest, bits, symmetric) + 1e-7);
      const expected = Math.max(Math.exp(-20 * found), 0.1);
      assert.ok(Math.abs(rate! - expected) < 1e-3, `${rate}, ${expected}`);
    });
  }
}

Deno.test("the cosine distance from sums of errors is that of the vectors, also where it is tiny", () => {
  const x = heavyTailed(1000);
  for (const size of [1e-1, 1e-3, 1e-5]) {
    const u = uniform(3), e = x.map((v, n) => v * size * (u(n) - 0.5));
    const sum = (f: (n: number) => number) => x.reduce((s, _, n) => s + f(n), 0);
    const xx = sum((n) => x[n]! ** 2), xe = sum((n) => x[n]! * e[n]!), ee = sum((n) => e[n]! ** 2);
    const exact = 1 - (xx + xe) / Math.sqrt(xx * (xx + 2 * xe + ee));
    const got = cosineDistance([xx, xe, ee]);
    assert.ok(Math.abs(got - exact) <= 1e-4 * exact + 1e-15, `${got}, ${exact}`);
  }
});

const gradients = (run: Run) =>
  run.events.flatMap((event) =>
    event.type === "step"
      ? [event.observations.find((o) => o.quantizer.name === "conv2.gradient")!.range!]
      : []
  );

test("dsgc searches every interval and keeps its range in between", async () => {
  const ranges = gradients(
    await runOf({ ...SHORT, quantize: { gradients: { estimator: "dsgc", interval: 6 } } }),
  );
  assert.equal(ranges.length, 20);
  for (let step = 1; step < 20; step++) {
    const same = ranges[step]!.high === ranges[step - 1]!.high;
    assert.equal(same, step % 6 !== 0, `step ${step}`);
  }
});

test("dsgc scales the learning rate only where it may", async () => {
  const of = async (scale_rate: boolean, bits: number) =>
    (await runOf({
      ...SHORT,
      quantize: { gradients: { estimator: "dsgc", bits, scale_rate } },
      train: { ...SHORT.train, max_steps: 3 },
    })).end.state;
  // Few bits, so that the distance counts.
  const [plain, scaled] = [await of(false, 3), await of(true, 3)];
  assert.notDeepEqual(scaled.parameters, plain.parameters);
  const rates = [...scaled.memories.values()].map(([rate]) => rate!);
  assert.ok(rates.every((rate) => rate >= 0.1 && rate <= 1) && rates.some((rate) => rate < 0.999));
});
