/**
 * Collects a program while the ops plan it: buffers, quantizers, parameters and steps, in order. Passes
 * (lib/program/passes) add the rest of a program.
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

/** The quantizer of a tensor, before its row in the table is known. */
export type QuantizerSettings =
  & Pick<QuantizerSpec, "bits" | "symmetric" | "settings" | "dynamic" | "search">
  & { readonly stochastic: boolean; readonly perChannel: boolean };

/** Settings of a program that the ops need besides the network. */
interface BuildOptions {
  readonly arithmetic: Program["arithmetic"];
  /** Images of a micro-batch. */
  readonly batch: number;
  /** Micro-batches of a step. */
  readonly micros: number;
  /** Returns the quantizer of a layer's tensor; `undefined` if it is not quantized. */
  quantizing(role: QuantizerSpec["role"], layer: string): QuantizerSettings | undefined;
  /** Maximum bytes of a buffer of weights; larger tensors are split by rows. */
  readonly maxBytes: number;
  /** Returns whether tensors of a quantizer are ever quantized in two passes. */
  needsTwoPasses(quantizer: QuantizerSpec): boolean;
  /** Label smoothing, mixed labels, and how many weights of classes follow the labels: whole quads, or 0. */
  readonly targets: {
    readonly smoothing: number;
    readonly mixed: boolean;
    readonly weights: number;
  };
}

/** A tensor that a step computes, with its storage. */
export interface Output extends StepOutput {
  readonly tensor: QuantizedTensor;
}

/** Name of a section of a program. */
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
  /** Rows of weights in the table of quantizers, which come first. */
  readonly weightRows = new Map<string, number>();
  /** Row whose factor scales the learning rate of a layer. */
  readonly #rateRows = new Map<string, number>();
  /** Frozen layers. */
  readonly #frozen = new Set<string>();
  #computed = 0;

  constructor(readonly options: BuildOptions) {}

  /** Whether buffers store int8 codes, not f32. */
  get int8(): boolean {
    return this.options.arithmetic === "int8";
  }

  /** Number of computed rows in the table of quantizers. */
  get computed(): number {
    return this.#computed;
  }

  /** Bytes of a stored quad. */
  get quadBytes(): number {
    return this.int8 ? 4 : 16;
  }

  /** Adds a buffer of at least `bytes`; returns its name. */
  buffer(name: string, bytes: number, kind: BufferKind): string {
    this.buffers.push(newBuffer(name, bytes, kind));
    return name;
  }

  /**
   * Adds a tensor's quantizer, if the recipe has one for it, and returns the tensor's storage.
   *
   * @param range the range of an estimator `fixed` that does not come from the recipe
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
    const count = role === "weight" ? elements : elements * this.options.micros;
    const row = this.quantizers.push({ name, layer, role, elements: count, ...rest, settings }) - 1;
    return { buffer, row, quantized: true, stochastic };
  }

  /** Adds a row for a quantizer that a step computes from that of another tensor. */
  computedRow(): number {
    return FIRST_COMPUTED_ROW + this.#computed++;
  }

  /**
   * Adds a step.
   *
   * @param more `output`: the tensor that the step computes, if it may be quantized
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

  /** Adds storage and a quantizer for an activation. */
  store(tensor: Tensor, layer: string): QuantizedTensor {
    const elements = this.options.batch * tensor.h * tensor.w * tensor.c;
    const buffer = this.buffer(`${tensor.name}.output`, this.bytesOf(tensor), "activation");
    const spec = { name: tensor.name, layer, role: "activation", elements } as const;
    return tensor.stored = this.stored(buffer, spec, tensor.name);
  }

  /** Returns whether the kernel that computes a tensor also quantizes it, in one pass. */
  isOnePass({ row, quantized }: QuantizedTensor): boolean {
    return quantized && !this.options.needsTwoPasses(this.quantizers[row]!);
  }

  /** Returns a tensor as the output of a step. */
  output(
    variable: string,
    tensor: QuantizedTensor,
    { h, w, c: channels, quads }: Tensor,
    part?: StepOutput["part"],
  ): Output {
    const shape = { quads, channels, pixels: this.options.batch * h * w };
    return { variable, tensor, ...shape, ...part ? { part } : {} };
  }

  /** Returns the elements of an image if a batch is cut, as random numbers depend on its index; else 0. */
  #image({ channels, pixels }: Output): number {
    const { batch, micros } = this.options;
    return micros > 1 ? pixels / batch * channels : 0;
  }

  /** Returns the bytes of a tensor for all images of a micro-batch. */
  bytesOf(tensor: Tensor): number {
    return this.options.batch * tensor.h * tensor.w * tensor.quads * this.quadBytes;
  }

  /** Adds storage and a quantizer for a gradient of `tensor`. */
  storeGradient(tensor: Tensor, layer: string): QuantizedTensor {
    const part = tensor.contributions === tensor.consumers ? "" : `.${tensor.contributions}`;
    const name = `${tensor.name}.gradient${part}`;
    const elements = this.options.batch * tensor.h * tensor.w * tensor.c;
    const buffer = this.buffer(name, this.bytesOf(tensor), "gradient");
    return this.stored(buffer, { name, layer, role: "gradient", elements }, tensor.name);
  }

  /**
   * Adds a trainable tensor: its buffer `NAME`, or those of its shards.
   *
   * @param padded number of values of the whole tensor, with padding
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

  /** Scales the learning rate of a layer by its gradient's quantizer, if the estimator sets a factor. */
  scalesRate(layer: string, { row, quantized }: QuantizedTensor): void {
    const quantizer = quantized ? this.quantizers[row]! : undefined;
    if (quantizer?.search?.scaleRate) this.#rateRows.set(layer, row);
  }

  /** Returns the program so far, for the passes. */
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
