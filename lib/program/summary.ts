/**
 * What a planned network looks like to a person: its layers with shapes and parameters.
 *
 * @module
 */
import type { Program } from "./program.ts";
import type { Graph } from "./graph.ts";
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
    kind: node.kind,
    output: [node.output.h, node.output.w, node.output.c],
    parameters: node.parameters,
  }));
}

/** How many values of a program train. */
export function parameterCount(program: Program): number {
  return program.parameters.reduce((sum, p) => sum + count(p), 0);
}
