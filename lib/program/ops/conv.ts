/**
 * Convolution, and the linear layer as the 1×1 convolution of one wide pixel.
 *
 * @module
 */
import { MIN_TILE_PIXELS } from "../../../kernels/include/conv_tiles.ts";
import { convBackwardInput } from "../../../kernels/conv_backward_input/kernel.ts";
import { convBackwardWeight } from "../../../kernels/conv_backward_weight/kernel.ts";
import { convForward as convForwardKernel } from "../../../kernels/conv_forward/kernel.ts";
import { packWeights } from "../../../kernels/pack_weights/kernel.ts";
import { perChannelWeightRange } from "../../../kernels/per_channel_weight_range/kernel.ts";
import { reduceWeightGradient } from "../../../kernels/reduce_weight_gradient/kernel.ts";
import { weightSums } from "../../../kernels/weight_sums/kernel.ts";
import { ModelError } from "../../core/errors.ts";
import type { Conv2dSpec, LinearSpec, Pair } from "../../recipe/types.ts";
import type { Builder } from "../builder.ts";
import type { StepOutput } from "../program.ts";
import { addGradient } from "./gradient.ts";
import { depthwiseBackward, depthwiseForward } from "./depthwise.ts";
import { type LayerType, Node, type NodeContext } from "./node.ts";
import { NormNode, sumsBuffer } from "./norm.ts";
import { type Shard, shardsOf } from "../shards.ts";
import { Tensor } from "../tensor.ts";
import {
  ACCUMULATOR_BYTES,
  CODE_BYTES,
  gradientSize,
  passBytes,
  sizeOf,
  sumBytes,
} from "./traffic.ts";
import { slidingSize, type Windowed, windowText } from "./window.ts";

/** A convolution; with as many groups as channels, a depthwise one. */
export const conv2d: LayerType<Conv2dSpec> = {
  stem: "conv",
  node: (layer, context) => {
    const { name, inputs: [x] } = context, { channels, groups } = layer;
    const [h, w] = slidingSize(name, x, layer);
    for (const [what, count] of [["input", x.c], ["output", channels]] as const) {
      if (count % groups === 0) continue;
      throw new ModelError(
        `layer ${name}: expected its ${count} ${what} channels to be a multiple of its groups, got ` +
          `${groups} groups; for a depthwise convolution, groups and channels are both ${x.c}`,
      );
    }
    return new ConvNode(context, new Tensor(name, h, w, channels), layer, { linear: false });
  },
};

/** A fully connected layer over all of an image. */
export const linear: LayerType<LinearSpec> = {
  stem: "linear",
  node: ({ features, bias }, context) => {
    const { name, inputs: [{ h, w }] } = context;
    const window = { kernel: [h, w], stride: [1, 1], padding: [0, 0], groups: 1, bias } as const;
    return new ConvNode(context, new Tensor(name, 1, 1, features), window, { linear: true });
  },
};

/** A convolution or linear layer. Frozen, it keeps its weight and bias. */
export class ConvNode extends Node implements Windowed {
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
  /** Groups of channels that do not see each other. */
  readonly groups: number;
  readonly bias: boolean;
  /** Reads its input as one pixel of h·w·c channels. */
  readonly linear: boolean;
  /** Its output is the logits: real f32 values instead of codes. */
  logits = false;

  constructor(
    { name, inputs }: NodeContext,
    output: Tensor,
    { kernel, stride, padding, groups, bias }: Omit<Conv2dSpec, "type" | "name" | "channels">,
    { linear }: { readonly linear: boolean },
  ) {
    super(name, inputs, output);
    this.kernel = kernel;
    this.stride = stride;
    this.padding = padding;
    this.groups = groups;
    this.bias = bias;
    this.linear = linear;
  }

  get kind(): string {
    const { groups, input } = this;
    if (this.linear) return "linear";
    const grouped = groups === input.c ? " depthwise" : `, ${groups} groups`;
    return `conv2d ${windowText(this)}${groups === 1 ? "" : grouped}`;
  }

  override get shape(): string {
    const { input: x, output: y } = this;
    if (this.linear) return `${x.h * x.w * x.c}→${y.c}`;
    return this.groups > 1 ? super.shape : `${x.c}→${super.shape}`;
  }

  override get parameters(): number {
    return this.#weights + (this.bias ? this.output.c : 0);
  }

  /** Outputs, inputs that each of them sees, kernel height and width; a linear layer's is its input. */
  override get weightDims() {
    const { input, output, kernel, groups } = this;
    return [output.c, input.c / groups, kernel[0], kernel[1]] as const;
  }

