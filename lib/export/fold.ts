/**
 * Turns a trained network into the form that other programs run (network.ts): batch norm is folded into
 * the convolution before it (Jacob et al. 2018, arXiv 1712.05877, §3.2), so that the quantizer between
 * the two is gone; dropout is gone; an activation joins what computes its input.
 *
 * @module
 */
import { UsageError } from "../core/errors.ts";
import { buildGraph, type Graph } from "../program/graph.ts";
import type { InputSpec } from "../program/input_spec.ts";
import { ActivationNode } from "../program/ops/activation.ts";
import { AddNode } from "../program/ops/add.ts";
import { ConvNode } from "../program/ops/conv.ts";
import { DropoutNode } from "../program/ops/dropout.ts";
import type { Node } from "../program/ops/node.ts";
import { NormNode } from "../program/ops/norm.ts";
import { PoolNode } from "../program/ops/pool.ts";
import { layersOf, pixelBounds } from "../program/plan.ts";
import { matches, QuantizerConfig } from "../program/quantizer_config.ts";
import type { Act, Tensor } from "../program/tensor.ts";
import type { QuantizerSettings } from "../program/builder.ts";
import type { EstimatorMakers } from "../quant/estimator.ts";
import { quantizerOf, type Range } from "../quant/range.ts";
import type { Recipe } from "../recipe/recipe.ts";
import { NO_NORM, quantizedWeights, realWeights } from "./fold_weights.ts";
import type {
  ExportConv,
  ExportNetwork,
  ExportNode,
  ExportTensor,
  FloatWeights,
  QuantizedWeights,
  Quantizer,
} from "./network.ts";

/** What training has made of a network. */
export interface TrainedNetwork {
  readonly recipe: Recipe;
  /** Shape, classes and normalization of the images. */
  readonly spec: InputSpec;
  /** Returns a tensor by its name, such as `conv1.weight`, as evaluation uses it. */
  find(name: string, shape: readonly number[]): Float32Array;
  /** Ranges by the name of the quantizer. */
  readonly ranges: ReadonlyMap<string, Range>;
  /** Estimators by name. */
  readonly makers: EstimatorMakers;
}

/**
 * Why a network cannot be written in int8, with what to do instead; `undefined` where it can. All
 * tensors between layers must have 8 bits, and weights at most 8.
 */
export function whyNotInt8(trained: TrainedNetwork): string | undefined {
  return new Folder(trained, false).whyNotInt8();
}

/**
 * A pattern (`match` in a recipe) of the convolutions that a norm is folded into, whose output the run
 * rounds and the file does not.
 */
export function foldedLayers(trained: TrainedNetwork): string {
  return new Folder(trained, true).foldedLayers();
}

/**
 * Folds a trained network.
 *
 * @param float32 real values in place of codes; weights have the values that their codes represent,
 * with which the network has computed
 * @throws UsageError for an int8 network where {@linkcode whyNotInt8} has a reason
 */
export function foldNetwork(trained: TrainedNetwork, float32: boolean): ExportNetwork {
  const folder = new Folder(trained, float32), why = float32 ? undefined : folder.whyNotInt8();
  if (why !== undefined) throw new UsageError(why);
  return folder.network();
}

const fround = Math.fround;

/** How the weights of a norm without a convolution are quantized, which are all 1. */
const EIGHT_BITS = { bits: 8, perChannel: true };

/** What the names of convolutions in most networks of the zoo have in common. */
const USUAL_CONV = "*conv*";

class Folder {
  readonly #graph: Graph;
  readonly #config: QuantizerConfig;
  /** The tensors of the export by those of the graph: several may be one. */
  readonly #tensors = new Map<Tensor, ExportTensor>();
  readonly #consumers = new Map<Tensor, Node[]>();

  constructor(readonly trained: TrainedNetwork, readonly float32: boolean) {
    const { recipe, spec, makers } = trained;
    this.#graph = buildGraph(layersOf(recipe, spec), spec.shape, spec.classes);
    const { nodes } = this.#graph, names = ["input", ...nodes.map(({ name }) => name)];
    this.#config = new QuantizerConfig(recipe.quantize, names, makers);
    for (const node of nodes) {
      for (const input of node.inputs) {
        this.#consumers.set(input, [...this.#consumers.get(input) ?? [], node]);
      }
    }
  }

