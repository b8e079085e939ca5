/**
 * An activation that does not follow batch norm or an addition.
 *
 * @module
 */
import { activationForward as activationForwardKernel } from "../../../kernels/activation_forward/kernel.ts";
import type { Builder } from "../builder.ts";
import { forwardGradient } from "./gradient.ts";
import { ACT, type Tensor } from "../tensor.ts";

/** A ReLU or ReLU6 as a layer of its own. */
export interface ActivationNode {
  readonly op: "activation";
  readonly name: string;
  readonly input: Tensor;
  readonly output: Tensor;
  readonly act: "relu" | "relu6";
}

/** Plans the forward pass. */
export function activationForward(b: Builder, node: ActivationNode): void {
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

/** The gradient of the output was masked where it was made; it is that of the input. */
export function activationBackward(b: Builder, node: ActivationNode): void {
  forwardGradient(b, node.input, node.output.gradientAt, node.name);
}
