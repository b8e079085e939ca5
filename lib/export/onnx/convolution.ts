/**
 * ONNX's Conv and Gemm. On int8 codes with int8 weights the products are summed as whole numbers;
 * otherwise on real values.
 *
 * @module
 */
import type { Convolution } from "../compute/convolution.ts";
import { convolveCodes, convolveReals, convolveToCodes } from "../compute/convolve.ts";
import { greatestSums, SUM_LIMIT } from "../compute/greatest_sums.ts";
import type { Pair } from "../../recipe/fields.ts";
import type { Constant } from "./decode.ts";
import { type Flow, realsOf, type Shape } from "./flow.ts";
import { type Computation, constantReals, type Operands, type Scaled } from "./operands.ts";
import { codeLimits, type Limits, type Pending, pending } from "./pending.ts";

/** How a kernel moves over an image. */
export interface Window {
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly top: number;
  readonly left: number;
  /** Height and width of the output. */
  readonly ho: number;
  readonly wo: number;
}

/** Reads the attributes of a window. @throws DataError for one that does not fit the image */
export function windowOf(o: Operands, { h, w }: Shape, otherwise: Pair): Window {
  const kernel = o.ints("kernel_shape", otherwise), stride = o.ints("strides", [1, 1] as const);
  const pads = o.ints("pads", [0, 0, 0, 0] as const),
    dilations = o.ints("dilations", [1, 1] as const);
  const [top, left, bottom, right] = pads;
  if (dilations.some((d) => d !== 1)) o.fail("dilations of 1", `[${dilations.join(", ")}]`);
  const automatic = o.text("auto_pad", "NOTSET");
  if (automatic !== "NOTSET") o.fail("auto_pad NOTSET", automatic);
  if ([...kernel, ...stride].some((v) => v < 1) || pads.some((v) => v < 0)) {
    o.fail(
      "kernel and strides above 0, and pads",
      `${kernel.join("×")}, ${stride.join("×")}, ${pads}`,
    );
  }
  const ho = Math.floor((h + top + bottom - kernel[0]) / stride[0]) + 1;
  const wo = Math.floor((w + left + right - kernel[1]) / stride[1]) + 1;
  return { kernel, stride, top, left, ho, wo };
}

/** Conv. */
export function conv(o: Operands): Computation {
  o.expectInputs(2, 3);
  const x = o.reals(0, "nchw"), weight = weightOf(o), { dims } = tensorOf(weight);
  const { c } = x.shape, groups = o.int("group", 1);
  const [outputs = 0, inputs = 0, kh = 0, kw = 0] = dims;
  const fits = dims.length === 4 && groups >= 1 && inputs * groups === c && outputs % groups === 0;
  if (!fits || outputs < 1) {
    o.fail(
      `weights [outputs, ${c} / groups, height, width]`,
      `[${dims.slice(0, 8)}], ${groups} groups`,
    );
  }
  const window = windowOf(o, x.shape, [kh, kw]), { kernel, ho, wo } = window;
  if (kernel[0] !== kh || kernel[1] !== kw) o.fail(`kernel ${kh}×${kw}`, kernel.join("×"));
  const order = channelsLast(dims as [number, number, number, number]);
  const sizes = { ...x.shape, ...window, o: outputs, groups };
  return convolution(o, x, weight, order, sizes, { order: "nchw", h: ho, w: wo, c: outputs });
}

/** Gemm with constant weights, the convolution of one pixel. */
export function gemm(o: Operands): Computation {
  o.expectInputs(2, 3);
  const x = o.reals(0, "nc"), weight = weightOf(o), { dims } = tensorOf(weight), { c } = x.shape;
  o.expectInt("transA", 0);
  const transposed = o.int("transB", 0) !== 0;
  for (const name of ["alpha", "beta"]) {
    const factor = o.float(name, 1);
    if (factor !== 1) o.fail(`${name} 1`, `${factor}`);
  }
  const [outputs = 0, inputs = 0] = transposed ? dims : dims.toReversed();
  if (dims.length !== 2 || inputs !== c || outputs < 1) {
    o.fail(`weights for ${c} inputs`, `[${dims.slice(0, 8)}]`);
  }
  const order = transposed ? undefined : (i: number) => i % c * outputs + Math.floor(i / c);
  const one: Pair = [1, 1];
  const sizes = {
    h: 1,
    w: 1,
    c,
    ho: 1,
    wo: 1,
    o: outputs,
    kernel: one,
    stride: one,
    top: 0,
    left: 0,
    groups: 1,
  };
  return convolution(o, x, weight, order, sizes, { order: "nc", h: 1, w: 1, c: outputs });
}

function weightOf(o: Operands): Constant | Scaled {
  const value = o.inputs[1];
  return value && "codes" in value ? value : o.constant(1, "float");
}

function tensorOf(value: Constant | Scaled): Constant {
  return "codes" in value ? value.codes : value;
}

/** Where the weight at an index of [o, h, w, i] is in [o, i, h, w]. */
function channelsLast([, inputs, h, w]: readonly [number, number, number, number]) {
  const area = h * w, size = inputs * area;
  return (i: number) => {
    const output = Math.floor(i / size), rest = i % size;
    return output * size + rest % inputs * area + Math.floor(rest / inputs);
  };
}

