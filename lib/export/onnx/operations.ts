/**
 * The ONNX operations that are run: what each asks of its inputs, the shape of its output, and what it
 * computes.
 *
 * @module
 */
import type { Constant } from "./decode.ts";
import {
  codesOf,
  dequantized,
  type Flow,
  type Form,
  holdsCodes,
  realsOf,
  type Shape,
} from "./flow.ts";
import { conv, gemm } from "./convolution.ts";
import type { Computation, Operands, Value } from "./operands.ts";
import { codeOf, type Limits, pending } from "./pending.ts";
import { averagePool, globalAveragePool, maxPool } from "./pooling.ts";
import { ELEMENT } from "./schema.ts";
import { mapPairs } from "../compute/pairs.ts";

/** Plans a node: returns its output, or how it is computed. */
type Operation = (operands: Operands) => Value | Computation;

const REALS: Form = { kind: "reals" };

/** Operations by name. */
export const OPERATIONS: ReadonlyMap<string, Operation> = new Map(Object.entries({
  Add: add,
  AveragePool: averagePool,
  Cast: cast,
  Clip: clip,
  Conv: conv,
  DequantizeLinear: dequantizeLinear,
  Flatten: flatten,
  Gemm: gemm,
  GlobalAveragePool: globalAveragePool,
  MaxPool: maxPool,
  Mul: mul,
  QuantizeLinear: quantizeLinear,
  Relu: relu,
  Reshape: reshape,
  Softmax: softmax,
  Transpose: transpose,
}));

/** Pixels to real values. */
function cast(o: Operands): Flow {
  o.expectInputs(1);
  o.expectInt("to", ELEMENT.float);
  const x = o.flow(0);
  if (x.form.kind !== "pixels") o.fail("the images", "another tensor");
  return { ...x, form: REALS };
}

function transpose(o: Operands): Flow {
  o.expectInputs(1);
  const x = o.flow(0, "nchw", "nhwc"), perm = o.ints("perm", [3, 2, 1, 0] as const).join();
  const toImages = x.shape.order === "nhwc" && perm === "0,3,1,2";
  if (!toImages && !(x.shape.order === "nchw" && perm === "0,2,3,1")) {
    o.fail("perm between [batch, h, w, c] and [batch, c, h, w]", `[${perm}]`);
  }
  return { ...x, shape: { ...x.shape, order: toImages ? "nchw" : "nhwc" } };
}

function mul(o: Operands): Computation {
  o.expectInputs(2);
  const [x, factors] = withConstant(o);
  return byChannel(x, (v, i) => v * factors[i]!);
}

function add(o: Operands): Computation {
  o.expectInputs(2);
  if (o.inputs.some((input) => input && !("slot" in input))) {
    const [x, addends] = withConstant(o);
    return byChannel(x, (v, i) => v + addends[i]!);
  }
  const a = o.reals(0), b = o.reals(1), { shape } = a;
  const sizes = ({ order, h, w, c }: Shape) => `${order} ${h}×${w}×${c}`;
  if (sizes(shape) !== sizes(b.shape)) o.fail(`two tensors of ${sizes(shape)}`, sizes(b.shape));
  const sumOf = sumOfCodes(a, b);
  return {
    shape,
    form: { kind: "pending" },
    reads: [a, b],
    work: 0,
    compute(_, [left, right]) {
      const reals = ([low, high]: Limits) => {
        const x = realsOf(a, left!), y = realsOf(b, right!), sums = new Float32Array(x.length);
        for (let i = 0; i < sums.length; i++) {
          const sum = Math.fround(x[i]! + y[i]!);
          sums[i] = sum < low ? low : sum > high ? high : sum;
        }
        return sums;
      };
      return pending(
        reals,
        sumOf && ((limits, scale, zero) => {
          const [key, compute] = sumOf(limits, scale, zero);
          return mapPairs(left as Int8Array, right as Int8Array, key, compute);
        }),
      );
    },
  };
}

/** How two codes become that of their sum, by the form that is asked for; with a key for `mapPairs`. */
function sumOfCodes({ form: first, limits: of }: Flow, { form: second, limits: other }: Flow) {
  if (first.kind !== "dequantized" || second.kind !== "dequantized") return undefined;
  const x = dequantized(first, of), y = dequantized(second, other);
  const inputs = [first.scale, first.zero, of, second.scale, second.zero, other];
  return (limits: Limits, scale: number, zero: number) => {
    const [low, high] = limits;
    const compute = (a: number, b: number) =>
      codeOf(Math.fround(Math.min(Math.max(x[a + 128]! + y[b + 128]!, low), high)), scale, zero);
    return [["ONNX", ...inputs, limits, scale, zero].map(String).join(";"), compute] as const;
  };
}

