/**
 * Reference of kernels/include/quad.wgsl and quantize.wgsl, one value at a time, in f32 arithmetic by
 * `Math.fround`.
 *
 * @module
 */
import { roundHalfEven } from "../../lib/quant/range.ts";
import { QUANTIZER, STEP } from "../../lib/quant/layouts.ts";
import { recordStatistics } from "../../lib/quant/statistics.ts";
import type { Buffers, HostBuffer } from "./host_buffer.ts";

const fround = Math.fround;

/** One row of the table of quantizers. */
type Row = ReturnType<typeof row>;

/** Returns row `index` of the table `quantizers`. */
export function row(quantizers: HostBuffer, index: number) {
  return QUANTIZER.read(quantizers, index);
}

/** Returns a function that reads a tensor's real values by padded index, from codes or from f32. */
export function reader(int8: number, tensor: HostBuffer, z: Row): (index: number) => number {
  return int8
    ? (index) => fround((tensor.i8[index]! - z.zero) * z.scale)
    : (index) => tensor.f32[index]!;
}

function mix(x: number): number {
  let h = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b);
  return (h ^ (h >>> 16)) >>> 0;
}

/**
 * Returns a function that maps a logical element to a uniform number in [0, 1), 24 bits of a hash of
 * (seed, step, quantizer, element).
 *
 * @param image elements of an image, so that elements of a micro-batch count through the whole batch; else 0
 */
export function uniforms(
  step: HostBuffer,
  quantizer: number,
  image = 0,
): (element: number) => number {
  const s = STEP.read(step, 0), before = s.first * image;
  const a = mix((mix(s.seed ^ 0x9e3779b9) + s.step) | 0);
  const first = mix((a + quantizer) | 0);
  const second = mix(((a ^ 0x85ebca6b) + quantizer) | 0);
  return (element) => {
    let h = (Math.imul(element + before, 0x9e3779b1) + first) | 0;
    h = Math.imul(h ^ (h >>> 16), 0x7feb352d);
    h = Math.imul(((h ^ (h >>> 15)) + second) | 0, 0x846ca68b);
    return ((h ^ (h >>> 16)) >>> 8) * 2 ** -24;
  };
}

/** Constants of a kernel that stores through a quantizer. */
export interface StoreConstants {
  readonly INT8: number;
  /** 0 real values without statistics; 1 quantized; 2 real values with statistics. */
  readonly STORE: number;
  /** 1: records nothing, because the tensor was recorded when it was first computed. */
  readonly QUIET?: number;
  /** 1: stochastic rounding; 0: to nearest, half to even. */
  readonly STOCHASTIC: number;
  /** Elements of an image if a batch is cut into micro-batches; else 0 or absent. */
  readonly IMAGE?: number;
}

/** Stores real values into a tensor and, at the end, records their statistics. */
export class Writer {
  #min = Infinity;
  #max = -Infinity;
  #clipped = 0;
  #nonfinite = 0;
  readonly #uniform: ((element: number) => number) | undefined;
  readonly #row: Row;

  constructor(
    readonly c: StoreConstants,
    readonly b: Buffers<never>,
    readonly tensor: HostBuffer,
    readonly quantizer: number,
  ) {
    this.#row = row(b.quantizers, quantizer);
    this.#uniform = c.STOCHASTIC ? uniforms(b.step, quantizer, c.IMAGE) : undefined;
  }

  /** Stores `v` at padded index `at`; returns what it stored. `element` is the logical index. */
  store(at: number, v: number, element = 0): number {
    const { INT8, STORE } = this.c;
    if (!STORE) return this.tensor.f32[at] = v;
    const z = this.#row;
    const bad = !Number.isFinite(v);
    const x = bad ? 0 : v;
    if (bad) this.#nonfinite++;
    if (x < this.#min) this.#min = x;
    if (x > this.#max) this.#max = x;
    if (STORE === 2) return this.tensor.f32[at] = x;
    const t = fround(x * z.inverse);
    const whole = this.#uniform ? Math.floor(fround(t + this.#uniform(element))) : roundHalfEven(t);
    const code = fround(whole + z.zero);
    const clamped = Math.min(Math.max(code, z.qmin), z.qmax);
    if (clamped !== code) this.#clipped++;
    if (INT8) return this.tensor.i8[at] = clamped;
    return this.tensor.f32[at] = fround(fround(clamped - z.zero) * z.scale);
  }

  /** Fills the padded lane at `at`. */
  pad(at: number): void {
    if (this.c.INT8 && this.c.STORE === 1) this.tensor.i8[at] = this.#row.zero;
    else this.tensor.f32[at] = 0;
  }

  /** Observes a value without storing it (weights after an update). */
  observe(v: number): void {
    if (!Number.isFinite(v)) this.#nonfinite++;
    if (v < this.#min) this.#min = v;
    if (v > this.#max) this.#max = v;
  }

  /** Adds the statistics to slot 0 of the quantizer's row; of NaN alone only their number. */
  record(): void {
    if (!this.c.STORE || this.c.QUIET) return;
    const extremes = this.#min <= this.#max ? { min: this.#min, max: this.#max } : {};
    recordStatistics(this.b.statistics, this.quantizer, {
      ...extremes,
      clipped: this.#clipped,
      nonfinite: this.#nonfinite,
    });
  }
}
