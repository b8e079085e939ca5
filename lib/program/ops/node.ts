/**
 * What every op has. An op is a class of nodes in a file of its own: the shape rule of its layers, the
 * forward and backward pass, what it moves in memory, and how a table of layers describes it.
 *
 * @module
 */
import type { LayerSpec } from "../../recipe/layers.ts";
import type { Builder } from "../builder.ts";
import type { Act, Tensor } from "../tensor.ts";
import type { StaticDynamicBytes } from "./traffic.ts";

/** One layer of a network with its tensors. */
export abstract class Node {
  /** Whether its parameters stay as they are. */
  frozen = false;

  constructor(
    readonly name: string,
    readonly inputs: readonly [Tensor, ...Tensor[]],
    readonly output: Tensor,
  ) {}

  /** The input, of several the first. */
  get input(): Tensor {
    return this.inputs[0];
  }

  /** What it is in words, e.g. `conv2d 3×3 /2`. */
  abstract get kind(): string;

  /** The shape of what it computes, in words. */
  get shape(): string {
    return `${this.output.c} at ${this.output.h}×${this.output.w}`;
  }

  /** How many of its values train. */
  get parameters(): number {
    return 0;
  }

  /** Shape of its weight, `[outputs, inputs, height, width]`; absent: it has none. */
  get weightDims(): ParameterDims | undefined {
    return undefined;
  }

  /** Products of a convolution or linear layer for one image; others have none. */
  get products(): number {
    return 0;
  }

  /** Bytes that it moves for one image, forward and backward. */
  abstract traffic(): {
    readonly forward: StaticDynamicBytes;
    readonly backward: StaticDynamicBytes;
  };

  /**
   * Takes over the activation that follows it.
   *
   * @returns false where it cannot: the activation is then a node of its own
   */
  fuse(_act: Act): boolean {
    return false;
  }

  /** Decides whether its output has a gradient: something up to here trains. */
  propagateNeedsGradient(): void {
    const trains = this.parameters > 0 && !this.frozen;
    this.output.needsGradient = trains || this.inputs.some((tensor) => tensor.needsGradient);
  }

  /**
   * Plans the forward pass.
   *
   * @param next the node after it
   */
  abstract forward(b: Builder, next: Node | undefined): void;

  /** Plans the backward pass; called where its output has a gradient. */
  abstract backward(b: Builder): void;
}

/** Shape of a parameter, `[outputs, inputs, height, width]`. */
type ParameterDims = readonly [o: number, i: number, h: number, w: number];

/** What a graph decides of a node. */
export interface NodeContext {
  readonly name: string;
  /** Of a layer that consists of others: the outputs of its branches. */
  readonly inputs: readonly [Tensor, ...Tensor[]];
  /** How many layers of the same type come before it. */
  readonly index: number;
}

/** How a type of layer becomes a node. */
export interface LayerType<S extends LayerSpec> {
  /** Layers without a name are called `STEM1`, `STEM2`, …. */
  readonly stem: string;
  /** An activation: it joins the node before it where that can take it over. */
  readonly act?: Exclude<Act, "none">;
  /** Layers that the self-test of an adapter has before its last; they keep the shape. */
  readonly selfTest?: readonly LayerSpec[];
  /**
   * Makes the node.
   *
   * @throws ModelError for inputs that do not fit
   */
  node(layer: S, context: NodeContext): Node;
}

/** A kind of layer with the activation that it took over. */
export function withActivation(kind: string, act: Act): string {
  return act === "none" ? kind : `${kind} + ${act}`;
}
