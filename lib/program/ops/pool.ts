/**
 * Max and average pooling; a global pool is a window of the whole image.
 *
 * @module
 */
import type { Builder } from "../builder.ts";
import { grid } from "./grid.ts";
import { addGradient } from "./gradient.ts";
import { windowConstants, type Windowed } from "./window.ts";

/** A pooling layer. */
export interface PoolNode extends Windowed {
  readonly op: "pool";
  readonly name: string;
  readonly kind: "max" | "avg";
}

/** Plans the forward pass. */
export function poolForward(b: Builder, node: PoolNode): void {
  const { input: x, output: y, name } = node, s = windowConstants(b, node);
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
  const { to, constants, buffers } = addGradient(b, x, name);
  const R = node.kind === "max" ? 1 : 4, s = windowConstants(b, node);
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
