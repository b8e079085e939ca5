/**
 * Max and average pooling; a global pool is a window of the whole image.
 *
 * @module
 */
import { avgPoolBackward } from "../../../kernels/avg_pool_backward/kernel.ts";
import { avgPoolForward } from "../../../kernels/avg_pool_forward/kernel.ts";
import { maxPoolBackward } from "../../../kernels/max_pool_backward/kernel.ts";
import { maxPoolForward } from "../../../kernels/max_pool_forward/kernel.ts";
import { ModelError } from "../../core/errors.ts";
import type { Pair } from "../../recipe/fields.ts";
import type { PlainSpec, PoolSpec } from "../../recipe/layers.ts";
import type { Builder } from "../builder.ts";
import { addGradient } from "./gradient.ts";
import { type LayerType, Node, type NodeContext } from "./node.ts";
import { Tensor } from "../tensor.ts";
import { CODE_BYTES, gradientSize, passBytes, sizeOf } from "./traffic.ts";
import { slidingSize, windowConstants, type Windowed, windowText } from "./window.ts";

/** Max or average pooling over windows. */
export const pool: LayerType<PoolSpec> = {
  stem: "pool",
  node: (layer, context) => {
    const { name, inputs: [x] } = context, { kernel, padding } = layer;
    const [h, w] = slidingSize(name, x, layer);
    if (2 * padding[0] > kernel[0] || 2 * padding[1] > kernel[1]) {
      throw new ModelError(
        `layer ${name}: padding ${padding.join("×")} is more than half of the kernel ` +
          `${kernel.join("×")}, so some windows would see padding alone; use less padding`,
      );
    }
    const kind = layer.type === "max_pool" ? "max" : "avg";
    return new PoolNode(context, new Tensor(name, h, w, x.c), kind, layer);
  },
};

/** The mean of the whole image. */
export const globalAvgPool: LayerType<PlainSpec & { type: "global_avg_pool" }> = {
  stem: "pool",
  node: (_, context) => {
    const { name, inputs: [x] } = context, kernel: Pair = [x.h, x.w];
    const output = new Tensor(name, 1, 1, x.c);
    return new PoolNode(context, output, "avg", { kernel, stride: kernel, padding: [0, 0] });
  },
};

/** A pooling layer. */
export class PoolNode extends Node implements Windowed {
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly padding: Pair;

  constructor(
    { name, inputs }: NodeContext,
    output: Tensor,
    readonly mode: "max" | "avg",
    { kernel, stride, padding }: Pick<Windowed, "kernel" | "stride" | "padding">,
  ) {
    super(name, inputs, output);
    this.kernel = kernel;
    this.stride = stride;
    this.padding = padding;
  }

  get kind(): string {
    const { mode, kernel: [h, w], input } = this;
    const global = mode === "avg" && h === input.h && w === input.w;
    return global ? "global_avg_pool" : `${mode}_pool ${windowText(this)}`;
  }

  /** A max pool copies codes. */
  traffic() {
    const x = sizeOf(this.input), y = sizeOf(this.output), dx = gradientSize(this.input);
    const max = this.mode === "max";
    return {
      forward: max ? passBytes(CODE_BYTES * (x + y)) : passBytes(CODE_BYTES * x, y),
      backward: passBytes(dx && CODE_BYTES * (max ? y + x : y), dx),
    };
  }

  forward(b: Builder): void {
    poolForward(b, this);
  }

  backward(b: Builder): void {
    poolBackward(b, this);
  }
}

/** Plans the forward pass. */
function poolForward(b: Builder, node: PoolNode): void {
  const { input: x, output: y, name } = node, s = windowConstants(b, node);
  if (node.mode === "max") {
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
function poolBackward(b: Builder, node: PoolNode): void {
  const { input: x, name } = node, dy = node.output.gradientAt;
  if (!x.needsGradient) return;
  const { to, constants, buffers } = addGradient(b, x, name);
  const rows = { DY_ROW: dy.row, DX_ROW: to.row };
  const all = { ...windowConstants(b, node), ...constants, ...rows };
  const bound = { ...buffers, dy: dy.buffer, dx: to.buffer };
  const output = b.output("dx", to, x);
  if (node.mode === "avg") b.step("backward", name, avgPoolBackward, all, bound, { output });
  else {
    const own = { ...bound, x: x.at.buffer };
    b.step("backward", name, maxPoolBackward, all, own, { output });
  }
}
