/**
 * Batch norm with the activation that follows it.
 *
 * @module
 */
import { channelSums } from "../../../kernels/channel_sums/kernel.ts";
import { normBackward as normBackwardKernel } from "../../../kernels/norm_backward/kernel.ts";
import { normBackwardCoefficients } from "../../../kernels/norm_backward_coefficients/kernel.ts";
import { normBackwardSums } from "../../../kernels/norm_backward_sums/kernel.ts";
import { normCoefficients } from "../../../kernels/norm_coefficients/kernel.ts";
import { normForward as normForwardKernel } from "../../../kernels/norm_forward/kernel.ts";
import { normRunningCoefficients } from "../../../kernels/norm_running_coefficients/kernel.ts";
import { ModelError } from "../../core/errors.ts";
import type { BatchNormSpec } from "../../recipe/layers.ts";
import type { Builder } from "../builder.ts";
import { addGradient } from "./gradient.ts";
import { type LayerType, Node, type NodeContext, withActivation } from "./node.ts";
import { ACT, type Act, Tensor } from "../tensor.ts";
import { CODE_BYTES, gradientSize, passBytes, sizeOf } from "./traffic.ts";

/** Batch norm per channel. */
export const batchNorm: LayerType<BatchNormSpec> = {
  stem: "norm",
  node: ({ momentum, epsilon }, context) => new NormNode(context, momentum, epsilon),
};

/** A batch norm layer. Frozen, it normalizes with running statistics that stay. */
export class NormNode extends Node {
  act: Act = "none";
  /** Tiles of sums where its producer makes the sums; else a kernel of its own makes them. */
  tiles: number | undefined;

  constructor({ name, inputs }: NodeContext, readonly momentum: number, readonly epsilon: number) {
    const [{ h, w, c }] = inputs;
    super(name, inputs, new Tensor(name, h, w, c));
  }

  get kind(): string {
    return withActivation("batch_norm", this.act);
  }

  override get parameters(): number {
    return 2 * this.output.c;
  }

  /** Backward reads gradient and input twice: for its sums, and for the gradient of the input. */
  traffic() {
    const x = sizeOf(this.input), y = sizeOf(this.output), dx = gradientSize(this.input);
    return {
      forward: passBytes(CODE_BYTES * x, y),
      backward: passBytes(CODE_BYTES * (y + x) * (dx > 0 ? 2 : 1), dx),
    };
  }

  override fuse(act: Act): boolean {
    if (this.act !== "none") return false;
    this.act = act;
    return true;
  }

  forward(b: Builder): void {
    normForward(b, this);
  }

  backward(b: Builder): void {
    normBackward(b, this);
  }
}

/** Values per channel in a batch: N·Σ(q−z)² must fit 64 bits. */
const MAX_VALUES = 8_388_608;
/** Pixels in a chunk of sums: a function of the shape alone, 33,000·255² < 2³¹. */
const chunkOf = (pixels: number) => Math.min(32768, Math.max(64, Math.ceil(pixels / 1024)));

/** The buffer of per-channel sums. */
export function sumsBuffer(name: string): string {
  return `${name}.sums`;
}

/** Plans parameters, coefficients and the forward pass. */
function normForward(b: Builder, node: NormNode): void {
  const { name, input: x, output } = node;
  const pixels = b.options.batch * x.h * x.w, channels = 4 * x.quads;
  if (pixels > MAX_VALUES && !node.frozen) {
    throw new ModelError(
      `layer ${name}: batch norm over ${pixels} values a channel; at most ${MAX_VALUES} can be summed ` +
        `exactly. Use a smaller batch`,
    );
  }
  const coefficients = b.buffer(`${name}.coefficients`, 8 * 4 * channels, "parameter");
  const running = b.buffer(`${name}.running`, 8 * channels, "parameter");
  b.norms.push({ layer: name, channels: x.c });
  const kept = node.frozen ? { frozen: true } : {};
  b.parameter(
    { name: `${name}.affine`, layer: name, role: "norm", dims: [2, x.c, 1, 1], ...kept },
    2 * channels,
  );
  const constants = { CHANNELS: channels, EPSILON: node.epsilon };
  const buffers = { affine: `${name}.affine`, running, coefficients };
  if (!node.frozen) batchStatistics(b, node, constants, buffers);
  b.step(
    "forward",
    name,
    normRunningCoefficients,
    constants,
    buffers,
    node.frozen ? {} : { phase: "eval" },
  );
  const to = b.store(output, name);
  b.step(
    "forward",
    name,
    normForwardKernel,
    {
      PIXELS: pixels,
      CHANNELS: x.c,
      ACT: ACT[node.act],
      Y_ROW: x.at.row,
      A_ROW: to.row,
    },
    { y: x.at.buffer, coefficients, output: to.buffer },
    { output: b.output("output", to, output) },
  );
}

