/**
 * An activation that does not follow batch norm or an addition.
 *
 * @module
 */
import { activationForward as activationForwardKernel } from "../../../kernels/activation_forward/kernel.ts";
import type { PlainSpec } from "../../recipe/layers.ts";
import type { Builder } from "../builder.ts";
import { forwardGradient } from "./gradient.ts";
import { type LayerType, Node, type NodeContext } from "./node.ts";
import { ACT, Tensor } from "../tensor.ts";
import { CODE_BYTES, passBytes, sizeOf } from "./traffic.ts";

/** The layer of an activation. */
export function activation<A extends "relu" | "relu6">(act: A): LayerType<PlainSpec & { type: A }> {
  return { stem: act, act, node: (_, context) => new ActivationNode(context, act) };
}

/** An activation of its own. */
export class ActivationNode extends Node {
  readonly kind: string;

  constructor({ name, inputs }: NodeContext, readonly act: "relu" | "relu6") {
    const [{ h, w, c }] = inputs;
    super(name, inputs, new Tensor(name, h, w, c));
    this.kind = act;
  }

  /** Backward is counted nowhere: the kernel that makes the gradient masks it. */
  traffic() {
    const forward = passBytes(CODE_BYTES * sizeOf(this.input), sizeOf(this.output));
    return { forward, backward: passBytes(0) };
  }

  forward(b: Builder): void {
    activationForward(b, this);
  }

  /** The gradient of the output was masked where it was made; it is that of the input. */
  backward(b: Builder): void {
    forwardGradient(b, this.input, this.output.gradientAt, this.name);
  }
}

function activationForward(b: Builder, node: ActivationNode): void {
  const { input: x, output } = node;
  const to = b.store(output, node.name);
  // From the input, before clipping: a code of 6 alone would not say on which side it was.
  output.mask = { act: node.act, of: x };
  const QUADS = b.options.batch * x.h * x.w * x.quads;
  b.step(
    "forward",
    node.name,
    activationForwardKernel,
    {
      QUADS,
      CQ: x.quads,
      CHANNELS: x.c,
      ACT: ACT[node.act],
      X_ROW: x.at.row,
      Y_ROW: to.row,
    },
    { x: x.at.buffer, y: to.buffer },
    { output: b.output("y", to, output) },
  );
}
