/**
 * Dropout (Srivastava et al. 2014): in training a value is dropped with probability `rate` and else
 * divided by 1 − rate; in evaluation nothing changes.
 *
 * @module
 */
import { dropoutBackward as dropoutBackwardKernel } from "../../../kernels/dropout_backward/kernel.ts";
import { dropoutForward as dropoutForwardKernel } from "../../../kernels/dropout_forward/kernel.ts";
import { dropoutQuantizer } from "../../../kernels/dropout_quantizer/kernel.ts";
import type { DropoutSpec } from "../../recipe/layers.ts";
import type { Builder } from "../builder.ts";
import { addGradient } from "./gradient.ts";
import { type LayerType, Node, type NodeContext } from "./node.ts";
import { Tensor } from "../tensor.ts";
import { CODE_BYTES, gradientSize, passBytes, sizeOf } from "./traffic.ts";

/** Dropout of a share of the values. */
export const dropout: LayerType<DropoutSpec> = {
  stem: "dropout",
  selfTest: [{ type: "dropout", rate: 0.5 }],
  node: ({ rate }, context) => new DropoutNode(context, rate),
};

/** A dropout layer; in evaluation it changes nothing. */
export class DropoutNode extends Node {
  readonly kind: string;
  /** Which of the network's dropout layers: each has a mask of its own. */
  readonly index: number;

  /** @param rate share that is dropped, 0 ≤ rate < 1 */
  constructor({ name, inputs, index }: NodeContext, readonly rate: number) {
    const [{ h, w, c }] = inputs;
    super(name, inputs, new Tensor(name, h, w, c));
    this.kind = `dropout ${rate}`;
    this.index = index;
  }

  /** Forward copies codes. */
  traffic() {
    const x = sizeOf(this.input), y = sizeOf(this.output), dx = gradientSize(this.input);
    return {
      forward: passBytes(CODE_BYTES * (x + y)),
      backward: passBytes(dx && CODE_BYTES * y, dx),
    };
  }

  forward(b: Builder): void {
    dropoutForward(b, this);
  }

  backward(b: Builder): void {
    dropoutBackward(b, this);
  }
}

function shape(b: Builder, { input: x, rate, index }: DropoutNode) {
  return {
    QUADS: b.options.batch * x.h * x.w * x.quads,
    CQ: x.quads,
    CHANNELS: x.c,
    PIXELS_OF_IMAGE: x.h * x.w,
    LAYER: index,
    RATE: rate,
    FACTOR: 1 / (1 - rate),
  };
}

/**
 * Plans the forward pass. Codes are copied, so the output's quantizer is that of the input with
 * another scale: its row of the table is made from the input's, in training and in evaluation.
 */
function dropoutForward(b: Builder, node: DropoutNode): void {
  const { name, input: x, output: y } = node, s = shape(b, node);
  const buffer = b.buffer(`${y.name}.output`, b.bytesOf(y), "activation");
  const row = b.int8 ? b.computedRow() : x.at.row;
  y.stored = { ...x.at, buffer, row };
  for (const phase of ["train", "eval"] as const) {
    const TRAIN = phase === "train" ? 1 : 0;
    if (b.int8) {
      const constants = { X_ROW: x.at.row, Y_ROW: row, FACTOR: TRAIN ? s.FACTOR : 1 };
      b.step("forward", name, dropoutQuantizer, constants, {}, { phase });
    }
    const constants = { ...s, TRAIN, X_ROW: x.at.row };
    const buffers = { x: x.at.buffer, y: buffer };
    b.step("forward", name, dropoutForwardKernel, constants, buffers, { phase });
  }
}

/** Plans the gradient of the input. */
function dropoutBackward(b: Builder, node: DropoutNode): void {
  const { name, input: x, output } = node, dy = output.gradientAt, s = shape(b, node);
  if (!x.needsGradient) return;
  const { to, constants, buffers } = addGradient(b, x, name);
  b.step(
    "backward",
    name,
    dropoutBackwardKernel,
    {
      ...s,
      ...constants,
      DY_ROW: dy.row,
      DX_ROW: to.row,
    },
    { ...buffers, dy: dy.buffer, dx: to.buffer },
    { output: b.output("dx", to, x) },
  );
}
