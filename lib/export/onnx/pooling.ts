/**
 * ONNX's pooling operations.
 *
 * @module
 */
import { type Window, windowOf } from "./convolution.ts";
import { type Flow, holdsCodes, realsOf, type Shape } from "./flow.ts";
import type { Computation, Operands } from "./operands.ts";

/** MaxPool. Of codes it is the maximum code. */
export function maxPool(o: Operands): Computation {
  o.expectInputs(1);
  const x = o.flow(0, "nchw"), window = poolWindow(o, x.shape);
  o.expectInt("storage_order", 0);
  if (x.form.kind === "pixels") o.fail("codes or real values", "images");
  const asCodes = holdsCodes(x);
  return {
    ...pooled(x, window),
    reads: [x],
    form: asCodes ? x.form : { kind: "reals" },
    compute(count, [data]) {
      const from = asCodes ? data as Int8Array : realsOf(x, data!);
      const { c } = x.shape, size = count * window.ho * window.wo * c;
      const result = asCodes
        ? new Int8Array(size).fill(-128)
        : new Float32Array(size).fill(-Infinity);
      eachPixel(x.shape, window, count, (to, pixel) => {
        for (let i = 0; i < c; i++) {
          const v = from[pixel * c + i]!;
          if (v > result[to * c + i]!) result[to * c + i] = v;
        }
      });
      return result;
    },
  };
}

/** AveragePool. */
export function averagePool(o: Operands): Computation {
  o.expectInputs(1);
  const x = o.reals(0, "nchw"), window = poolWindow(o, x.shape);
  return mean(x, window, o.int("count_include_pad", 0) !== 0);
}

/** GlobalAveragePool. */
export function globalAveragePool(o: Operands): Computation {
  o.expectInputs(1);
  const x = o.reals(0, "nchw"), { h, w } = x.shape;
  return mean(x, { kernel: [h, w], stride: [1, 1], top: 0, left: 0, ho: 1, wo: 1 }, true);
}

function poolWindow(o: Operands, shape: Shape): Window {
  o.expectInt("ceil_mode", 0);
  const window = windowOf(o, shape, [0, 0]),
    [top, left, bottom, right] = o.ints("pads", [0, 0, 0, 0] as const);
  const [h, w] = window.kernel;
  if (Math.max(top, bottom) >= h || Math.max(left, right) >= w) {
    o.fail(`pads below the kernel's ${h}×${w}`, `[${[top, left, bottom, right]}]`);
  }
  return window;
}

function pooled({ shape }: Flow, { kernel, ho, wo }: Window) {
  const work = ho * wo * shape.c * kernel[0] * kernel[1];
  return { shape: { ...shape, h: ho, w: wo }, work };
}

/** Sums are in f64 and rounded once, so that they do not depend on their order. */
function mean(x: Flow, window: Window, padded: boolean): Computation {
  const { shape } = x, { c } = shape, { ho, wo, kernel } = window;
  return {
    ...pooled(x, window),
    reads: [x],
    form: { kind: "reals" },
    compute(count, [data]) {
      const from = realsOf(x, data!), sums = new Float64Array(count * ho * wo * c);
      const seen = new Uint32Array(count * ho * wo);
      eachPixel(shape, window, count, (to, pixel) => {
        seen[to]!++;
        for (let i = 0; i < c; i++) sums[to * c + i]! += from[pixel * c + i]!;
      });
      const result = new Float32Array(sums.length), area = kernel[0] * kernel[1];
      for (let at = 0; at < result.length; at++) {
        result[at] = sums[at]! / (padded ? area : seen[Math.floor(at / c)]!);
      }
      return result;
    },
  };
}

/** Calls `each` with every output pixel and each input pixel of its window. */
function eachPixel(
  { h, w }: Shape,
  { kernel, stride, top, left, ho, wo }: Window,
  count: number,
  each: (to: number, from: number) => void,
): void {
  for (let to = 0; to < count * ho * wo; to++) {
    const image = Math.floor(to / (ho * wo));
    const y0 = Math.floor(to / wo) % ho * stride[0] - top, x0 = to % wo * stride[1] - left;
    const y1 = Math.min(y0 + kernel[0], h), x1 = Math.min(x0 + kernel[1], w);
    for (let y = Math.max(y0, 0); y < y1; y++) {
      for (let x = Math.max(x0, 0); x < x1; x++) each(to, (image * h + y) * w + x);
    }
  }
}
