/**
 * What the ops write a program into: buffers, quantizers, parameters and steps, in order. It only
 * collects; what else a program needs, passes add (lib/program/passes).
 *
 * @module
 */
import type {
  Kernel,
  KernelBuffer,
  KernelOf,
  StepBuffers,
  StepConstants,
} from "../../kernels/define_kernel.ts";
import { STEP } from "../quant/layouts.ts";
import type { QuantizerSpec } from "../quant/quantizer.ts";
import { FIRST_COMPUTED_ROW } from "./passes/computed_quantizers.ts";
import type {
  BufferKind,
  BufferSpec,
  NormSpec,
  ParameterSpec,
  Program,
  Sections,
  Step,
  StepOutput,
} from "./program.ts";
import type { Shard } from "./shards.ts";
import { newBuffer, newStep } from "./step.ts";
import type { QuantizedTensor, Tensor } from "./tensor.ts";

/** How a tensor is quantized; `undefined` where it is not. */
export type QuantizerSettings =
  & Pick<QuantizerSpec, "bits" | "symmetric" | "settings" | "dynamic" | "search">
  & { readonly stochastic: boolean; readonly perChannel: boolean };

/** What the ops need to know besides the network. */
export interface BuildOptions {
  readonly arithmetic: Program["arithmetic"];
  /** Images of a micro-batch. */
  readonly batch: number;
  /** Micro-batches of a step. */
  readonly micros: number;
  /** How the tensor of a layer is quantized. */
  quantizing(role: QuantizerSpec["role"], layer: string): QuantizerSettings | undefined;
  /** Bytes of the largest buffer of weights; larger tensors are split by rows. */
  readonly mostBytes: number;
  /** Whether tensors of a quantizer are ever quantized in two passes. */
  needsTwoPasses(quantizer: QuantizerSpec): boolean;
  /** Softened or mixed labels. */
  readonly targets: {
    readonly smoothing: number;
    readonly mixed: boolean;
  };
}

/** A tensor that a step makes, and where it is stored. */
export interface Output extends StepOutput {
  readonly tensor: QuantizedTensor;
}

/** Part of a program. */
export type Section = keyof Sections;

/** Collects a program while the ops plan it. */
export class Builder {
  readonly buffers: BufferSpec[] = [];
  readonly quantizers: QuantizerSpec[] = [];
  readonly parameters: ParameterSpec[] = [];
  readonly norms: NormSpec[] = [];
  readonly sections: Record<Section, Step[]> = {
    forward: [],
    loss: [],
    backward: [],
    update: [],
    schedule: [],
    weights: [],
    exchange: [],
    calibrate: [],
  };
  /** Rows that weights have, which come first. */
  readonly weightRows = new Map<string, number>();
  /** Rows whose factor scales the learning rate of a layer. */
  readonly #rateRows = new Map<string, number>();
  /** Layers whose weights stay. */
  readonly #frozen = new Set<string>();
  #computed = 0;

  constructor(readonly options: BuildOptions) {}

  /** Whether codes are stored, or f32. */
  get int8(): boolean {
    return this.options.arithmetic === "int8";
  }

  /** Rows of the table of quantizers that steps compute. */
  get computed(): number {
    return this.#computed;
  }

  /** Bytes of a stored quad. */
  get quadBytes(): number {
    return this.int8 ? 4 : 16;
  }

  /** A buffer of at least `bytes`. */
  buffer(name: string, bytes: number, kind: BufferKind): string {
    this.buffers.push(newBuffer(name, bytes, kind));
    return name;
  }

  /**
   * Where a tensor lies, with a quantizer where the recipe wants one.
   *
   * @param range of an estimator that is `fixed` by something else than the recipe
   */
  stored(
    buffer: string,
    { name, layer, role, elements }: Pick<QuantizerSpec, "name" | "layer" | "role" | "elements">,
    tensor: string,
    range?: readonly [low: number, high: number],
  ): QuantizedTensor {
    const how = this.options.quantizing(role, tensor);
    if (!how) return { buffer, row: 0, quantized: false, stochastic: false };
    const { stochastic, perChannel: _, ...rest } = how;
    const settings = range ? { ...how.settings, range } : how.settings;
    const seen = role === "weight" ? elements : elements * this.options.micros;
    const row = this.quantizers.push({ name, layer, role, elements: seen, ...rest, settings }) - 1;
    return { buffer, row, quantized: true, stochastic };
  }

  /** A row of the table for a tensor whose quantizer a step computes from another tensor's. */
  computedRow(): number {
    return FIRST_COMPUTED_ROW + this.#computed++;
  }

