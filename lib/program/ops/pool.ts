/**
 * Max and average pooling; a global pool is a window of the whole image.
 *
 * @module
 */
import { avgPoolBackward } from "../../../kernels/avg_pool_backward/kernel.ts";
import { avgPoolForward } from "../../../kernels/avg_pool_forward/kernel.ts";
import { maxPoolBackward } from "../../../kernels/max_pool_backward/kernel.ts";
import { maxPoolForward } from "../../../kernels/max_pool_forward/kernel.ts";
import type { Builder } from "../builder.ts";
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
  if (node.kind === "max") {
    // Codes are copied, so the output shares the input's quantizer.
    const buffer = b.buffer(`${y.name}.output`, b.bytesOf(y), "activation");
    y.stored = { ...x.at, buffer };
    b.step("forward", name, maxPoolForward, s, {
      x: x.at.buffer,
      y: y.stored.buffer,
    });
    return;
  }
  const to = b.store(y, name);
  b.step(
    "forward",
    name,
    avgPoolForward,
    {
      ...s,
      X_ROW: x.at.row,
      Y_ROW: to.row,
    },
    { x: x.at.buffer, y: to.buffer },
    { output: b.output("y", to, y) },
  );
}

/** Plans the gradient of the input. */
export function poolBackward(b: Builder, node: PoolNode): void {
  const { input: x, name } = node, dy = node.output.gradientAt;
  if (!x.needsGradient) return;
  const { to, constants, buffers } = addGradient(b, x, name);
  const rows = { DY_ROW: dy.row, DX_ROW: to.row };
  const all = { ...windowConstants(b, node), ...constants, ...rows };
  const bound = { ...buffers, dy: dy.buffer, dx: to.buffer };
  const output = b.output("dx", to, x);
  if (node.kind === "avg") b.step("backward", name, avgPoolBackward, all, bound, { output });
  else {
    const own = { ...bound, x: x.at.buffer };
    b.step("backward", name, maxPoolBackward, all, own, { output });
  }
}