/** A tensor and a constant in either order; the constant has a number for each channel. */
function withConstant(o: Operands): [Flow, Float32Array] {
  const [first] = o.inputs, at = first && "slot" in first ? 0 : 1;
  const x = o.reals(at), { order, c } = x.shape, constant = o.constant(1 - at, "float");
  const { values, dims } = constant;
  if (values.length === 1) return [x, new Float32Array(c).fill(values[0]!)];
  // Dimensions align at the last.
  const after = order === "nchw" ? 2 : 0, channels = dims.at(-1 - after);
  if (values.length !== c || channels !== c || dims.length > (order === "nc" ? 2 : 4)) {
    o.fail(
      `a constant of one number or one for each of ${c} channels`,
      `shape [${dims.slice(0, 8)}]`,
    );
  }
  return [x, values as Float32Array];
}

function byChannel(x: Flow, each: (value: number, channel: number) => number): Computation {
  const { shape, shape: { c } } = x;
  return {
    shape,
    form: REALS,
    reads: [x],
    work: 0,
    compute(_, [data]) {
      const values = realsOf(x, data!), result = new Float32Array(values.length);
      for (let from = 0; from < values.length; from += c) {
        for (let i = 0; i < c; i++) result[from + i] = each(values[from + i]!, i);
      }
      return result;
    },
  };
}

function quantizeLinear(o: Operands): Computation {
  o.expectInputs(2, 3);
  o.int("axis", 1);
  const x = o.reals(0), scale = o.expectScale(o.scalar(o.constant(1, "float")));
  const point = o.optionalConstant(2, "int8", "uint8"), unsigned = point?.type !== "int8";
  const zero = (point ? o.scalar(point) : 0) - (unsigned ? 128 : 0);
  return {
    shape: x.shape,
    form: { kind: "codes", unsigned },
    reads: [x],
    work: 0,
    compute: (_, [data]) => codesOf(x, data!, scale, zero),
  };
}

function dequantizeLinear(o: Operands): Value {
  o.expectInputs(2, 3);
  const [codes] = o.inputs, axis = o.int("axis", 1), scales = o.constant(1, "float");
  for (const scale of scales.values) o.expectScale(scale);
  const point = o.optionalConstant(2, "int8", "uint8", "int32");
  if (codes && "values" in codes) return scaledConstant(o, codes, scales, point, axis);
  const x = o.flow(0);
  if (x.form.kind !== "codes") o.fail("codes", "other values");
  const { unsigned } = x.form, type = unsigned ? "uint8" : "int8";
  if (point && point.type !== type) o.fail(`a zero point of ${type}`, point.type);
  const zero = (point ? o.scalar(point) : 0) - (unsigned ? 128 : 0);
  return { ...x, form: { kind: "dequantized", scale: o.scalar(scales), zero } };
}

function scaledConstant(
  o: Operands,
  codes: Constant,
  scales: Constant,
  point: Constant | undefined,
  axis: number,
): Value {
  const { type, dims } = codes, { length } = scales.values;
  if (type === "float" || type === "int64") o.fail("codes", `a constant of ${type}`);
  if (point && (point.type !== type || point.values.length !== length)) {
    o.fail(`${length} zero points of ${type}`, `${point.values.length} of ${point.type}`);
  }
  if (length !== 1 && (scales.dims.length !== 1 || dims[axis] !== length)) {
    o.fail(`a scale, or one for each of ${dims[axis] ?? 0}`, `${length}`);
  }
  return { codes, scales: scales.values as Float32Array, zeros: point?.values ?? [], axis };
}

function relu(o: Operands): Flow {
  o.expectInputs(1);
  return clipped(o.reals(0), [0, Infinity]);
}

