/**
 * Convolution, and the linear layer as the 1×1 convolution of one wide pixel.
 *
 * @module
 */
import { MIN_TILE_PIXELS } from "../../../kernels/include/conv_tiles.ts";
import { ENOUGH_GROUPS } from "../../../kernels/define_kernel.ts";
import { convBackwardInput } from "../../../kernels/conv_backward_input/kernel.ts";
import { convBackwardWeight, MAX_SLICE } from "../../../kernels/conv_backward_weight/kernel.ts";
import { convForward as convForwardKernel } from "../../../kernels/conv_forward/kernel.ts";
import { packWeights } from "../../../kernels/pack_weights/kernel.ts";
import { perChannelWeightRange } from "../../../kernels/per_channel_weight_range/kernel.ts";
import { weightSums } from "../../../kernels/weight_sums/kernel.ts";
import { ModelError } from "../../core/errors.ts";
import type { Pair } from "../../recipe/fields.ts";
import type { Conv2dSpec, LinearSpec } from "../../recipe/layers.ts";
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
import { planOutput, planParameters, type Weighted } from "./weights.ts";
import { slidingSize, windowText } from "./window.ts";

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
export class ConvNode extends Node implements Weighted {
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

/** Pixels in a chunk of a weight gradient at least, where there are as many. */
const MIN_PIXELS = 64;
/** Threads that a weight gradient is split into at least, where its size allows. */
const ENOUGH_THREADS = 8192;
/** Products in a sum: 66,000·255·127 < 2³¹. */
const MAX_PRODUCTS = 66000;

/** The layer's sizes, by the names of the kernels' constants. */
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

type Shape = ReturnType<typeof shape>;

/** Shards of a layer's weight; nearly always one, the whole. */
function weightParts(b: Builder, node: ConvNode): Shard[] {
  const { ROOM, s } = chunked(b, node), none = ROOM * partialBytes(s, 0);
  return shardsOf(s.OQ, ROOM * partialBytes(s, 1) - none, b.options.maxBytes - none);
}

/** Shards of the copies that convolutions read: codes are never split. */
function packedParts(b: Builder, node: ConvNode): Shard[] {
  return b.int8 ? [{ suffix: "", first: 0, quads: node.output.quads }] : weightParts(b, node);
}

/** @throws ModelError for a layer whose sums int8 cannot hold, or cannot be scaled by channel */
function checkInt8(node: ConvNode, s: Shape, perChannel: boolean): void {
  // The gradient of the input sums over taps and outputs.
  const products = 4 * s.KH * s.KW * Math.max(s.IQ, node.input.needsGradient ? s.OQ : 0);
  if (products > MAX_PRODUCTS) {
    throw new ModelError(
      `layer ${node.name}: a sum of ${products} products may overflow 32 bits; int8 takes at most ` +
        `${MAX_PRODUCTS}. Use fewer channels, a smaller kernel, or arithmetic: float32`,
    );
  }
  if (perChannel) {
    throw new ModelError(
      `layer ${node.name}: expected weights with per_channel: false, as in int8 only depthwise layers ` +
        "may have a range for each channel (the gradient of the input of any other sums over output " +
        "channels, so their scales cannot leave the int32 sum), got true; name the depthwise layers " +
        "in quantize.layers, or use arithmetic: simulated",
    );
  }
}

/**
 * What the passes read of the weights: codes, or f32 copies; forward unquantized weights as they are.
 *
 * @param suffix of a shard
 */
function packedNames(b: Builder, { name, input }: ConvNode, suffix: string) {
  return {
    forward: `${name}.${b.weightRows.has(name) ? "forward" : "weight"}${suffix}`,
    ...(input.needsGradient ? { backward: `${name}.backward${suffix}` } : {}),
  };
}

/** Plans the parameters and the copies of the weight that convolutions read. */
function weights(b: Builder, node: ConvNode): void {
  const { name, input } = node,
    s = shape(b, node),
    TAPS = s.KH * s.KW,
    row = b.weightRows.get(name);
  const perChannel = row !== undefined && b.options.quantizing("weight", name)!.perChannel;
  if (b.int8) checkInt8(node, s, perChannel);
  const quad = 16 * TAPS * s.IQ, shards = weightParts(b, node), packed = packedParts(b, node);
  planParameters(b, node, s.OQ * quad, { linear: node.linear }, shards);
  for (const { suffix, quads } of packed) {
    const bytes = quads * quad / 4 * b.quadBytes;
    if (row !== undefined) b.buffer(`${name}.forward${suffix}`, bytes, "parameter");
    if (input.needsGradient) b.buffer(`${name}.backward${suffix}`, bytes, "parameter");
  }
  for (const shard of shards) packShard(b, node, shard, packed.length === 1, perChannel);
  if (!b.int8) return;
  const forward_sum = b.buffer(`${name}.forward_sum`, 16 * s.OQ, "parameter");
  const backward_sum = input.needsGradient
    ? b.buffer(`${name}.backward_sum`, 16 * s.SH * s.SW * s.IQ, "parameter")
    : undefined;
  b.step("weights", name, weightSums, { ...s, BACKWARD: input.needsGradient ? 1 : 0 }, {
    ...packedNames(b, node, ""),
    forward_sum,
    backward_sum,
  });
}

/** Plans the copies of a shard. @param whole whether they go to the copies of the whole weight */
function packShard(
  b: Builder,
  node: ConvNode,
  { suffix, first, quads }: Shard,
  whole: boolean,
  perChannel: boolean,
): void {
  const { name, input } = node,
    s = shape(b, node),
    TAPS = s.KH * s.KW,
    row = b.weightRows.get(name);
  const weight = `${name}.weight${suffix}`, W_ROW = row ?? 0;
  const channels = perChannel
    ? b.buffer(`${name}.channels${suffix}`, 32 * quads, "parameter")
    : undefined;
  if (channels) {
    const constants = { OQ: quads, SIZE: TAPS * s.IQ, W_ROW };
    b.step("weights", name, perChannelWeightRange, constants, { weight, channels });
  }
  if (row === undefined && !input.needsGradient) return;
  b.step("weights", name, packWeights, {
    QUANTIZED: row === undefined ? 0 : 1,
    PER_CHANNEL: perChannel ? 1 : 0,
    BACKWARD: input.needsGradient ? 1 : 0,
    OQ: quads,
    ALL: whole ? s.OQ : quads,
    FIRST: whole ? first : 0,
    IQ: s.IQ,
    TAPS,
    W_ROW,
  }, { weight, ...packedNames(b, node, whole ? "" : suffix), channels });
}

/**
 * Plans the weights and the forward pass.
 *
 * @param sumsFor the buffer of batch norm's sums over the output, where a norm follows
 * @returns tiles of those sums where the epilogue computes them, in int8 and one pass; else undefined:
 * the norm computes them
 */
function convForward(b: Builder, node: ConvNode, sumsFor?: string): number | undefined {
  weights(b, node);
  const { name, input, output } = node, s = shape(b, node), packed = packedParts(b, node);
  const y = planOutput(b, node);
  const sums = sumsFor !== undefined && b.int8 && b.isOnePass(y) ? sumsFor : undefined;
  const PIXELS = s.N * s.HO * s.WO, TILES = Math.ceil(PIXELS / MIN_TILE_PIXELS);
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
      W_ROW: b.weightRows.get(name) ?? 0,
      Y_ROW: y.row,
    }, {
      x: input.at.buffer,
      weight: packedNames(b, node, part.suffix).forward,
      row_sum: `${name}.forward_sum`,
      bias: `${name}.bias`,
      y: y.buffer,
      sums,
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
  // Each shard of the outputs adds to the f32 sum of those before it; two buffers take turns.
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

/** Splits the sum of a weight gradient over pixels into chunks. */
function chunked(b: Builder, node: ConvNode) {
  const s = shape(b, node), PIXELS = s.N * s.HO * s.WO;
  const tiles = Math.ceil(s.IQ / 2) * Math.ceil(s.OQ / 2) * s.KH * s.KW;
  // Enough chunks to fill the device, none above the bound that keeps int32 exact. The rule must
  // not depend on tiles that tuning may change: f32 sums are chunk by chunk.
  const even = Math.ceil(PIXELS * tiles / ENOUGH_THREADS);
  const few = b.int8 ? even : Math.min(even, Math.ceil(PIXELS / Math.max(1, roomFor(s))));
  const CHUNK = Math.min(MAX_SLICE, Math.max(MIN_PIXELS, 4 * Math.ceil(few / 4))),
    chunks = Math.ceil(PIXELS / CHUNK);
  return { s, PIXELS, CHUNK, ROOM: b.int8 ? Math.max(chunks, roomFor(s)) : chunks };
}

/**
 * Returns the chunks that fill a large GPU, as far as their sums take no more bytes than the codes that
 * are summed. In int8 a tile may cut the sum into any number of chunks for which there is room.
 */
function roomFor(s: Shape): number {
  const rows = 4 * s.OQ, columns = 4 * s.IQ * s.KH * s.KW;
  const tiles = Math.min(
    Math.ceil(rows / 64) * Math.ceil(columns / 128),
    Math.ceil(rows / 128) * Math.ceil(columns / 64),
  );
  const codes = 4 * s.N * (s.H * s.W * s.IQ + s.HO * s.WO * s.OQ);
  return Math.min(Math.ceil(ENOUGH_GROUPS / tiles), Math.floor(codes / partialBytes(s, s.OQ)));
}

function weightGradient(b: Builder, node: ConvNode): void {
  const { name, input, output } = node, dy = output.gradientAt, x = input.at;
  const { s, ...chunks } = chunked(b, node);
  const parts = weightParts(b, node), [{ quads: largest }] = parts as [Shard];
  const bytes = chunks.ROOM * partialBytes(s, largest);
  const partial = b.buffer(`${name}.partial`, bytes, "scratch");
  for (const { suffix, first, quads } of parts) {
    b.step("backward", name, convBackwardWeight, {
      ...s,
      ...chunks,
      OQ: quads,
      DQ: s.OQ,
      FIRST: first,
      BIAS: node.bias ? 1 : 0,
      X_ROW: x.row,
      DY_ROW: dy.row,
    }, {
      x: x.buffer,
      dy: dy.buffer,
      partial,
      gradient: `${name}.weight${suffix}.gradient`,
      bias_gradient: `${name}.bias.gradient`,
    });
  }
}

/** Returns the bytes of a chunk's sums for `quads` of the outputs: of products, of X and of dY. */
function partialBytes({ KH, KW, IQ }: Shape, quads: number): number {
  return 16 * (4 * quads * KH * KW * IQ + KH * KW * IQ + quads);
}