  get #weights(): number {
    return this.weightDims.reduce((a, b) => a * b);
  }

  override get products(): number {
    return this.#weights * this.output.h * this.output.w;
  }

  /** Whether every channel is convolved by itself. */
  get depthwise(): boolean {
    const { input, output, groups } = this;
    return groups > 1 && groups === input.c && groups === output.c;
  }

  traffic() {
    const x = sizeOf(this.input), y = sizeOf(this.output), dx = gradientSize(this.input);
    const weights = this.#weights;
    return {
      forward: passBytes(CODE_BYTES * (x + weights), y),
      backward: sumBytes([
        passBytes(dx && CODE_BYTES * (y + weights), dx),
        passBytes(CODE_BYTES * (y + x) + ACCUMULATOR_BYTES * weights),
      ]),
    };
  }

  /** A convolution before a norm makes the norm's sums on the way out. */
  forward(b: Builder, next: Node | undefined): void {
    const { name, input, output, groups } = this;
    if (groups !== 1 && !this.depthwise) {
      throw new ModelError(
        `layer ${name}: expected groups: 1, or groups: ${input.c} with channels: ` +
          `${input.c} (depthwise), got groups: ${groups} with channels: ${output.c}; ` +
          "other groups can be counted (qtrain traffic) but not trained",
      );
    }
    const norm = next instanceof NormNode && next.input === this.output && !next.frozen
      ? next
      : undefined;
    const plan = this.depthwise ? depthwiseForward : convForward;
    const tiles = plan(b, this, norm && sumsBuffer(norm.name));
    if (norm) norm.tiles = tiles;
  }

  backward(b: Builder): void {
    if (this.depthwise) depthwiseBackward(b, this);
    else convBackward(b, this);
  }
}

/** Pixels in a chunk of a weight gradient: 32,768·128² < 2³¹. */
const MAX_PIXELS = 32768;
/** Pixels in such a chunk at least, where there are as many. */
const MIN_PIXELS = 64;
/** Threads that a weight gradient is split into at least, where its size allows. */
const ENOUGH_THREADS = 8192;
/** Products in a sum: 66,000·255·127 < 2³¹. */
const MAX_PRODUCTS = 66000;

/** The layer's numbers in the names of the kernels' constants. */
function shape(b: Builder, node: ConvNode) {
  const { input: x, output: y, linear } = node;
  const [KH, KW] = linear ? [1, 1] : node.kernel;
  const [SH, SW] = linear ? [1, 1] : node.stride;
  const [PH, PW] = linear ? [0, 0] : node.padding;
  const IQ = linear ? x.h * x.w * x.quads : x.quads;
  return {
    N: b.options.batch,
    H: linear ? 1 : x.h,
    W: linear ? 1 : x.w,
    HO: y.h,
    WO: y.w,
    OQ: y.quads,
    IQ,
    KH,
    KW,
    SH,
    SW,
    PH,
    PW,
  };
}

/** Parts of a layer's weights that have buffers of their own; nearly always one, the whole. */
function weightParts(b: Builder, node: ConvNode): Shard[] {
  const { CHUNKS, s } = chunked(b, node);
  return shardsOf(s.OQ, CHUNKS * 64 * s.KH * s.KW * s.IQ, b.options.mostBytes);
}

/** Parts of the copies that convolutions read: codes are whole. */
function packedParts(b: Builder, node: ConvNode): Shard[] {
  return b.int8 ? [{ suffix: "", first: 0, quads: node.output.quads }] : weightParts(b, node);
}

/**
 * Plans the weights and the forward pass.
 *
 * @param sumsFor the buffer of batch norm's sums over the output, where a norm follows
 * @returns tiles of those sums, where the epilogue makes them: where the codes are made; else the
 * norm makes them
 */
