/**
 * Depthwise convolution: each channel has a window of its own and sees no other. Its kernels are not
 * those of lib/program/ops/conv.ts: there is no dot product over channels, and loads decide.
 *
 * @module
 */
import { ModelError } from "../../core/errors.ts";
import type { Builder } from "../builder.ts";
import { type ConvNode, weightDims } from "./conv.ts";
import { addGradient } from "./gradient.ts";
import { grid } from "./grid.ts";
import { windowConstants } from "./window.ts";

/** Taps in a sum: 512·255·127 < 2²⁴, which f32 holds exactly. */
const MAX_TAPS = 512;
/** Pixels in a chunk of a weight gradient: 32,768·255² < 2³¹. */
const MAX_PIXELS = 32768;
/** Threads that a weight gradient is split into at least, where its size allows. */
const ENOUGH_THREADS = 8192;
/** Pixels in a run, at most. */
const RUN = 8;
/** Runs that a thread of the passes for X owns: 56×56×96 forward 5.6 ms, with one 7.2 (llvmpipe). */
const TURNS = 4;
/** Threads of a workgroup. */
const LANES = 64;

/** Whether every channel is convolved by itself. */
export function isDepthwise({ input, output, groups }: ConvNode): boolean {
  return groups > 1 && groups === input.c && groups === output.c;
}

/** Pixels of a run in a line of `width`: runs of a line are as equal as they can be. */
function runOf(width: number): number {
  return Math.ceil(width / Math.ceil(width / RUN));
}

/** Neighbouring quads of a workgroup: 32 bytes of codes where they divide the channels. */
function quadLanes(quads: number): number {
  return [8, 4].find((lanes) => quads % lanes === 0) ??
    Math.min(8, 2 ** Math.ceil(Math.log2(quads)));
}

/** The window, and the lines of the output. */
function shape(b: Builder, node: ConvNode) {
  return { ...windowConstants(b, node), LINES: b.options.batch * node.output.h };
}

/**
 * Plans the weights and the forward pass.
 *
 * @param sumsFor the buffer of batch norm's sums over the output, where a norm follows
 * @returns tiles of those sums, where the epilogue makes them; else the norm makes them
 */
export function depthwiseForward(
  b: Builder,
  node: ConvNode,
  sumsFor?: string,
): number | undefined {
  const { name, input, output, logits } = node, s = shape(b, node), TAPS = s.KH * s.KW;
  if (b.options.int8 && (TAPS > MAX_TAPS || s.WO > MAX_PIXELS)) {
    throw new ModelError(
      `layer ${name}: depthwise convolution in int8 takes windows of at most ${MAX_TAPS} pixels and ` +
        `images of at most ${MAX_PIXELS} columns, as its sums must be exact; got ` +
        `${
          node.kernel.join("×")
        } windows and ${s.WO} columns. Use less of both, or arithmetic: float32`,
    );
  }
  const weightRow = b.weightRows.get(name), W_ROW = weightRow ?? 0;
  const quantized = weightRow !== undefined, size = 4 * TAPS * s.CQ;
  const kept = node.frozen ? { frozen: true } : {}, once = { once: node.frozen ?? false };
  const spec = { name: `${name}.weight`, layer: name, role: "weight", depthwise: true } as const;
  b.parameter(
    { ...spec, dims: weightDims(node), ...kept, ...(quantized ? { quantizer: W_ROW } : {}) },
    size,
  );
  if (node.bias) {
    const spec = { name: `${name}.bias`, layer: name, role: "bias", ...kept } as const;
    b.parameter({ ...spec, dims: [output.c, 1, 1, 1] }, 4 * s.CQ);
  }
  if (quantized) {
    const codes = { forward: b.buffer(`${name}.forward`, size / 4 * b.quadBytes, "parameter") };
    const scales: Record<string, string> = b.options.int8
      ? { scales: b.buffer(`${name}.scales`, 16 * s.CQ, "parameter") }
      : {};
    b.step(
      "weights",
      name,
      "quantize_depthwise_weights",
      [Math.ceil(s.CQ / LANES), 1, 1],
      {
        V: 1,
        PER_CHANNEL: b.options.quantizing("weight", name)!.perChannel ? 1 : 0,
        CQ: s.CQ,
        TAPS,
        W_ROW,
      },
      { weight: spec.name, ...codes, ...scales },
      once,
    );
  }

  const pixels = s.LINES * s.WO;
  const y = logits
    ? {
      buffer: b.buffer(`${output.name}.output`, 16 * pixels * s.CQ, "activation"),
      row: 0,
      quantized: false,
      stochastic: false,
    }
    : b.store(output, name);
  output.stored = y;
  const sums = sumsFor !== undefined && b.options.int8 && b.isOnePass(y) ? sumsFor : undefined;
  const R = runOf(s.WO), RUNS = Math.ceil(s.WO / R), QL = quadLanes(s.CQ);
  const tiles = Math.ceil(s.LINES * RUNS / (LANES / QL * TURNS));
  b.step("forward", name, "depthwise_forward", grid(tiles, Math.ceil(s.CQ / QL)), {
    ...s,
    QL,
    R,
    T: TURNS,
    RUNS,
    SPAN: (R - 1) * s.SW + s.KW,
    BIAS: node.bias ? 1 : 0,
    LOGITS: logits ? 1 : 0,
    SUMS: sums ? 1 : 0,
    X_ROW: input.at.row,
    Y_ROW: y.row,
  }, {
    x: input.at.buffer,
    ...weights(b, node),
    bias: `${name}.bias`,
    ...(sums ? { sums } : {}),
  }, { output: b.output("y", y, output) });
  return sums === undefined ? undefined : tiles;
}

