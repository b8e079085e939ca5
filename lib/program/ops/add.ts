/**
 * The residual addition, with the ReLU that follows it.
 *
 * @module
 */
import { addForward as addForwardKernel } from "../../../kernels/add_forward/kernel.ts";
import { ModelError } from "../../core/errors.ts";
import type { ResidualSpec } from "../../recipe/layers.ts";
import type { Builder } from "../builder.ts";
import { forwardGradient } from "./gradient.ts";
import { type LayerType, Node, type NodeContext, withActivation } from "./node.ts";
import { ACT, type Act, Tensor } from "../tensor.ts";
import { CODE_BYTES, passBytes, sizeOf } from "./traffic.ts";

/** The sum of a body and its shortcut. */
export const residual: LayerType<ResidualSpec> = {
  stem: "residual",
  node: (_, context) => {
    const { name, inputs: [body, shortcut] } = context;
    if (body.shape !== shortcut?.shape) {
      throw new ModelError(
        `layer ${name}: its body gives ${body.shape} but its shortcut ${shortcut?.shape}; they are ` +
          `added, so they must be the same. Give the shortcut a conv2d with the body's ` +
          `channels and stride`,
      );
    }
    return new AddNode(context);
  },
};

/** An addition of two tensors of one shape. */
export class AddNode extends Node {
  act: "none" | "relu" = "none";

  constructor({ name, inputs }: NodeContext) {
    const [{ h, w, c }] = inputs;
    super(name, inputs, new Tensor(name, h, w, c));
  }

  get other(): Tensor {
    return this.inputs[1]!;
  }

  get kind(): string {
    return withActivation("add", this.act);
  }

  /** Backward moves nothing: its inputs share its gradient. */
  traffic() {
    const forward = passBytes(CODE_BYTES * 2 * sizeOf(this.input), sizeOf(this.output));
    return { forward, backward: passBytes(0) };
  }

  override fuse(act: Act): boolean {
    if (act !== "relu" || this.act !== "none") return false;
    this.act = act;
    return true;
  }

  forward(b: Builder): void {
    addForward(b, this);
  }

  /** Both inputs receive the gradient of the sum as it lies. */
  backward(b: Builder): void {
    forwardGradient(b, this.other, this.output.gradientAt, this.name);
    forwardGradient(b, this.input, this.output.gradientAt, this.name);
  }
}

function addForward(b: Builder, node: AddNode): void {
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
