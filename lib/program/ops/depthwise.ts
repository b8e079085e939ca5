/**
 * Depthwise convolution: every channel has a filter of its own. It has kernels of its own, as there is no
 * dot product over channels and memory loads dominate.
 *
 * @module
 */
import { depthwiseSumTiles } from "../../../kernels/include/depthwise_tiles.ts";
import { depthwiseBackwardInput } from "../../../kernels/depthwise_backward_input/kernel.ts";
import { depthwiseBackwardWeight } from "../../../kernels/depthwise_backward_weight/kernel.ts";
import { depthwiseForward as depthwiseForwardKernel } from "../../../kernels/depthwise_forward/kernel.ts";
import { quantizeDepthwiseWeights } from "../../../kernels/quantize_depthwise_weights/kernel.ts";
import { reduceDepthwiseWeightGradient } from "../../../kernels/reduce_depthwise_weight_gradient/kernel.ts";
import { ModelError } from "../../core/errors.ts";
import type { Builder } from "../builder.ts";
import { addGradient } from "./gradient.ts";
import { planOutput, planParameters, type Weighted } from "./weights.ts";
import { windowConstants } from "./window.ts";

/** Taps in a sum: 512·255·127 < 2²⁴, which f32 holds exactly. */
const MAX_TAPS = 512;
/** Pixels in a chunk of a weight gradient: 32,768·255² < 2³¹. */
const MAX_PIXELS = 32768;
/** Threads that a weight gradient is split into at least, where its size allows. */
const ENOUGH_THREADS = 8192;

/** The window, and the lines of the output. */
function shape(b: Builder, node: Weighted) {
  return { ...windowConstants(b, node), LINES: b.options.batch * node.output.h };
}

/** Plans the parameters and the codes of the weight. */
function planWeights(b: Builder, node: Weighted): void {
  const { name, frozen } = node, { CQ, KH, KW, WO } = shape(b, node), TAPS = KH * KW;
  if (b.int8 && (TAPS > MAX_TAPS || WO > MAX_PIXELS)) {
    throw new ModelError(
      `layer ${name}: depthwise convolution in int8 takes windows of at most ${MAX_TAPS} pixels and ` +
        `images of at most ${MAX_PIXELS} columns, as its sums must be exact; got ` +
        `${
          node.kernel.join("×")
        } windows and ${WO} columns. Use less of both, or arithmetic: float32`,
    );
  }
  planParameters(b, node, 4 * TAPS * CQ, { depthwise: true });
  const W_ROW = b.weightRows.get(name);
  if (W_ROW === undefined) return;
  const PER_CHANNEL = b.options.quantizing("weight", name)!.perChannel ? 1 : 0;
  b.step("weights", name, quantizeDepthwiseWeights, { PER_CHANNEL, CQ, TAPS, W_ROW }, {
    weight: `${name}.weight`,
    forward: b.buffer(`${name}.forward`, TAPS * CQ * b.quadBytes, "parameter"),
    scales: b.int8 ? b.buffer(`${name}.scales`, 16 * CQ, "parameter") : undefined,
  }, { afterLoad: frozen });
}

/**
 * Plans the weights and the forward pass.
 *
 * @param sumsFor the buffer of batch norm's sums over the output, where a norm follows
 * @returns tiles of those sums where the epilogue computes them; else undefined: the norm computes them
 */
export function depthwiseForward(
  b: Builder,
  node: Weighted,
  sumsFor?: string,
): number | undefined {
  planWeights(b, node);
  const { name, input, output } = node, s = shape(b, node), y = planOutput(b, node);
  const sums = sumsFor !== undefined && b.int8 && b.isOnePass(y) ? sumsFor : undefined;
  const TILES = depthwiseSumTiles(s);
  b.step("forward", name, depthwiseForwardKernel, {
    ...s,
    TILES,
    BIAS: node.bias ? 1 : 0,
    SUMS: sums ? 1 : 0,
    X_ROW: input.at.row,
    Y_ROW: y.row,
  }, {
    x: input.at.buffer,
    ...weights(b, node),
    bias: `${name}.bias`,
    y: y.buffer,
    sums,
  }, { output: b.output("y", y, output) });
  return sums === undefined ? undefined : TILES;
}

/** The weight as the passes over images read it. */
function weights(b: Builder, { name }: Weighted) {
  const weight = b.weightRows.has(name) ? `${name}.forward` : `${name}.weight`;
  return { weight, scales: `${name}.scales` };
}

/** Plans the gradients of weight, bias and input. */
export function depthwiseBackward(b: Builder, node: Weighted): void {
  const { name, input, output } = node, s = shape(b, node), dy = output.gradientAt;
  if (!node.frozen) {
    b.scalesRate(name, dy);
    weightGradient(b, node);
  }
  if (!input.needsGradient) return;
  const { to, constants, buffers } = addGradient(b, input, name);
  b.step(
    "backward",
    name,
    depthwiseBackwardInput,
    {
      ...s,
      ...constants,
      DY_ROW: dy.row,
      DX_ROW: to.row,
    },
    { ...buffers, dy: dy.buffer, dx: to.buffer, ...weights(b, node) },
    { output: b.output("dx", to, input) },
  );
}

function weightGradient(b: Builder, node: Weighted): void {
  const { name, input: { at: x }, output: { gradientAt: dy } } = node, s = shape(b, node);
  // The chunks follow from the shape alone, as they fix the order of f32 sums.
  const ROWS = Math.max(
    1,
    Math.min(
      Math.floor(MAX_PIXELS / s.WO),
      Math.ceil(s.LINES * s.CQ * s.KH / ENOUGH_THREADS),
    ),
  );
  const CHUNKS = Math.ceil(s.LINES / ROWS), TAPS = s.KH * s.KW;
  const BIAS = node.bias ? 1 : 0, rows = { X_ROW: x.row, DY_ROW: dy.row };
  const partial = b.buffer(`${name}.partial`, CHUNKS * TAPS * s.CQ * 16, "scratch");
  const totals = node.bias
    ? { dy_total: b.buffer(`${name}.dy_total`, CHUNKS * s.CQ * 16, "scratch") }
    : {};
  b.step(
    "backward",
    name,
    depthwiseBackwardWeight,
    { ...s, ...rows, CHUNKS, ROWS, BIAS },
    { x: x.buffer, dy: dy.buffer, partial, ...totals },
  );
  b.step("backward", name, reduceDepthwiseWeightGradient, {
    BIAS,
    CQ: s.CQ,
    TAPS,
    CHUNKS,
    ...rows,
  }, {
    partial,
    ...totals,
    gradient: `${name}.weight.gradient`,
    bias_gradient: `${name}.bias.gradient`,
  });
}