function convForward(b: Builder, node: ConvNode, sumsFor?: string): number | undefined {
  const { name, input, output } = node, s = shape(b, node);
  const TAPS = s.KH * s.KW, quad = 16 * TAPS * s.IQ, size = s.OQ * quad;
  const parts = weightParts(b, node), packed = packedParts(b, node);
  // The gradient of the input sums over taps and outputs.
  const products = 4 * TAPS * Math.max(s.IQ, input.needsGradient ? s.OQ : 0);
  if (b.int8 && products > MAX_PRODUCTS) {
    throw new ModelError(
      `layer ${name}: a sum of ${products} products may overflow 32 bits; int8 takes at most ` +
        `${MAX_PRODUCTS}. Use fewer channels, a smaller kernel, or arithmetic: float32`,
    );
  }
  const weightRow = b.weightRows.get(name), W_ROW = weightRow ?? 0;
  const quantized = weightRow !== undefined;
  const perChannel = quantized && b.options.quantizing("weight", name)!.perChannel;
  if (perChannel && b.int8) {
    throw new ModelError(
      `layer ${name}: expected weights with per_channel: false, as in int8 only depthwise layers may ` +
        "have a range for each channel (the gradient of the input of any other sums over output " +
        "channels, so their scales cannot leave the int32 sum), got true; name the depthwise layers " +
        "in quantize.layers, or use arithmetic: simulated",
    );
  }
  const linear = node.linear, kept = node.frozen ? { frozen: true } : {};
  b.parameter(
    {
      name: `${name}.weight`,
      layer: name,
      role: "weight",
      dims: node.weightDims,
      linear,
      ...kept,
      ...(quantized ? { quantizer: W_ROW } : {}),
    },
    size,
    parts,
  );
  if (node.bias) {
    const spec = { name: `${name}.bias`, layer: name, role: "bias", ...kept } as const;
    b.parameter({ ...spec, dims: [output.c, 1, 1, 1] }, 4 * s.OQ);
  }

  const BACKWARD = input.needsGradient ? 1 : 0;
  for (const { suffix, quads } of packed) {
    const bytes = quads * quad / 4 * b.quadBytes;
    if (quantized) b.buffer(`${name}.forward${suffix}`, bytes, "parameter");
    if (BACKWARD) b.buffer(`${name}.backward${suffix}`, bytes, "parameter");
  }
  const forward = (suffix: string) => `${name}.${quantized ? "forward" : "weight"}${suffix}`;
  const backward = (suffix: string) => BACKWARD ? { backward: `${name}.backward${suffix}` } : {};
  for (const { suffix, first, quads } of parts) {
    const weight = `${name}.weight${suffix}`;
    const channels = perChannel
      ? { channels: b.buffer(`${name}.channels${suffix}`, 32 * quads, "parameter") }
      : {};
    if (channels.channels) {
      b.step("weights", name, perChannelWeightRange, {
        OQ: quads,
        SIZE: TAPS * s.IQ,
        W_ROW,
      }, { weight, channels: channels.channels });
    }
    if (quantized || BACKWARD) {
      const whole = packed.length === 1, to = whole ? "" : suffix;
      b.step("weights", name, packWeights, {
        QUANTIZED: quantized ? 1 : 0,
        PER_CHANNEL: perChannel ? 1 : 0,
        BACKWARD,
        OQ: quads,
        ALL: whole ? s.OQ : quads,
        FIRST: whole ? first : 0,
        IQ: s.IQ,
        TAPS,
        W_ROW,
      }, { weight, forward: forward(to), ...backward(to), ...channels });
    }
  }
  if (b.int8) {
    b.buffer(`${name}.forward_sum`, 16 * s.OQ, "parameter");
    const sums = { forward_sum: `${name}.forward_sum` };
    const backwardSums = BACKWARD
      ? {
        backward_sum: b.buffer(`${name}.backward_sum`, 16 * s.SH * s.SW * s.IQ, "parameter"),
      }
      : {};
    b.step("weights", name, weightSums, { ...s, BACKWARD }, {
      forward: forward(""),
      ...sums,
      ...backward(""),
      ...backwardSums,
    });
  }

  const PIXELS = s.N * s.HO * s.WO;
  const y = node.logits
    ? {
      buffer: b.buffer(`${output.name}.output`, 16 * PIXELS * s.OQ, "activation"),
      row: 0,
      quantized: false,
      stochastic: false,
    }
    : b.store(output, name);
  output.stored = y;
  const sums = sumsFor !== undefined && b.int8 && b.isOnePass(y) ? sumsFor : undefined;
  const TILES = Math.ceil(PIXELS / MIN_TILE_PIXELS);
  for (const part of packed) {
    b.step("forward", name, convForwardKernel, {
      ...s,
      QUADS: part.quads,
      FIRST: part.first,
      PIXELS,
      TILES,
      CHANNELS: output.c,
      BIAS: node.bias ? 1 : 0,
      LOGITS: node.logits ? 1 : 0,
      SUMS: sums ? 1 : 0,
      X_ROW: input.at.row,
      W_ROW,
      Y_ROW: y.row,
    }, {
      x: input.at.buffer,
      weight: forward(part.suffix),
      row_sum: `${name}.forward_sum`,
      bias: `${name}.bias`,
      y: y.buffer,
      ...(sums ? { sums } : {}),
    }, {
      output: b.output("y", y, output, partOf(packed, part)),
    });
  }
  return sums === undefined ? undefined : TILES;
}