/** As `every`, which takes 4 s for 100 million. */
function areFinite(values: Float32Array): boolean {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return false;
  return true;
}

/** Weights in another order: which of them is at each index. */
function ordered<T extends Int8Array | Float32Array>(
  weights: T,
  order: ((index: number) => number) | undefined,
): T {
  if (!order) return weights;
  const result = weights.slice() as T;
  for (let i = 0; i < result.length; i++) result[i] = weights[order(i)]!;
  return result;
}

function convolution(
  o: Operands,
  x: Flow,
  weight: Constant | Scaled,
  order: ((index: number) => number) | undefined,
  sizes: Omit<Convolution, "n">,
  shape: Shape,
): Computation {
  const taps = sizes.c / sizes.groups * sizes.kernel[0] * sizes.kernel[1];
  const prepared = taps * shape.c, { form } = x, scales = outputScales(weight, shape.c, prepared);
  const of = {
    ...{ shape, reads: [x], work: shape.h * shape.w * shape.c * taps, prepared },
    form: { kind: "pending" },
  } as const;
  if (form.kind === "dequantized" && !x.limits && scales) {
    const codes = (weight as Scaled).codes.values as Int8Array, { zero } = form;
    const laidOut = ordered(codes, order), sums = greatestSums(laidOut, shape.c, zero);
    if (sums.every((sum) => sum < SUM_LIMIT)) {
      const units = scales.map((scale) => form.scale * scale);
      const bias = biasOf(o, shape.c, { units, sums });
      return {
        ...of,
        compute: (n, [data]) =>
          productsOfCodes({ ...sizes, n }, data as Int8Array, zero, laidOut, units, bias),
      };
    }
  }
  const values = constantReals(weight);
  if (!areFinite(values)) o.fail("finite weights", "NaN or an infinite one");
  const laidOut = ordered(values, order);
  const { real: bias } = biasOf(o, shape.c);
  return {
    ...of,
    compute: (n, [data]) => {
      const inputs = realsOf(x, data!);
      return pending(([low, high]) =>
        convolveReals({ ...sizes, n }, inputs, laidOut, { bias, low, high })
      );
    },
  };
}

/** Values units[output] · (sum + codes[output]) + real[output], each step in f32. */
function productsOfCodes(
  sizes: Convolution,
  x: Int8Array,
  from: number,
  weight: Int8Array,
  units: Float32Array,
  bias: Bias,
): Pending {
  const reals = (limits: Limits) =>
    toReals(convolveCodes(sizes, x, from, weight), units, bias, limits);
  if (bias.real.some((value) => value !== 0)) return pending(reals);
  return pending(reals, (limits, scale, zero) => {
    const bounds = { zero, ...codeLimits(limits, scale, zero) };
    const how = { bias: bias.codes, factors: units, divisor: scale, ...bounds };
    return convolveToCodes(sizes, x, from, weight, how);
  });
}

function toReals(
  sums: Int32Array,
  units: Float32Array,
  { codes, real }: Bias,
  [low, high]: Limits,
): Float32Array {
  const { fround } = Math, result = new Float32Array(sums.length), { length } = units;
  for (let first = 0; first < sums.length; first += length) {
    for (let i = 0; i < length; i++) {
      const sum = fround(sums[first + i]! + codes[i]!);
      const value = fround(fround(sum * units[i]!) + real[i]!);
      result[first + i] = value < low ? low : value > high ? high : value;
    }
  }
  return result;
}

/** A scale for each output, if weights are int8 codes without zero points. */
function outputScales(weight: Constant | Scaled, outputs: number, size: number) {
  if (!("codes" in weight) || weight.codes.type !== "int8") return undefined;
  const { scales, zeros, axis } = weight;
  if (weight.codes.values.length !== size || Array.from(zeros).some((zero) => zero !== 0)) {
    return undefined;
  }
  if (scales.length === 1) return new Float32Array(outputs).fill(scales[0]!);
  return axis === 0 ? scales : undefined;
}

/** A bias for each output: in codes of the sums' units, or in real values; the other is 0. */
interface Bias {
  readonly codes: Int32Array;
  readonly real: Float32Array;
}

/** @param products their units and greatest sums by output, where they are summed as codes */
function biasOf(
  o: Operands,
  outputs: number,
  products?: { readonly units: Float32Array; readonly sums: Float64Array },
): Bias {
  const none = { codes: new Int32Array(outputs), real: new Float32Array(outputs) };
  const value = o.inputs[2];
  if (!value) return none;
  const constant = "codes" in value ? value : o.constant(2, "float"),
    { dims, values } = tensorOf(constant);
  if (values.length !== outputs || dims.at(-1) !== outputs) {
    o.fail(`a bias for each of ${outputs} outputs`, `[${dims.slice(0, 8)}]`);
  }
  if (products && "codes" in constant && values instanceof Int32Array) {
    const { scales, zeros } = constant;
    const same = products.units.every((unit, i) => unit === scales[scales.length > 1 ? i : 0]);
    const fits = values.every((value, i) => Math.abs(value) + products.sums[i]! < SUM_LIMIT);
    if (same && fits && Array.from(zeros).every((zero) => zero === 0)) {
      return { ...none, codes: values };
    }
  }
  return { ...none, real: constantReals(constant) };
}
