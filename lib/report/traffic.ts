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
 * Not counted, as they are the same in both: biases, parameters of norms, masks, and the second addend
 * where gradients of branches are added.
 *
 * @module
 */
import type { Graph } from "../program/graph.ts";
import type { StaticDynamicBytes } from "../program/ops/traffic.ts";

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
    group: node.weightDims ? "convolution" : "other",
    ...node.traffic(),
  }));
}
