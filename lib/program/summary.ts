/**
 * What a planned network looks like to a person: its layers with shapes and parameters.
 *
 * @module
 */
import { weightDims } from "./ops/conv.ts";
import type { Program } from "./program.ts";
import type { Graph, Node } from "./graph.ts";
import { count } from "./parameter_layout.ts";

/** One layer; an activation that joined the layer before it is part of that one. */
export interface Layer {
  /** Its name in checkpoints and messages. */
  readonly name: string;
  /** What it is in words, e.g. `conv2d 3×3 /2`. */
  readonly kind: string;
  /** Shape of its output for one image. */
  readonly output: readonly [h: number, w: number, c: number];
  /** How many of its values train. */
  readonly parameters: number;
}

/** The layers of a graph, in order. */
export function summarize(graph: Graph): Layer[] {
  return graph.nodes.map((node) => ({
    name: node.name,
    kind: kindOf(node),
    output: [node.output.h, node.output.w, node.output.c],
    parameters: parametersOf(node),
  }));
}

/** How many values of a layer train. */
function parametersOf(node: Node): number {
  switch (node.op) {
    case "conv":
      return weightDims(node).reduce((a, b) => a * b) + (node.bias ? node.output.c : 0);
    case "norm":
      return 2 * node.output.c;
    case "add":
    case "activation":
    case "pool":
    case "dropout":
      return 0;
  }
}

/** How many values of a program train. */
export function parameterCount(program: Program): number {
  return program.parameters.reduce((sum, p) => sum + count(p), 0);
}

function kindOf(node: Node): string {
  switch (node.op) {
    case "conv":
      return node.linear ? "linear" : `conv2d ${windowOf(node)}${groupsOf(node)}`;
    case "norm":
      return withActivation("batch_norm", node.act);
    case "add":
      return withActivation("add", node.act);
    case "activation":
      return node.act;
    case "dropout":
      return `dropout ${node.rate}`;
    case "pool": {
      const { kind, kernel: [h, w], input } = node;
      const global = kind === "avg" && h === input.h && w === input.w;
      return global ? "global_avg_pool" : `${kind}_pool ${windowOf(node)}`;
    }
  }
}

function windowOf(node: Extract<Node, { op: "conv" | "pool" }>): string {
  const { kernel, stride: [down, right] } = node;
  const stride = down === right ? `${down}` : `${down}×${right}`;
  return kernel.join("×") + (stride === "1" ? "" : ` /${stride}`);
}

function groupsOf({ groups, input }: Extract<Node, { op: "conv" }>): string {
  if (groups === 1) return "";
  return groups === input.c ? " depthwise" : `, ${groups} groups`;
}

function withActivation(kind: string, act: string): string {
  return act === "none" ? kind : `${kind} + ${act}`;
}