  whyNotInt8(): string | undefined {
    const { recipe } = this.trained;
    if (recipe.quantize.arithmetic === "float32") {
      return "expected a run with quantize.arithmetic: int8 or simulated, got one in float32, which " +
        "has no ranges; train with int8, or export it as .onnx with --float32";
    }
    const folded = new Set(this.#graph.nodes.filter((node) => this.#foldedBy(node)));
    for (const node of this.#graph.nodes) {
      const weights = node.weightDims && this.#config.of("weight", node.name);
      if (node.weightDims && (!weights || weights.bits > 8)) {
        return this.#bitsText(node.name, "weights", weights);
      }
      const copies = node instanceof DropoutNode || node instanceof PoolNode && node.mode === "max";
      const joined = node instanceof ConvNode && this.#activationAfter(node.output);
      if (node.output === this.#graph.logits || copies || joined || folded.has(node)) continue;
      const activations = this.#config.of("activation", node.name);
      if (activations?.bits !== 8) return this.#bitsText(node.name, "activations", activations);
    }
    const input = this.#config.of("input", "input");
    return input?.bits === 8 ? undefined : this.#bitsText("input", "activations", input);
  }

  #bitsText(layer: string, what: string, settings: QuantizerSettings | undefined): string {
    const expected = what === "weights" ? "at most 8 bits" : "8 bits";
    const got = settings ? `${settings.bits}` : "none (not quantized)";
    return `layer ${layer}: expected ${what} of ${expected}, which files in int8 hold, got ${got} in ` +
      `quantize.${what}; train with ${what} of 8 bits, or export it as .onnx with --float32`;
  }

  foldedLayers(): string {
    const { nodes } = this.#graph, folded = nodes.filter((node) => this.#foldedBy(node));
    const usual = nodes.filter(({ name }) => matches(USUAL_CONV, name));
    const same = usual.length === folded.length && usual.every((node) => folded.includes(node));
    return same ? USUAL_CONV : folded.map(({ name }) => name).join("|");
  }

  network(): ExportNetwork {
    const { image, nodes: all, logits } = this.#graph, { spec } = this.trained;
    const input = this.#tensor(image, "input"), nodes: ExportNode[] = [];
    const done = new Set<Node>();
    for (const node of all) {
      if (done.has(node)) continue;
      const [made, ...joined] = this.#node(node);
      if (made) nodes.push(made);
      joined.forEach((other) => done.add(other));
    }
    return {
      input,
      nodes,
      logits: this.#at(logits),
      scale: spec.std.map((std) => fround(1 / (255 * std))),
      shift: spec.mean.map((mean, c) => fround(-mean / spec.std[c]!)),
    };
  }

  /** The layer that a node becomes, if any, and the nodes after it that are part of it. */
  #node(node: Node): [ExportNode | undefined, ...Node[]] {
    const { name } = node;
    if (node instanceof DropoutNode) {
      this.#tensors.set(node.output, this.#at(node.input));
      return [undefined];
    }
    if (node instanceof ConvNode) return this.#conv(node);
    if (node instanceof NormNode) return this.#loneNorm(node);
    if (node instanceof AddNode) {
      const next = node.act === "none" ? this.#activationAfter(node.output) : undefined;
      const act = next?.act ?? node.act, output = this.#tensor((next ?? node).output);
      const [input, other] = [this.#at(node.input), this.#at(node.other)];
      return [{ op: "add", name, input, other, output, act }, ...next ? [next] : []];
    }
    const input = this.#at(node.input);
    if (node instanceof PoolNode) {
      const { mode, kernel, stride, padding } = node, { h, w, c } = node.output;
      const max = mode === "max",
        global = !max && kernel[0] === input.h && kernel[1] === input.w &&
          padding[0] === 0 && padding[1] === 0;
      const output = max
        ? this.#add(node.output, { ...input, name, h, w, c })
        : this.#tensor(node.output);
      return [{
        op: max ? "max_pool" : "avg_pool",
        name,
        input,
        output,
        kernel,
        stride,
        padding,
        global,
      }];
    }
    if (node instanceof ActivationNode) {
      const { act } = node;
      return [{ op: "activation", name, input, output: this.#tensor(node.output), act }];
    }
    throw new Error(`layer ${name}: a kind of layer without an export`);
  }

  /** A convolution with the norm and the activation that follow it. */
  #conv(node: ConvNode): [ExportConv, ...Node[]] {
    const { name, kernel, stride, padding, linear } = node;
    const norm = this.#foldedBy(node), from = norm ?? node;
    const next = norm && norm.act !== "none" ? undefined : this.#activationAfter(from.output);
    const input = this.#at(node.input), output = this.#tensor((next ?? from).output);
    const joined = [...norm ? [norm] : [], ...next ? [next] : []];
    const weights = this.#weights(node, norm, input, output);
    const act: Act = next?.act ?? norm?.act ?? "none";
    const groups = node.depthwise ? node.groups : 1;
    const window = { kernel, stride, padding, groups, linear };
    return [{ op: "conv", name, input, output, ...window, weights, act }, ...joined];
  }

  /** A norm without a convolution before it: a depthwise convolution of one tap. */
  #loneNorm(norm: NormNode): [ExportConv, ...Node[]] {
    const next = norm.act === "none" ? this.#activationAfter(norm.output) : undefined;
    const input = this.#at(norm.input), output = this.#tensor((next ?? norm).output);
    const affine = this.#affine(norm), n = affine.factor.length;
    const unit = { values: new Float32Array(n).fill(1), bias: new Float32Array(n) };
    const weights = this.float32
      ? realWeights(unit, affine, undefined)
      : quantizedWeights(unit, affine, EIGHT_BITS, { input, output });
    const window = {
      kernel: [1, 1],
      stride: [1, 1],
      padding: [0, 0],
      groups: n,
      linear: false,
    } as const;
    const act = next?.act ?? norm.act;
    const made = { op: "conv", name: norm.name, input, output, ...window, weights, act } as const;
    return [made, ...next ? [next] : []];
  }

  /** The norm that a convolution folds with: the only one that reads its output. */
  #foldedBy(node: Node): NormNode | undefined {
    if (!(node instanceof ConvNode) || node.logits) return undefined;
    const [first, ...others] = this.#consumers.get(node.output) ?? [];
    return first instanceof NormNode && others.length === 0 ? first : undefined;
  }