/** What the passes for X read of the weights. */
function weights(b: Builder, { name }: ConvNode): Record<string, string> {
  const weight = b.weightRows.has(name) ? `${name}.forward` : `${name}.weight`;
  return { weight, scales: `${name}.scales` };
}

/** Plans the gradients of weight, bias and input. */
export function depthwiseBackward(b: Builder, node: ConvNode): void {
  const { name, input, output } = node, s = shape(b, node), dy = output.gradientAt;
  if (!node.frozen) {
    b.scalesRate(name, dy);
    weightGradient(b, node);
  }
  if (!input.needsGradient) return;
  const { to, constants, buffers } = addGradient(b, input, name);
  const R = runOf(Math.ceil(s.W / s.SW));
  const RUNS = Math.ceil(Math.ceil(s.W / s.SW) / R), AX = Math.ceil(s.KW / s.SW);
  const QL = quadLanes(s.CQ), QG = Math.ceil(s.CQ / QL);
  const runs = s.N * Math.ceil(s.H / s.SH) * RUNS, tiles = Math.ceil(runs / (LANES / QL * TURNS));
  b.step(
    "backward",
    name,
    "depthwise_backward_input",
    grid(tiles, s.SH * s.SW * QG),
    {
      ...s,
      ...constants,
      QL,
      QG,
      R,
      T: TURNS,
      RUNS,
      AX,
      SPAN: R + AX - 1,
      DY_ROW: dy.row,
      DX_ROW: to.row,
    },
    { ...buffers, dy: dy.buffer, ...weights(b, node) },
    { output: b.output("dx", to, input) },
  );
}

function weightGradient(b: Builder, node: ConvNode): void {
  const { name, input: { at: x }, output: { gradientAt: dy } } = node, s = shape(b, node);
  // What follows from the shape alone, as f32 sums go run by run and chunk by chunk.
  const ROWS = Math.max(
    1,
    Math.min(
      Math.floor(MAX_PIXELS / s.WO),
      Math.ceil(s.LINES * s.CQ * s.KH / ENOUGH_THREADS),
    ),
  );
  const R = runOf(s.WO), CHUNKS = Math.ceil(s.LINES / ROWS), TAPS = s.KH * s.KW;
  const BIAS = node.bias ? 1 : 0, rows = { X_ROW: x.row, DY_ROW: dy.row };
  const partial = b.buffer(`${name}.partial`, CHUNKS * TAPS * s.CQ * 16, "scratch");
  const totals: Record<string, string> = node.bias
    ? { dy_total: b.buffer(`${name}.dy_total`, CHUNKS * s.CQ * 16, "scratch") }
    : {};
  b.step(
    "backward",
    name,
    "depthwise_backward_weight",
    [Math.ceil(CHUNKS * s.CQ / LANES), s.KH, 1],
    { ...s, ...rows, R, SPAN: (R - 1) * s.SW + s.KW, CHUNKS, ROWS, BIAS },
    { x: x.buffer, dy: dy.buffer, partial, ...totals },
  );
  b.step("backward", name, "reduce_depthwise_weight_gradient", [
    Math.ceil(TAPS * s.CQ / LANES),
    1,
    1,
  ], {
    V: 1,
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
