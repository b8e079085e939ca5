/**
 * The model of memory traffic of Fournarakis & Nagel 2021: the bytes that a layer must read and write
 * for one image with static ranges (each output is quantized as it leaves the accumulator) and with
 * dynamic ranges (the output is written in 32 bits, read back for its range, and then quantized). It
 * ignores GPUs, padding and caches: it is the minimum for any implementation.
 *
 * With b_a = b_w = 1 and b_acc = 4 bytes, X = Cin·H·W and Y = Cout·Ho·Wo values, W weights
 * (Cout·Cin/groups·kh·kw; C·k² if depthwise), of a convolution or linear layer:
 *
 *     forward                       b_a·X + b_w·W + b_a·Y      dynamic: + 2·b_acc·Y
 *     backward, gradient of X       b_a·Y + b_w·W + b_a·X      dynamic: + 2·b_acc·X
 *     backward, gradient of W       b_a·Y + b_a·X + b_acc·W    the same in both
 *
 * The first layer has no gradient of X. The paper's tables cover forward; backward is counted here by
 * the same rules. The other layers, where q·Z is b_a·Z, plus 2·b_acc·Z with dynamic ranges:
 *
 *     batch norm, with activation   X + q·Y       backward: X + Y for sums, X + Y again, + q·X
 *     addition                      2·X + q·Y     backward: none, its inputs share its gradient
 *     activation alone              X + q·Y       backward: none, masked by the kernel that makes it
 *     average pool                  X + q·Y       backward: Y + q·X
 *     max pool, which copies codes  X + Y         backward: X + Y + q·X
 *     dropout, which copies codes   X + Y         backward: Y + q·X
 *
 * Not counted, as they are the same in both: biases, parameters of norms, masks, and the second addend where
 * gradients of branches are added.
 *
 * @module
 */
import type { Graph, Node } from "../program/graph.ts";
import { weightDims } from "../program/ops/conv.ts";
import type { Tensor } from "../program/tensor.ts";

/** Bytes of a stored activation or gradient, of a weight, and of an accumulator. */
const ACTIVATION = 1, WEIGHT = 1, ACCUMULATOR = 4;

/** Bytes with static and with dynamic ranges. */
export interface StaticDynamicBytes {
  readonly static: number;
  readonly dynamic: number;
}

/** The traffic of a layer for one image. */
export interface LayerTraffic {
  readonly layer: string;
  /** The paper counts convolutions, which include linear layers. */
  readonly group: "convolution" | "other";
  readonly forward: StaticDynamicBytes;
  readonly backward: StaticDynamicBytes;
}

/** Counts the traffic of every layer, in order. */
export function modelTraffic({ nodes }: Graph): LayerTraffic[] {
  return nodes.map((node) => ({
    layer: node.name,
    group: node.op === "conv" ? "convolution" : "other",
    forward: forward(node),
    backward: backward(node),
  }));
}

/** Adds up static and dynamic bytes. */
export function sumBytes(parts: readonly StaticDynamicBytes[]): StaticDynamicBytes {
  return {
    static: parts.reduce((n, b) => n + b.static, 0),
    dynamic: parts.reduce((n, b) => n + b.dynamic, 0),
  };
}

const size = ({ h, w, c }: Tensor) => h * w * c;

/** A pass that moves `moved` bytes and writes a quantized tensor of `quantized` elements. */
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