  /** The activation that alone reads a tensor. */
  #activationAfter(tensor: Tensor): ActivationNode | undefined {
    const [first, ...others] = this.#consumers.get(tensor) ?? [];
    return first instanceof ActivationNode && others.length === 0 ? first : undefined;
  }

  /** The weights of a convolution with those of the norm after it. */
  #weights(
    node: ConvNode,
    norm: NormNode | undefined,
    input: ExportTensor,
    output: ExportTensor,
  ): QuantizedWeights | FloatWeights {
    const { name, weightDims: [o, i, h, w], linear, bias } = node;
    const { find, recipe: { quantize } } = this.trained;
    const values = find(`${name}.weight`, linear ? [o, i * h * w] : [o, i, h, w]);
    const weights = { values, bias: bias ? find(`${name}.bias`, [o]) : new Float32Array(o) };
    const how = quantize.arithmetic === "float32" ? undefined : this.#config.of("weight", name);
    const affine = norm ? this.#affine(norm) : NO_NORM;
    return this.float32
      ? realWeights(weights, affine, how)
      : quantizedWeights(weights, affine, how!, { input, output });
  }

  /** A norm as factor · (y − mean) + shift by channel. */
  #affine(norm: NormNode) {
    const { name, epsilon, input: { c } } = norm, { find } = this.trained;
    const [weight, bias, mean, variance] = ["weight", "bias", "running_mean", "running_var"]
      .map((part) => find(`${name}.${part}`, [c])) as [
        Float32Array,
        Float32Array,
        Float32Array,
        Float32Array,
      ];
    // As kernels/norm_running_coefficients rounds.
    const factor = Array.from(weight, (gamma, k) => {
      const inverse = fround(1 / fround(Math.sqrt(fround(variance[k]! + fround(epsilon)))));
      return fround(gamma * inverse);
    });
    return { factor, mean: Array.from(mean), shift: Array.from(bias) };
  }

  /** The tensor of the export for one that has been made. */
  #at(tensor: Tensor): ExportTensor {
    return this.#tensors.get(tensor)!;
  }

  #add(tensor: Tensor, made: ExportTensor): ExportTensor {
    this.#tensors.set(tensor, made);
    return made;
  }

  /** Makes the tensor of the export for one that a layer computes, with its quantizer. */
  #tensor(tensor: Tensor, role: "input" | "activation" = "activation"): ExportTensor {
    const { name, h, w, c } = tensor;
    if (this.float32 || tensor === this.#graph.logits) return this.#add(tensor, { name, h, w, c });
    const how = this.#config.of(role, name)!, { ranges, makers, spec } = this.trained;
    const [low, high] = pixelBounds(spec);
    const range = role === "input"
      ? { low, high }
      : ranges.get(name) ?? makers[how.settings.estimator]!(how.settings).initial;
    const { scale, zero } = quantizerOf(range, how.bits, how.symmetric);
    const quantizer: Quantizer = { scale, zero };
    return this.#add(tensor, { name, h, w, c, quantizer });
  }
}