/** Which part of a tensor the step of a shard makes; absent: all of it. */
function partOf(shards: readonly Shard[], shard: Shard): StepOutput["part"] {
  if (shards.length === 1) return undefined;
  return shard === shards[0] ? "first" : shard === shards.at(-1) ? "last" : "middle";
}

/** Plans the gradients of weight, bias and input. */
function convBackward(b: Builder, node: ConvNode): void {
  const { name, input, output } = node, s = shape(b, node);
  const dy = output.gradientAt;
  if (!node.frozen) {
    b.scalesRate(name, dy);
    weightGradient(b, node);
  }
  if (!input.needsGradient) return;
  const { to, constants, buffers } = addGradient(b, input, name);
  const parts = packedParts(b, node);
  // What parts of the outputs come to goes from one of two buffers to the other, in f32.
  const sums = parts.slice(1, 3).map((_, i) =>
    b.buffer(`${name}.dx.${i}`, b.bytesOf(input), "scratch")
  );
  for (const [i, { suffix, first, quads }] of parts.entries()) {
    const last = i === parts.length - 1;
    b.step("backward", name, convBackwardInput, {
      ...s,
      ...(last ? constants : { ADDEND: 0, ADDEND_ROW: 0, MASK: 0, MASK_ROW: 0 }),
      BEFORE: i > 0 ? 1 : 0,
      QUADS: quads,
      FIRST: first,
      GQ: input.quads,
      CHANNELS: input.c,
      DY_ROW: dy.row,
      W_ROW: b.weightRows.get(name) ?? 0,
      DX_ROW: to.row,
    }, {
      ...(last ? buffers : {}),
      dx: last ? to.buffer : sums[i % 2]!,
      ...(i > 0 ? { before: sums[(i - 1) % 2]! } : {}),
      dy: dy.buffer,
      weight: `${name}.backward${suffix}`,
      row_sum: `${name}.backward_sum`,
    }, last ? { output: b.output("dx", to, input) } : {});
  }
}

/** How the sum of a weight gradient is cut. */
function chunked(b: Builder, node: ConvNode) {
  const s = shape(b, node);
  const TAPS = s.KH * s.KW, tiles = Math.ceil(s.IQ / 2) * Math.ceil(s.OQ / 2) * TAPS;
  // Enough chunks to fill the device, none above the bound that keeps int32 exact. The rule must
  // not depend on tiles that tuning may change: f32 sums are chunk by chunk.
  const PIXELS = s.N * s.HO * s.WO, even = 4 * Math.ceil(PIXELS * tiles / ENOUGH_THREADS / 4);
  const CHUNK = Math.min(MAX_PIXELS, Math.max(MIN_PIXELS, even));
  return { s, TAPS, PIXELS, CHUNK, CHUNKS: Math.ceil(PIXELS / CHUNK) };
}

function weightGradient(b: Builder, node: ConvNode): void {
  const { name, input, output } = node, dy = output.gradientAt, x = input.at;
  const { s, TAPS, PIXELS, CHUNK, CHUNKS } = chunked(b, node);
  const parts = weightParts(b, node), [{ quads: largest }] = parts as [Shard];
  const partial = b.buffer(`${name}.partial`, CHUNKS * 64 * largest * TAPS * s.IQ, "scratch");
  const totals = {
    ...(b.int8
      ? { x_total: b.buffer(`${name}.x_total`, CHUNKS * TAPS * s.IQ * 16, "scratch") }
      : {}),
    dy_total: b.buffer(`${name}.dy_total`, CHUNKS * s.OQ * 16, "scratch"),
  };
  for (const { suffix, first, quads } of parts) {
    b.step("backward", name, convBackwardWeight, {
      ...s,
      OQ: quads,
      DQ: s.OQ,
      FIRST: first,
      PIXELS,
      CHUNKS,
      CHUNK,
      X_ROW: x.row,
    }, { x: x.buffer, dy: dy.buffer, partial, ...totals });
    b.step("backward", name, reduceWeightGradient, {
      BIAS: node.bias ? 1 : 0,
      OQ: quads,
      FIRST: first,
      IQ: s.IQ,
      TAPS,
      PIXELS,
      CHUNKS,
      CHUNK,
      X_ROW: x.row,
      DY_ROW: dy.row,
    }, {
      partial,
      ...totals,
      gradient: `${name}.weight${suffix}.gradient`,
      bias_gradient: `${name}.bias.gradient`,
    });
  }
}
