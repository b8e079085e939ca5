/**
 * From a list of layers to nodes with shapes: names are made up, shapes inferred and checked, an
 * activation joins the norm or the addition before it.
 *
 * @module
 */
import { RESERVED_NAMES } from "./tensor_names.ts";
import { ModelError } from "../core/errors.ts";
import type { ActivationNode } from "./ops/activation.ts";
import type { AddNode } from "./ops/add.ts";
import type { ConvNode } from "./ops/conv.ts";
import type { DropoutNode } from "./ops/dropout.ts";
import type { NormNode } from "./ops/norm.ts";
import type { PoolNode } from "./ops/pool.ts";
import { Tensor } from "./tensor.ts";
import type { LayerSpec, Pair } from "../recipe/types.ts";

/** One layer of a network with its tensors. */
export type Node = ConvNode | NormNode | ActivationNode | AddNode | PoolNode | DropoutNode;

/** A network whose shapes fit. */
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
  if (last?.op !== "conv" || last.output !== logits) {
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

  constructor(layers: readonly LayerSpec[]) {
    for (const name of RESERVED_NAMES) this.#taken.add(name);
    const reserve = (layer: LayerSpec): void => {
      if (RESERVED_NAMES.includes(layer.name ?? "")) {
        throw new ModelError(
          `layer ${layer.name}: this name is reserved for tensors of checkpoints; use another`,
        );
      }
      if (layer.name) this.#taken.add(layer.name);
      if (layer.type === "residual") [...layer.body, ...layer.shortcut].forEach(reserve);
    };
    layers.forEach(reserve);
  }

  /** Adds layers one behind the other; returns the last one's output. */
  chain(layers: readonly LayerSpec[], input: Tensor): Tensor {
    let x = input;
    for (const [i, layer] of layers.entries()) {
      if (
        (layer.type === "relu" || layer.type === "relu6") && this.#fuse(layer.type, layers[i - 1])
      ) {
        continue;
      }
      x = this.#layer(layer, x);
    }
    return x;
  }

  /** Joins an activation to the node before it; false where it must stand alone. */
  #fuse(act: "relu" | "relu6", before: LayerSpec | undefined): boolean {
    const node = this.nodes.at(-1);
    if (before?.type === "batch_norm" && node?.op === "norm") {
      node.act = act;
      return true;
    }
    if (before?.type === "residual" && node?.op === "add" && act === "relu") {
      node.act = act;
      return true;
    }
    return false;
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
    x.consumers++;
    switch (layer.type) {
      case "conv2d": {
        const name = this.#name(layer, "conv");
        const { channels, kernel, stride, padding, groups, bias } = layer;
        const [h, w] = windowed(name, x, kernel, stride, padding);
        divisible(name, x, channels, groups);
        return this.#add({
          op: "conv",
          name,
          input: x,
          output: new Tensor(name, h, w, channels),
          kernel,
          stride,
          padding,
          groups,
          bias,
          linear: false,
          logits: false,
        });
      }
      case "linear": {
        const name = this.#name(layer, "linear");
        return this.#add({
          op: "conv",
          name,
          input: x,
          output: new Tensor(name, 1, 1, layer.features),
          kernel: [x.h, x.w],
          stride: [1, 1],
          padding: [0, 0],
          groups: 1,
          bias: layer.bias,
          linear: true,
          logits: false,
        });
      }
      case "batch_norm": {
        const name = this.#name(layer, "norm");
        const { momentum, epsilon } = layer;
        const output = new Tensor(name, x.h, x.w, x.c);
        return this.#add({ op: "norm", name, input: x, output, momentum, epsilon, act: "none" });
      }
      case "relu":
      case "relu6": {
        const name = this.#name(layer, layer.type);
        const output = new Tensor(name, x.h, x.w, x.c);
        return this.#add({ op: "activation", name, input: x, output, act: layer.type });
      }
      case "dropout": {
        const name = this.#name(layer, "dropout");
        const output = new Tensor(name, x.h, x.w, x.c), { rate } = layer;
        const index = this.nodes.filter((node) => node.op === "dropout").length;
        return this.#add({ op: "dropout", name, input: x, output, rate, index });
      }
      case "max_pool":
      case "avg_pool": {
        const name = this.#name(layer, "pool");
        const { kernel, stride, padding } = layer;
        const [h, w] = windowed(name, x, kernel, stride, padding);
        if (2 * padding[0] > kernel[0] || 2 * padding[1] > kernel[1]) {
          throw new ModelError(
            `layer ${name}: padding ${padding.join("×")} is more than half of the kernel ` +
              `${kernel.join("×")}, so some windows would see padding alone; use less padding`,
          );
        }
        const kind = layer.type === "max_pool" ? "max" : "avg";
        const output = new Tensor(name, h, w, x.c);
        return this.#add({ op: "pool", name, input: x, output, kind, kernel, stride, padding });
      }
      case "global_avg_pool": {
        const name = this.#name(layer, "pool");
        const output = new Tensor(name, 1, 1, x.c), kernel: Pair = [x.h, x.w];
        return this.#add({
          op: "pool",
          name,
          input: x,
          output,
          kind: "avg",
          kernel,
          stride: kernel,
          padding: [0, 0],
        });
      }
      case "residual": {
        const name = this.#name(layer, "residual");
        x.consumers--; // The body and the shortcut count for themselves.
        const body = this.chain(layer.body, x), shortcut = this.chain(layer.shortcut, x);
        if (body.shape !== shortcut.shape) {
          throw new ModelError(
            `layer ${name}: its body gives ${body.shape} but its shortcut ${shortcut.shape}; they are ` +
              `added, so they must be the same. Give the shortcut a conv2d with the body's ` +
              `channels and stride`,
          );
        }
        body.consumers++;
        shortcut.consumers++;
        const output = new Tensor(name, body.h, body.w, body.c);
        return this.#add({ op: "add", name, input: body, other: shortcut, output, act: "none" });
      }
    }
  }

  #add(node: Node): Tensor {
    const inputs = node.op === "add" ? [node.input, node.other] : [node.input];
    const trains = node.op === "conv" || node.op === "norm";
    node.output.needsGradient = trains || inputs.some((t) => t.needsGradient);
    this.nodes.push(node);
    return node.output;
  }
}

/** Every group has the same number of channels, in and out. */
function divisible(name: string, x: Tensor, channels: number, groups: number): void {
  for (const [what, count] of [["input", x.c], ["output", channels]] as const) {
    if (count % groups === 0) continue;
    throw new ModelError(
      `layer ${name}: expected its ${count} ${what} channels to be a multiple of its groups, got ` +
        `${groups} groups; for a depthwise convolution, groups and channels are both ${x.c}`,
    );
  }
}

/** Output height and width of a window that slides over `x`. */
function windowed(
  name: string,
  x: Tensor,
  kernel: Pair,
  stride: Pair,
  padding: Pair,
): [number, number] {
  const size = (i: 0 | 1, length: number) => {
    if (kernel[i] > length + 2 * padding[i]) {
      throw new ModelError(
        `layer ${name}: a kernel of ${
          kernel.join("×")
        } is larger than its input of ${x.h}×${x.w} with ` +
          `padding ${
            padding.join("×")
          }; use a smaller kernel, more padding, or less pooling before it`,
      );
    }
    return Math.floor((length + 2 * padding[i] - kernel[i]) / stride[i]) + 1;
  };
  return [size(0, x.h), size(1, x.w)];
}
