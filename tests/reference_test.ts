/**
 * What the kernels must compute where no other test would notice that a kernel and its reference are
 * wrong together: against results by hand.
 *
 * @module
 */
import assert from "node:assert/strict";
import { QUANTIZER, STEP } from "../lib/quant/layouts.ts";
import { addGradients } from "../kernels/add_gradients/reference.ts";
import { convBackwardInput } from "../kernels/conv_backward_input/reference.ts";
import { convBackwardWeight } from "../kernels/conv_backward_weight/reference.ts";
import { convForward } from "../kernels/conv_forward/reference.ts";
import { depthwiseBackwardInput } from "../kernels/depthwise_backward_input/reference.ts";
import { depthwiseBackwardWeight } from "../kernels/depthwise_backward_weight/reference.ts";
import { depthwiseForward } from "../kernels/depthwise_forward/reference.ts";
import { HostBuffer } from "../kernels/include/host_buffer.ts";
import { activate } from "../kernels/include/norm.ts";
import { float64 } from "../kernels/include/int64.ts";
import { normCoefficients } from "../kernels/norm_coefficients/reference.ts";
import { maxPoolBackward } from "../kernels/max_pool_backward/reference.ts";
import { maxPoolForward } from "../kernels/max_pool_forward/reference.ts";
import { sgd } from "../kernels/sgd/reference.ts";

/** A buffer of f32 values. */
function floats(...values: number[]): HostBuffer {
  const buffer = new HostBuffer(4 * values.length);
  buffer.f32.set(values);
  return buffer;
}

const tables = () => ({
  quantizers: new HostBuffer(32 * 4),
  statistics: new HostBuffer(256 * 4),
  step: new HostBuffer(32),
  found_nonfinite: new HostBuffer(16),
});
const near = (got: ArrayLike<number>, expected: readonly number[]) =>
  expected.forEach((e, i) =>
    assert.ok(Math.abs(got[i]! - e) <= 1e-6 * Math.max(1, Math.abs(e)), `${i}: ${got[i]}, not ${e}`)
  );

const SGD = {
  INT8: 0,
  STORE: 0,
  STOCHASTIC: 0,
  SCALED: 0,
  CLIP: 0,
  RATE_ROW: 0,
  V: 1,
  R: 1,
  SIZE: 1,
  W_ROW: 0,
  QUANTIZED: 0,
  NONFINITE: 64,
};

Deno.test("sgd is PyTorch's: momentum, weight decay, with and without Nesterov", () => {
  for (const NESTEROV of [0, 1]) {
    const t = tables();
    STEP.write(t.step, 0, { learningRate: 0.1 });
    const weight = floats(1, -2, 0, 4), velocity = floats(0, 0, 0, 0);
    const gradient = floats(0.5, 0.25, 0, -1);
    const w = [1, -2, 0, 4], m = [0, 0, 0, 0];
    for (let step = 0; step < 3; step++) {
      sgd({ ...SGD, MOMENTUM: 0.9, WEIGHT_DECAY: 0.01, NESTEROV }, {
        ...t,
        weight,
        velocity,
        gradient,
        clip: floats(1),
      });
      gradient.f32.slice().forEach((slope, i) => {
        const g = slope + 0.01 * w[i]!;
        m[i] = 0.9 * m[i]! + g;
        w[i] = w[i]! - 0.1 * (NESTEROV ? g + 0.9 * m[i]! : m[i]!);
      });
    }
    near(weight.f32, w);
    near(velocity.f32, m);
  }
});