  /**
   * Adds a step.
   *
   * @param more `output`: the tensor that the step makes, where it is one that may be quantized
   */
  step<
    const C extends Kernel["constants"],
    const B extends Readonly<Record<string, KernelBuffer>>,
  >(
    section: Section,
    layer: string,
    kernel: KernelOf<C, B>,
    constants: StepConstants<C>,
    buffers: StepBuffers<B>,
    more: { readonly output?: Output } & Pick<Step, "phase" | "afterLoad"> = {},
  ): void {
    const { output, phase, afterLoad } = more;
    const frozen = section === "weights" && this.#frozen.has(layer);
    const rest = { ...phase ? { phase } : {}, ...afterLoad || frozen ? { afterLoad: true } : {} };
    if (!output?.tensor.quantized) {
      this.sections[section].push(newStep(this.options, layer, kernel, constants, buffers, rest));
      return;
    }
    const { tensor: { row, stochastic }, ...made } = output, STOCHASTIC = stochastic ? 1 : 0;
    const stored = { ...constants, STORE: 1, STOCHASTIC, IMAGE: STOCHASTIC * this.#image(output) };
    this.sections[section].push(
      newStep(this.options, layer, kernel, stored, buffers, {
        ...rest,
        output: made,
        quantizer: row,
      }),
    );
  }

  /** Storage and a quantizer for an activation. */
  store(tensor: Tensor, layer: string): QuantizedTensor {
    const elements = this.options.batch * tensor.h * tensor.w * tensor.c;
    const buffer = this.buffer(`${tensor.name}.output`, this.bytesOf(tensor), "activation");
    const spec = { name: tensor.name, layer, role: "activation", elements } as const;
    return tensor.stored = this.stored(buffer, spec, tensor.name);
  }

  /** Whether codes of a tensor are made in one pass, by the kernel that makes the tensor. */
  isOnePass({ row, quantized }: QuantizedTensor): boolean {
    return quantized && !this.options.needsTwoPasses(this.quantizers[row]!);
  }

  /** A tensor as the output of a step. */
  output(
    variable: string,
    tensor: QuantizedTensor,
    { h, w, c: channels, quads }: Tensor,
    part?: StepOutput["part"],
  ): Output {
    const shape = { quads, channels, pixels: this.options.batch * h * w };
    return { variable, tensor, ...shape, ...part ? { part } : {} };
  }

  /** Elements of an image where a batch is cut, so that random numbers go by its place; else 0. */
  #image({ channels, pixels }: Output): number {
    const { batch, micros } = this.options;
    return micros > 1 ? pixels / batch * channels : 0;
  }

  /** Bytes of a tensor of all images in memory. */
  bytesOf(tensor: Tensor): number {
    return this.options.batch * tensor.h * tensor.w * tensor.quads * this.quadBytes;
  }

  /** Storage and a quantizer for a gradient of `tensor`. */
  storeGradient(tensor: Tensor, layer: string): QuantizedTensor {
    const part = tensor.contributions === tensor.consumers ? "" : `.${tensor.contributions}`;
    const name = `${tensor.name}.gradient${part}`;
    const elements = this.options.batch * tensor.h * tensor.w * tensor.c;
    const buffer = this.buffer(name, this.bytesOf(tensor), "gradient");
    return this.stored(buffer, { name, layer, role: "gradient", elements }, tensor.name);
  }

  /**
   * A trainable tensor: its buffer `NAME`, or those of its shards.
   *
   * @param padded values of the whole with its padding
   */
  parameter(spec: ParameterSpec, padded: number, shards: readonly Shard[] = []): void {
    if (spec.frozen) this.#frozen.add(spec.layer);
    if (shards.length <= 1) {
      this.parameters.push(spec);
      this.buffer(spec.name, 4 * padded, "parameter");
      return;
    }
    this.parameters.push({ ...spec, parts: shards.length });
    const quads = shards.reduce((sum, shard) => sum + shard.quads, 0);
    for (const { suffix, quads: own } of shards) {
      this.buffer(spec.name + suffix, 4 * padded / quads * own, "parameter");
    }
  }

  /** Lets the learning rate of a layer follow its gradient's quantizer, where that wants to. */
  scalesRate(layer: string, { row, quantized }: QuantizedTensor): void {
    const quantizer = quantized ? this.quantizers[row]! : undefined;
    if (quantizer?.search?.scaleRate) this.#rateRows.set(layer, row);
  }

  /** The program so far, as passes take it on. */
  program(data: Pick<Program, "input" | "classes" | "training">): Program {
    const { arithmetic, batch, micros } = this.options;
    this.buffer("step", STEP.bytes, "table");
    return {
      arithmetic,
      batch,
      micros,
      ...data,
      buffers: this.buffers,
      sections: this.sections,
      quantizers: this.quantizers,
      weightQuantizers: this.weightRows.size,
      parameters: this.parameters.map((parameter) => {
        const rateRow = this.#rateRows.get(parameter.layer);
        return rateRow === undefined ? parameter : { ...parameter, rateRow };
      }),
      norms: this.norms,
    };
  }
}
