/**
 * Summary of a planned network, for display: its layers with shapes and parameters.
 *
 * @module
 */
import type { Program } from "./program.ts";
import type { Graph } from "./graph.ts";
import { count } from "./parameter_layout.ts";

/** One layer; an activation that is fused with the layer before it belongs to that layer. */
export interface Layer {
  /** Its name in checkpoints and messages. */
  readonly name: string;
  /** Description, e.g. `conv2d 3×3 /2`. */
  readonly kind: string;
  /** Shape of its output for one image. */
  readonly output: readonly [h: number, w: number, c: number];
  /** Number of its trainable values. */
  readonly parameters: number;
}

/** Returns the layers of a graph, in order. */
export function summarize(graph: Graph): Layer[] {
  return graph.nodes.map((node) => ({
    name: node.name,
    kind: node.kind,
    output: [node.output.h, node.output.w, node.output.c],
    parameters: node.parameters,
  }));
}

/** Returns the number of trainable values of a program. */
export function parameterCount(program: Program): number {
  return program.parameters.reduce((sum, p) => sum + count(p), 0);
}