Deno.test("batch norm's running statistics follow mean and unbiased variance, as PyTorch's", () => {
  const values = [1, 2, 4, 9], mean = 4, squares = 38, momentum = 0.25;
  const running = floats(2, 0, 0, 0, 3, 0, 0, 0);
  const b = {
    ...tables(),
    // One channel of one tile: Σ and Σ about the tile's mean.
    sums: floats(16, squares, 0, 0, 0, 0, 0, 0),
    affine: floats(2, 0, 0, 0, 7, 0, 0, 0),
    running,
    coefficients: new HostBuffer(128),
    total: new HostBuffer(16),
  };
  const c = {
    INT8: 0,
    CHANNELS: 4,
    PIXELS: values.length,
    TILES: 1,
    CHUNK: 64,
    EPSILON: 0.5,
    MOMENTUM: momentum,
    KEPT: 1 - momentum,
    Y_ROW: 0,
    NONFINITE: 64,
  };
  STEP.write(b.step, 0, { normWeight: 0 });
  normCoefficients(c, b);
  near([running.f32[0]!, running.f32[4]!], [2, 3]);
  STEP.write(b.step, 0, { normWeight: 1 });
  normCoefficients(c, b);
  near([running.f32[0]!, running.f32[4]!], [0.75 * 2 + 0.25 * mean, 0.75 * 3 + 0.25 * squares / 3]);
  const inverse = 1 / Math.sqrt(squares / 4 + 0.5);
  const k = b.coefficients.f32;
  near([k[0]!, k[4]!, k[8]!, k[20]!], [2 * inverse, mean, 7, inverse]);
});

Deno.test("batch norm's int8 sums give the same statistics as real values would", () => {
  const t = tables(), scale = 0.5, zero = -20;
  QUANTIZER.write(t.quantizers, 0, { scale, inverse: 2, zero, qmin: -128, qmax: 127 });
  const codes = [-128, -20, 5, 127], d = codes.map((q) => q - zero);
  const sums = new HostBuffer(32), total = new HostBuffer(16);
  sums.i32.set([d.reduce((a, b) => a + b), d.reduce((a, b) => a + b * b, 0)]);
  const coefficients = new HostBuffer(128);
  normCoefficients({
    INT8: 1,
    CHANNELS: 4,
    PIXELS: 4,
    TILES: 1,
    CHUNK: 64,
    EPSILON: 0,
    MOMENTUM: 0.1,
    KEPT: 0.9,
    Y_ROW: 0,
    NONFINITE: 64,
  }, {
    ...t,
    sums,
    affine: floats(1, 0, 0, 0, 0, 0, 0, 0),
    running: new HostBuffer(32),
    coefficients,
    total,
  });
  const real = d.map((x) => scale * x), mean = real.reduce((a, b) => a + b) / 4;
  const variance = real.reduce((a, x) => a + (x - mean) ** 2, 0) / 4;
  near([coefficients.f32[4]!, coefficients.f32[20]!], [mean, 1 / Math.sqrt(variance)]);
  assert.equal(total.i32[0], d.reduce((a, b) => a + b));
});

Deno.test("sums of 64 bits become f32 through their two words", () => {
  for (const n of [0n, 1n, -1n, 123456789n, -(2n ** 40n) - 3n, 2n ** 62n + 12345n]) {
    assert.ok(Math.abs(float64(n) - Number(n)) <= Math.abs(Number(n)) * 2 ** -22, `${n}`);
  }
});

const POOL = {
  V: 1,
  R: 1,
  N: 1,
  H: 2,
  W: 3,
  HO: 1,
  WO: 2,
  CQ: 1,
  CHANNELS: 1,
  KH: 2,
  KW: 2,
  SH: 1,
  SW: 1,
  PH: 0,
  PW: 0,
  STORE: 1,
  STOCHASTIC: 0,
  ADDEND: 0,
  ADDEND_ROW: 0,
  MASK: 0,
  MASK_ROW: 0,
  DY_ROW: 0,
  DX_ROW: 1,
};

/** Values in the first channel of quads. */
const quads = (...values: number[]) => floats(...values.flatMap((v) => [v, 0, 0, 0]));

