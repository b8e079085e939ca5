/**
 * Frozen layers. Their weights, biases and norm parameters do not change, and a frozen batch norm
 * normalizes with its running statistics, which do not change either. Layers below the lowest trained
 * layer need no gradient, so they have no backward pass.
 *
 * @module
 */
import { ModelError } from "../core/errors.ts";
import { nearest } from "../core/did_you_mean.ts";
import { describe } from "../recipe/recipe_errors.ts";
import type { Graph } from "./graph.ts";
import type { Node } from "./ops/node.ts";
import { matches } from "./quantizer_config.ts";

/** Returns whether a layer has trainable parameters. */
function isTrainable(node: Node): boolean {
  return node.parameters > 0;
}

/** Freezes every layer, for inference. */
export function freezeAll(graph: Graph): void {
  for (const node of graph.nodes) if (isTrainable(node)) node.frozen = true;
  updateNeedsGradient(graph);
}

/**
 * Freezes the layers that a pattern matches.
 *
 * @param patterns as in `quantize.layers`: names with `*` and `?`, `|` between them
 * @throws ModelError for a pattern that matches no layer with weights, or when nothing is left to train
 */
export function freeze(graph: Graph, patterns: readonly string[]): void {
  if (patterns.length === 0) return;
  const trainable = graph.nodes.filter(isTrainable), names = trainable.map((node) => node.name);
  patterns.forEach((pattern, i) => {
    const found = trainable.filter(({ name }) => matches(pattern, name));
    for (const node of found) node.frozen = true;
    if (found.length > 0) return;
    // A residual shares its name with its addition; a pattern matches its layers by their own names.
    const inside = names.some((name) => matches(`${pattern}-*`, name));
    const meant = inside ? `${pattern}-*` : nearest(pattern, names);
    throw new ModelError(
      `freeze.${i}: expected a pattern that matches a layer with weights, got ${
        describe(pattern)
      }` +
        `${meant ? ` (did you mean ${meant}?)` : ""}; layers are ${names.join(", ")}`,
    );
  });
  if (trainable.every((node) => node.frozen)) {
    throw new ModelError(
      "freeze: expected at least one layer that trains, got patterns that match all of " +
        `${names.join(", ")}; leave out the last, ${names.at(-1)}`,
    );
  }
  updateNeedsGradient(graph);
}

/** Updates which tensors need a gradient: those after a layer that trains. */
function updateNeedsGradient({ nodes }: Graph): void {
  for (const node of nodes) node.propagateNeedsGradient();
}
