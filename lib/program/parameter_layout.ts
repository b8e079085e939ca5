/**
 * Converts parameters between two layouts: *padded*, that of buffers ([4·OQ, taps, 4·IQ], channels padded
 * with zeros; depthwise [taps, 4·CQ]), and *named*, that of files: PyTorch's names and shapes.
 *
 * @module
 */
import type { ParameterSpec } from "./program.ts";
import { draw, key } from "../data/counter_rng.ts";

/** A tensor in a file. */
export interface NamedTensor {
  /** Its name, e.g. `conv1.weight`. */
  readonly name: string;
  /** Its shape in PyTorch. */
  readonly shape: readonly number[];
  /** Its values, row-major. */
  readonly data: Float32Array<ArrayBuffer>;
}

const pad = (n: number) => Math.ceil(n / 4) * 4;

/** Returns the number of values in the padded buffer. */
export function paddedSize({ role, dims: [o, i, h, w], depthwise }: ParameterSpec): number {
  if (role === "norm") return 2 * pad(i);
  if (depthwise) return h * w * pad(o);
  return role === "bias" ? pad(o) : pad(o) * h * w * pad(i);
}

/** Returns the number of trainable values. */
export function count({ dims: [o, i, h, w] }: ParameterSpec): number {
  return o * i * h * w;
}

/** Returns a parameter's names and shapes in a file, and the padded index of each of its values. */
function entries(
  spec: ParameterSpec,
): { name: string; shape: number[]; at: (index: number) => number }[] {
  const [o, i, h, w] = spec.dims;
  if (spec.role === "bias") return [{ name: spec.name, shape: [o], at: (index) => index }];
  if (spec.role === "norm") {
    return ["weight", "bias"].map((part, k) => ({
      name: `${spec.layer}.${part}`,
      shape: [i],
      at: (index) => k * pad(i) + index,
    }));
  }
  // [o, i, h, w] row-major → ((o·taps + tap)·inputs + i); a linear layer's h and w join its inputs,
  // in the order in which PyTorch flattens.
  const taps = h * w;
  const at = (index: number) => {
    if (spec.depthwise) return index % taps * pad(o) + Math.floor(index / taps);
    const tap = index % taps, channel = Math.floor(index / taps) % i;
    return (Math.floor(index / (taps * i)) * taps + tap) * pad(i) + channel;
  };
  return [{ name: spec.name, shape: spec.linear ? [o, i * taps] : [o, i, h, w], at }];
}

/** Returns names and shapes of a parameter's tensors in a file. */
export function namedShapes(spec: ParameterSpec): { name: string; shape: number[] }[] {
  return entries(spec).map(({ name, shape }) => ({ name, shape }));
}

/** Converts a padded buffer to a parameter's tensors in a file. */
export function toNamed(spec: ParameterSpec, padded: Float32Array): NamedTensor[] {
  return entries(spec).map(({ name, shape, at }) => {
    const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
    for (let index = 0; index < data.length; index++) data[index] = padded[at(index)]!;
    return { name, shape, data };
  });
}

/**
 * Converts a parameter's tensors in a file to its padded buffer.
 *
 * @param find returns the file's tensor of the given name and shape
 */
export function fromNamed(
  spec: ParameterSpec,
  find: (name: string, shape: readonly number[]) => Float32Array,
): Float32Array<ArrayBuffer> {
  const padded = new Float32Array(paddedSize(spec));
  for (const { name, shape, at } of entries(spec)) {
    const data = find(name, shape);
    for (let index = 0; index < data.length; index++) padded[at(index)] = data[index]!;
  }
  return padded;
}

/**
 * Returns initial values: weights of convolutions from a normal distribution with variance 2/fan-in (He et
 * al. 2015), of linear layers uniform in ±1/√fan-in, biases 0, norms 1 and 0.
 *
 * @param seed seed of the run; each parameter has its own random stream
 */
export function initialValues(
  spec: ParameterSpec,
  seed: number,
  index: number,
): Float32Array<ArrayBuffer> {
  const [, i, h, w] = spec.dims, fanIn = i * h * w;
  const stream = key(0x696e6974, seed, index);
  const uniform = (n: number) => (draw(stream, n) + 0.5) / 2 ** 32;
  const normal = (n: number) =>
    Math.sqrt(-2 * Math.log(uniform(2 * n))) * Math.cos(2 * Math.PI * uniform(2 * n + 1));
  return fromNamed(spec, (name, shape) => {
    const values = new Float32Array(shape.reduce((a, b) => a * b, 1));
    if (spec.role === "norm") return values.fill(name.endsWith(".weight") ? 1 : 0);
    if (spec.role === "bias") return values;
    return values.map((_, n) =>
      spec.linear ? (2 * uniform(n) - 1) / Math.sqrt(fanIn) : normal(n) * Math.sqrt(2 / fanIn)
    );
  });
}
