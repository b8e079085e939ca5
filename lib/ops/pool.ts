/**
 * Max and average pooling; a global pool is a window of the whole image.
 *
 * @module
 */
import type { Builder } from "./builder.ts";
import { grid } from "./grid.ts";
import { contribute } from "./gradient.ts";
import type { Tensor } from "./tensor.ts";

/** A pooling layer. */
export interface PoolNode {
  readonly op: "pool";
  readonly name: string;
  readonly input: Tensor;
  readonly output: Tensor;
  readonly kind: "max" | "avg";
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
}

function shape(b: Builder, { input: x, output: y, kernel, stride, padding }: PoolNode) {
  return {
    V: 1,
    N: b.options.batch,
    H: x.h,
    W: x.w,
    HO: y.h,
    WO: y.w,
    CQ: x.quads,
    CHANNELS: x.c,
    KH: kernel[0],
    KW: kernel[1],
    SH: stride[0],
    SW: stride[1],
    PH: padding[0],
    PW: padding[1],
  };
}

/** Plans the forward pass. */
export function poolForward(b: Builder, node: PoolNode): void {
  const { input: x, output: y, name } = node, s = shape(b, node);
  const groups = grid(Math.ceil(s.N * s.HO * s.WO * s.CQ / 64));
  if (node.kind === "max") {
    // Codes are copied, so the output shares the input's quantizer.
    const buffer = b.buffer(`${y.name}.output`, b.bytesOf(y), "activation");
    y.stored = { ...x.at, buffer };
    b.step("forward", name, "max_pool_forward", groups, s, {
      x: x.at.buffer,
      y: y.stored.buffer,
    });
    return;
  }
  const to = b.store(y, name);
  b.step(
    "forward",
    name,
    "avg_pool_forward",
    groups,
    {
      ...s,
      X_ROW: x.at.row,
      Y_ROW: to.row,
    },
    { x: x.at.buffer },
    { output: b.output("y", to, y) },
  );
}

/** Plans the gradient of the input. */
export function poolBackward(b: Builder, node: PoolNode): void {
  const { input: x, name } = node, dy = node.output.gradientAt;
  if (!x.needsGradient) return;
  const { to, constants, buffers } = contribute(b, x, name);
  const R = node.kind === "max" ? 1 : 4, s = shape(b, node);
  const groups = grid(Math.ceil(s.N * s.H * s.W * s.CQ / (64 * R)));
  b.step("backward", name, `${node.kind}_pool_backward`, groups, {
    ...s,
    ...constants,
    R,
    DY_ROW: dy.row,
    DX_ROW: to.row,
  }, {
    ...buffers,
    ...(node.kind === "max" ? { x: x.at.buffer } : {}),
    dy: dy.buffer,
  }, { output: b.output("dx", to, x) });
}