function clip(o: Operands): Flow | Computation {
  o.expectInputs(1, 3);
  const x = o.flow(0), { form } = x;
  const limit = (index: 1 | 2, type: Constant["type"], otherwise: number) => {
    const constant = o.optionalConstant(index, type);
    const value = constant ? o.scalar(constant) : otherwise;
    return Number.isNaN(value) ? o.fail("limits", "NaN") : value;
  };
  if (form.kind !== "codes") {
    return clipped(o.reals(0), [limit(1, "float", -Infinity), limit(2, "float", Infinity)]);
  }
  const type = form.unsigned ? "uint8" : "int8", shift = form.unsigned ? 128 : 0;
  const low = limit(1, type, -128 + shift) - shift, high = limit(2, type, 127 + shift) - shift;
  return {
    shape: x.shape,
    form,
    reads: [x],
    work: 0,
    compute: (_, [data]) => {
      const codes = (data as Int8Array).slice();
      for (let i = 0; i < codes.length; i++) {
        const code = codes[i]!;
        codes[i] = code > high ? high : code < low ? low : code;
      }
      return codes;
    },
  };
}

/** As ONNX defines it: the upper limit wins. */
function clamp(value: number, [low, high]: Limits): number {
  return Math.min(Math.max(value, low), high);
}

function clipped(x: Flow, limits: Limits): Flow {
  const [low, high] = x.limits ?? [-Infinity, Infinity];
  return { ...x, limits: [clamp(low, limits), clamp(high, limits)] };
}

function flatten(o: Operands): Flow | Computation {
  o.expectInputs(1);
  o.expectInt("axis", 1);
  return rowOf(o.flow(0));
}

/** One row of values an image, in the order of the tensor's dimensions. */
function rowOf(x: Flow): Flow | Computation {
  const { order, h, w, c } = x.shape, shape: Shape = { order: "nc", h: 1, w: 1, c: h * w * c };
  if (h * w === 1) return { ...x, shape };
  return order === "nchw" ? moved(x, shape, h * w, c) : moved(x, shape, 1, h * w * c);
}

/** Exchanges the two dimensions [rows, columns] of what is stored of each image. */
function moved(x: Flow, shape: Shape, rows: number, columns: number): Computation {
  const asCodes = holdsCodes(x), size = rows * columns;
  return {
    shape,
    form: asCodes ? x.form : REALS,
    reads: [x],
    work: 0,
    compute(_, [data]) {
      const from = asCodes ? data as Int8Array : realsOf(x, data!), to = from.slice();
      for (let first = 0; first < from.length; first += size) {
        for (let row = 0; row < rows; row++) {
          for (let column = 0; column < columns; column++) {
            to[first + column * rows + row] = from[first + row * columns + column]!;
          }
        }
      }
      return to;
    },
  };
}

function reshape(o: Operands): Flow | Computation {
  o.expectInputs(2);
  o.expectInt("allowzero", 0);
  const x = o.flow(0), { order, h, w, c } = x.shape;
  const dims = [...o.constant(1, "int64").values], size = h * w * c;
  const [batch, ...rest] = dims, known = rest.filter((d) => d > 0).reduce((a, b) => a * b, 1);
  const sizes = rest.map((d) => d === -1 && batch === 0 ? size / known : d);
  const fits = (batch === 0 || batch === -1) && sizes.every((d) => Number.isInteger(d) && d > 0) &&
    sizes.reduce((a, b) => a * b, 1) === size;
  if (fits && sizes.length === 1) return rowOf(x);
  if (!fits || sizes.length !== 3 || order !== "nc") {
    o.fail(`[0, ${size}], or [0, c, h, w] of one row`, `[${dims.slice(0, 8).join(", ")}]`);
  }
  const shape: Shape = { order: "nchw", c: sizes[0]!, h: sizes[1]!, w: sizes[2]! };
  const pixels = shape.h * shape.w;
  return pixels === 1 ? { ...x, shape } : moved(x, shape, shape.c, pixels);
}

function softmax(o: Operands): Computation {
  o.expectInputs(1);
  const x = o.reals(0, "nc"), axis = o.int("axis", -1), { c } = x.shape;
  if (axis !== 1 && axis !== -1) o.fail("axis 1", `${axis}`);
  return {
    shape: x.shape,
    form: REALS,
    reads: [x],
    work: 0,
    compute(_, [data]) {
      const logits = realsOf(x, data!), result = new Float32Array(logits.length);
      const powers = new Float64Array(c);
      for (let from = 0; from < logits.length; from += c) {
        let highest = -Infinity, sum = 0;
        for (let i = 0; i < c; i++) highest = Math.max(highest, logits[from + i]!);
        for (let i = 0; i < c; i++) sum += powers[i] = Math.exp(logits[from + i]! - highest);
        for (let i = 0; i < c; i++) result[from + i] = powers[i]! / sum;
      }
      return result;
    },
  };
}
