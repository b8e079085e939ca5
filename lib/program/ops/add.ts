/**
 * The residual addition, with the ReLU behind it.
 *
 * @module
 */
import { addForward as addForwardKernel } from "../../../kernels/add_forward/kernel.ts";
import type { Builder } from "../builder.ts";
import { forwardGradient } from "./gradient.ts";
import { ACT, type Tensor } from "../tensor.ts";

/** An addition of two tensors of one shape. */
export interface AddNode {
  readonly op: "add";
  readonly name: string;
  readonly input: Tensor;
  readonly other: Tensor;
  readonly output: Tensor;
  act: "none" | "relu";
}

/** Plans the forward pass. */
export function addForward(b: Builder, node: AddNode): void {
  const { input, other, output } = node;
  const to = b.store(output, node.name);
  // ReLU passes a gradient where the stored code is above the zero point.
  if (node.act === "relu") output.mask = { act: "relu", of: output };
  const PIXELS = b.options.batch * input.h * input.w;
  b.step(
    "forward",
    node.name,
    addForwardKernel,
    {
      PIXELS,
      CHANNELS: input.c,
      ACT: ACT[node.act],
      A_ROW: input.at.row,
      B_ROW: other.at.row,
      Y_ROW: to.row,
    },
    { a: input.at.buffer, b: other.at.buffer, output: to.buffer },
    { output: b.output("output", to, output) },
  );
}

/** Both inputs receive the gradient of the sum as it lies. */
export function addBackward(b: Builder, node: AddNode): void {
  forwardGradient(b, node.other, node.output.gradientAt, node.name);
  forwardGradient(b, node.input, node.output.gradientAt, node.name);
}