Deno.test("of equal maxima the first in row order gets the gradient of a window", () => {
  const given = (x: readonly number[]) => {
    const dx = new HostBuffer(16 * 6);
    maxPoolBackward({ ...POOL, INT8: 0, STORE: 0 }, {
      ...tables(),
      x: quads(...x),
      dy: quads(1, 10),
      dx,
    });
    return [0, 1, 2, 3, 4, 5].map((p) => dx.f32[4 * p]!);
  };
  assert.deepEqual(given([5, 5, 5, 5, 5, 5]), [1, 10, 0, 0, 0, 0]);
  assert.deepEqual(given([1, 5, 1, 5, 1, 5]), [0, 11, 0, 0, 0, 0]);
  assert.deepEqual(given([1, 1, 1, 1, 5, 5]), [0, 0, 0, 0, 11, 0]);
  assert.deepEqual(given([1, 1, 1, 5, 5, 5]), [0, 0, 0, 1, 10, 0]);
});

Deno.test("masks: ReLU passes above 0, ReLU6 above 0 and below 6, neither at its bounds", () => {
  const of = floats(-1, 0, 1, 5.9, 6, 6.1, 2 ** -149, 7), dy = floats(1, 1, 1, 1, 1, 1, 1, 1);
  const masked = (MASK: number) => {
    const dx = new HostBuffer(32);
    const c = { ...POOL, INT8: 0, STORE: 0, QUADS: 2, CQ: 2, CHANNELS: 8, MASK };
    addGradients(c, { ...tables(), dy, dx, mask: of });
    return [...dx.f32];
  };
  assert.deepEqual(masked(0), [1, 1, 1, 1, 1, 1, 1, 1]);
  assert.deepEqual(masked(1), [0, 0, 1, 1, 1, 1, 1, 1]);
  assert.deepEqual(masked(2), [0, 0, 1, 1, 0, 0, 1, 0]);
});

Deno.test("a linear layer's gradient draws for the same elements as a convolution's", () => {
  // Both store 0.5 everywhere, [1, 2, 3] of 5 channels: what is rounded up tells which draws were used.
  const t = tables();
  const unit = { scale: 1, inverse: 1, zero: 0, qmin: -128, qmax: 127 };
  for (const row of [0, 1, 2]) QUANTIZER.write(t.quantizers, row, unit);
  const [H, W, CHANNELS, GQ] = [2, 3, 5, 2], size = 4 * GQ * H * W;
  const half = new HostBuffer(size), zeros = new HostBuffer(4 * size * 4);
  half.i8.fill(1);
  QUANTIZER.write(t.quantizers, 2, { ...unit, scale: 0.5, inverse: 2 });
  const epilogue = {
    INT8: 1,
    STORE: 1,
    STOCHASTIC: 1,
    ADDEND: 1,
    ADDEND_ROW: 2,
    MASK: 0,
    MASK_ROW: 0,
  };
  const flat = new HostBuffer(size), spread = new HostBuffer(size);
  convBackwardInput({
    ...POOL,
    ...epilogue,
    ...{ P: 1, Q: 1, N: 1, H: 1, W: 1, IQ: GQ * H * W, GQ, CHANNELS, KH: 1, KW: 1 },
    ...{ HO: 1, WO: 1, OQ: 1, QUADS: 1, FIRST: 0, BEFORE: 0, W_ROW: 0 },
  }, { ...t, dy: zeros, weight: zeros, before: zeros, dx: flat, addend: half });
  addGradients({ ...POOL, ...epilogue, QUADS: GQ * H * W, CQ: GQ, CHANNELS }, {
    ...t,
    dy: zeros,
    dx: spread,
    addend: half,
  });
  assert.deepEqual(flat.i8, spread.i8);
  assert.ok(flat.i8.includes(1) && flat.i8.subarray(0, 5).includes(0));
});

/** Products x·w that are 0.5 together, if each product and each sum is rounded to f32, in this order alone. */
const TERMS = [
  // 1 + 2⁻²⁴ is 1. In float64, or backwards, the sum is 0.5 + 2⁻²³.
  [[1, 2 ** -24, 2 ** -24, -0.5], [1, 1, 1, 1]],
  // The second product is 1 + 2⁻¹¹ + 2⁻²⁴ before it is rounded.
  [[-0.5 - 2 ** -11, 1 + 2 ** -12, 0, 0], [1, 1 + 2 ** -12, 1, 1]],
] as const;

