/**
 * Builds the graph of a network from its list of layers: names the layers, infers and checks shapes, and
 * fuses an activation with the norm or the addition before it.
 *
 * @module
 */
import { RESERVED_NAMES } from "./tensor_names.ts";
import { ModelError } from "../core/errors.ts";
import { ConvNode } from "./ops/conv.ts";
import { layerType } from "./ops/mod.ts";
import type { LayerType, Node } from "./ops/node.ts";
import { Tensor } from "./tensor.ts";
import { branchesOf } from "../recipe/layers.ts";
import type { LayerSpec } from "../recipe/layers.ts";

/** A network whose shapes are checked. */
export interface Graph {
  readonly image: Tensor;
  readonly nodes: readonly Node[];
  readonly logits: Tensor;
}

/**
 * Builds the graph of a network.
 *
 * @param layers the network; its last layer must be a conv2d or linear that gives [1, 1, classes]
 * @param image height, width and channels of its input
 * @throws ModelError for shapes that do not fit, naming the layer
 */
export function buildGraph(
  layers: readonly LayerSpec[],
  image: readonly [number, number, number],
  classes: number,
): Graph {
  const builder = new GraphBuilder(layers);
  const input = new Tensor("input", ...image);
  input.needsGradient = false;
  const logits = builder.chain(layers, input);
  const last = builder.nodes.at(-1);
  if (!(last instanceof ConvNode) || last.output !== logits) {
    throw new ModelError(
      "model: the network must end with a linear or conv2d layer, which gives the score of each class. " +
        `Add { type: linear, features: ${classes} } at its end`,
    );
  }
  if (logits.h !== 1 || logits.w !== 1 || logits.c !== classes) {
    throw new ModelError(
      `layer ${last.name}: expected the last layer to give [1, 1, ${classes}], one score for each of ` +
        `${classes} classes, got ${logits.shape}`,
    );
  }
  last.logits = true;
  logits.consumers = 1;
  return { image: input, nodes: builder.nodes, logits };
}

class GraphBuilder {
  readonly nodes: Node[] = [];
  readonly #taken = new Set<string>();
  readonly #counts = new Map<string, number>();
  readonly #made = new Map<LayerType<LayerSpec>, number>();

  constructor(layers: readonly LayerSpec[]) {
    for (const name of RESERVED_NAMES) this.#taken.add(name);
    const reserve = (layer: LayerSpec): void => {
      if (RESERVED_NAMES.includes(layer.name ?? "")) {
        throw new ModelError(
          `layer ${layer.name}: this name is reserved for tensors of checkpoints; use another`,
        );
      }
      if (layer.name) this.#taken.add(layer.name);
      branchesOf(layer).forEach(([, branch]) => branch.forEach(reserve));
    };
    layers.forEach(reserve);
  }

  /** Adds layers one after the other; returns the last one's output. */
  chain(layers: readonly LayerSpec[], input: Tensor): Tensor {
    let x = input;
    for (const [i, layer] of layers.entries()) {
      const { act } = layerType(layer);
      if (i > 0 && act && this.nodes.at(-1)?.fuse(act)) continue;
      x = this.#layer(layer, x);
    }
    return x;
  }

  #name(layer: LayerSpec, stem: string): string {
    if (layer.name) return layer.name;
    for (;;) {
      const n = (this.#counts.get(stem) ?? 0) + 1;
      this.#counts.set(stem, n);
      const name = `${stem}${n}`;
      if (this.#taken.has(name)) continue;
      this.#taken.add(name);
      return name;
    }
  }

  #layer(layer: LayerSpec, x: Tensor): Tensor {
    const type = layerType(layer), name = this.#name(layer, type.stem);
    const [first = x, ...rest] = branchesOf(layer).map(([, branch]) => this.chain(branch, x));
    const inputs = [first, ...rest] as const;
    for (const input of inputs) input.consumers++;
    const index = this.#made.get(type) ?? 0;
    this.#made.set(type, index + 1);
    const node = type.node(layer, { name, inputs, index });
    node.propagateNeedsGradient();
    this.nodes.push(node);
    return node.output;
  }
}