/** Plans the sums over the batch, where the producer does not compute them, and the coefficients. */
function batchStatistics(
  b: Builder,
  node: NormNode,
  constants: { readonly CHANNELS: number; readonly EPSILON: number },
  buffers: Readonly<Record<"affine" | "running" | "coefficients", string>>,
): void {
  const { name, input: x } = node, channels = constants.CHANNELS;
  const pixels = b.options.batch * x.h * x.w;
  const chunk = chunkOf(pixels), tiles = node.tiles ?? Math.ceil(pixels / chunk);
  const sums = b.buffer(sumsBuffer(name), 8 * tiles * channels, "scratch");
  if (node.tiles === undefined) {
    b.step(
      "forward",
      name,
      channelSums,
      {
        CQ: x.quads,
        PIXELS: pixels,
        CHUNKS: tiles,
        CHUNK: chunk,
        Y_ROW: x.at.row,
      },
      { y: x.at.buffer, sums },
      { phase: "train" },
    );
  }
  if (b.int8) b.buffer(`${name}.total`, 4 * channels, "scratch");
  b.step(
    "forward",
    name,
    normCoefficients,
    {
      ...constants,
      PIXELS: pixels,
      TILES: tiles,
      CHUNK: chunk,
      MOMENTUM: node.momentum,
      KEPT: 1 - node.momentum,
      Y_ROW: x.at.row,
    },
    { ...buffers, sums, total: `${name}.total` },
    { phase: "train" },
  );
}

/** Plans the gradients of gamma, beta and the input. */
function normBackward(b: Builder, node: NormNode): void {
  const { name, input: x, output } = node;
  const da = output.gradientAt, y = x.at;
  const pixels = b.options.batch * x.h * x.w, channels = 4 * x.quads;
  const coefficients = `${name}.coefficients`;
  const rows = { DA_ROW: da.row, Y_ROW: y.row };
  if (!node.frozen) {
    b.scalesRate(name, da);
    const CHUNK = chunkOf(pixels), CHUNKS = Math.ceil(pixels / CHUNK);
    const sums = b.buffer(`${name}.backward_sums`, 8 * CHUNKS * channels, "scratch");
    b.step("backward", name, normBackwardSums, {
      ...rows,
      CQ: x.quads,
      PIXELS: pixels,
      CHUNKS,
      CHUNK,
      ACT: ACT[node.act],
    }, { da: da.buffer, y: y.buffer, coefficients, sums });
    b.step("backward", name, normBackwardCoefficients, {
      ...rows,
      CHANNELS: channels,
      PIXELS: pixels,
      CHUNKS,
    }, { sums, total: `${name}.total`, coefficients, gradient: `${name}.affine.gradient` });
  }
  if (!x.needsGradient) return;
  const { to, constants, buffers } = addGradient(b, x, name);
  b.step(
    "backward",
    name,
    normBackwardKernel,
    {
      ...constants,
      ...rows,
      PIXELS: pixels,
      CHANNELS: x.c,
      ACT: ACT[node.act],
      FROZEN: node.frozen ? 1 : 0,
      DY_ROW: to.row,
    },
    { ...buffers, da: da.buffer, y: y.buffer, coefficients, output: to.buffer },
    { output: b.output("output", to, x) },
  );
}
