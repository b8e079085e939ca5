/**
 * The model of memory traffic in Fournarakis & Nagel 2021: what a layer must read and write for one
 * image when its ranges are static (each output is quantized the moment it leaves the accumulator)
 * and when they are dynamic (the output goes to memory in 32 bits, is read back for its range, and is
 * then quantized). No GPU in it, no padding, no caches: the least that any implementation moves.
 *
 * With b_a = b_w = 1 and b_acc = 4 bytes, X = Cin·H·W and Y = Cout·Ho·Wo values, W weights
 * (Cout·Cin/groups·kh·kw; C·k² if depthwise), of a convolution or linear layer:
 *
 *     forward                       b_a·X + b_w·W + b_a·Y      dynamic: + 2·b_acc·Y
 *     backward, gradient of X       b_a·Y + b_w·W + b_a·X      dynamic: + 2·b_acc·X
 *     backward, gradient of W       b_a·Y + b_a·X + b_acc·W    the same in both
 *
 * The first layer makes no gradient of X. The paper's tables are of forward; backward is counted here
 * in the same spirit. The other layers, where q·Z is b_a·Z, and with dynamic ranges 2·b_acc·Z more:
 *
 *     batch norm, with activation   X + q·Y       backward: X + Y for sums, X + Y again, + q·X
 *     addition                      2·X + q·Y     backward: its inputs share its gradient as it lies
 *     activation alone              X + q·Y       backward: likewise, masked where it was made
 *     average pool                  X + q·Y       backward: Y + q·X
 *     max pool, which copies codes  X + Y         backward: X + Y + q·X
 *     dropout, which copies codes   X + Y         backward: Y + q·X
 *
 * Left out, the same in both: biases, parameters of norms, masks, and the second addend where
 * gradients of branches meet.
 *
 * @module
 */
import type { Graph, Node } from "../program/graph.ts";
import { weightDims } from "../program/ops/conv.ts";
import type { Tensor } from "../program/tensor.ts";

/** Bytes of a stored activation or gradient, of a weight, and of an accumulator. */
const ACTIVATION = 1, WEIGHT = 1, ACCUMULATOR = 4;

/** Bytes with static ranges and with dynamic ones. */
export interface StaticDynamicBytes {
  readonly static: number;
  readonly dynamic: number;
}

/** What one layer moves for one image. */
export interface LayerTraffic {
  readonly layer: string;
  /** Convolutions and linear layers are what the paper counts. */
  readonly group: "convolution" | "other";
  readonly forward: StaticDynamicBytes;
  readonly backward: StaticDynamicBytes;
}

/** The traffic of every layer, in order. */
export function modelTraffic({ nodes }: Graph): LayerTraffic[] {
  return nodes.map((node) => ({
    layer: node.name,
    group: node.op === "conv" ? "convolution" : "other",
    forward: forward(node),
    backward: backward(node),
  }));
}

/** The sum of traffics; nothing of nothing. */
export function sumBytes(parts: readonly StaticDynamicBytes[]): StaticDynamicBytes {
  return {
    static: parts.reduce((n, b) => n + b.static, 0),
    dynamic: parts.reduce((n, b) => n + b.dynamic, 0),
  };
}

const size = ({ h, w, c }: Tensor) => h * w * c;

/** A pass that moves so many bytes and makes a tensor that is quantized. */
function pass(moved: number, quantized: number): StaticDynamicBytes {
  const once = moved + ACTIVATION * quantized;
  return { static: once, dynamic: once + 2 * ACCUMULATOR * quantized };
}

function forward(node: Node): StaticDynamicBytes {
  const x = size(node.input), y = size(node.output);
  switch (node.op) {
    case "conv":
      return pass(ACTIVATION * x + WEIGHT * weights(node), y);
    case "add":
      return pass(ACTIVATION * 2 * x, y);
    case "norm":
    case "activation":
      return pass(ACTIVATION * x, y);
    case "pool":
      return node.kind === "max" ? pass(ACTIVATION * (x + y), 0) : pass(ACTIVATION * x, y);
    case "dropout":
      return pass(ACTIVATION * (x + y), 0);
  }
}

function backward(node: Node): StaticDynamicBytes {
  const x = size(node.input), y = size(node.output);
  const dx = node.input.needsGradient ? x : 0;
  switch (node.op) {
    case "conv": {
      const w = weights(node);
      const ofInput = pass(dx && ACTIVATION * y + WEIGHT * w, dx);
      return sumBytes([ofInput, pass(ACTIVATION * (y + x) + ACCUMULATOR * w, 0)]);
    }
    case "norm":
      return pass(ACTIVATION * (y + x) * (dx > 0 ? 2 : 1), dx);
    case "add":
    case "activation":
      return pass(0, 0);
    case "pool":
      return pass(dx && ACTIVATION * (node.kind === "max" ? y + x : y), dx);
    case "dropout":
      return pass(dx && ACTIVATION * y, dx);
  }
}

function weights(node: Extract<Node, { op: "conv" }>): number {
  return weightDims(node).reduce((a, b) => a * b);
}