Deno.test("f32 sums of convolutions round products and sums, in the order of taps, channels or pixels", () => {
  const windows = { ...POOL, INT8: 0, STORE: 0, BIAS: 0, SUMS: 0, H: 2, W: 2, HO: 1, WO: 1 };
  const c = {
    ...{ ...windows, IQ: 1, OQ: 1, DQ: 1, GQ: 1, QUADS: 1, FIRST: 0, LOGITS: 0, BEFORE: 0 },
    ...{ PIXELS: 1, LINES: 1, TILES: 1, CHUNKS: 1, CHUNK: 4, ROWS: 2, CHANNELS: 4 },
    ...{ X_ROW: 0, W_ROW: 0, Y_ROW: 0, ACCUMULATE: 0, NONFINITE: 0, BIAS_NONFINITE: 0 },
  };
  const point = { ...c, KH: 1, KW: 1, H: 1, W: 1 }, scattered = { ...c, H: 3, W: 3, HO: 2, WO: 2 };
  const pixels = { ...c, KH: 1, KW: 1, HO: 2, WO: 2, PIXELS: 4, LINES: 2 };
  for (const [x, w] of TERMS) {
    const b = () => {
      const none = floats(0, 0, 0, 0), [y, out] = [new HostBuffer(16 * 9), new HostBuffer(16 * 9)];
      const unused = { scales: none, bias: none, sums: none, before: none };
      const gradient = out, bias_gradient = y;
      return {
        ...tables(),
        ...unused,
        y,
        dx: out,
        partial: out,
        dy_total: y,
        gradient,
        bias_gradient,
      };
    };
    // The taps of a pixel of dX meet dY backwards.
    const taps = { x: quads(...x), weight: quads(...w), dy: quads(...x.toReversed()) };
    const found: Record<string, number> = {};
    const rowOfTaps = floats(...w.flatMap((v) => [v, 0, 0, 0]), ...new Array(48).fill(0));
    const channels = floats(...w, ...new Array(12).fill(0));
    let own = b();
    convForward(c, { ...own, x: taps.x, weight: rowOfTaps });
    found["conv_forward, taps"] = own.y.f32[0]!;
    convForward(point, { ...own = b(), x: floats(...x), weight: channels });
    found["conv_forward, inputs"] = own.y.f32[0]!;
    convBackwardInput(scattered, { ...own = b(), dy: taps.dy, weight: rowOfTaps });
    found["conv_backward_input, taps"] = own.dx.f32[4 * 4]!;
    convBackwardInput(point, { ...own = b(), dy: floats(...x), weight: channels });
    found["conv_backward_input, outputs"] = own.dx.f32[0]!;
    convBackwardWeight(pixels, { ...own = b(), x: quads(...x), dy: quads(...w) });
    found["conv_backward_weight, pixels"] = own.gradient.f32[0]!;
    depthwiseForward(c, { ...own = b(), x: taps.x, weight: taps.weight });
    found["depthwise_forward, taps"] = own.y.f32[0]!;
    depthwiseBackwardInput(scattered, { ...own = b(), dy: taps.dy, weight: taps.weight });
    found["depthwise_backward_input, taps"] = own.dx.f32[4 * 4]!;
    depthwiseBackwardWeight(pixels, { ...own = b(), x: quads(...x), dy: quads(...w) });
    found["depthwise_backward_weight, pixels"] = own.partial.f32[0]!;
    for (const [where, sum] of Object.entries(found)) assert.equal(sum, 0.5, where);
  }
});

Deno.test("NaN passes activations; the maximum of a window is NaN where it comes first", () => {
  for (const act of [0, 1, 2]) assert.ok(Number.isNaN(activate(act, NaN)));
  assert.deepEqual([-1, 0, 3, 7].map((v) => activate(2, v)), [0, 0, 3, 6]);
  const y = new HostBuffer(32);
  maxPoolForward({ ...POOL, INT8: 0 }, { ...tables(), x: quads(NaN, 1, 2, 3, NaN, 4), y });
  assert.deepEqual([y.f32[0], y.f32[4]], [NaN, 4]);
});
