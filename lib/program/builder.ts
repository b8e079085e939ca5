/**
 * What the ops write a program into: buffers, quantizers, parameters and steps, in order.
 *
 * @module
 */
import type {
  Constants,
  Kernel,
  KernelBuffer,
  KernelOf,
  StepBuffers,
  StepConstants,
} from "../../kernels/define_kernel.ts";
import {
  type BufferKind,
  type BufferSpec,
  type NormSpec,
  type ParameterSpec,
  type QuantizePass,
  type Sections,
  type Step,
} from "./program.ts";
import { QUANTIZER_BYTES, RULE_BYTES, STEP_BYTES } from "../quant/layouts.ts";
import type { QuantizerSpec } from "../quant/quantizer.ts";
import { MAX_MEMORY } from "../quant/estimator.ts";
import { statisticsBytes } from "./passes/nonfinite_guard.ts";
import { clearBeforeMeasured, makeMeasured, measuredBuffers, waitsFor } from "./passes/two_pass.ts";
import type { Shard } from "./shards.ts";
import type { QuantizedTensor, Tensor } from "./tensor.ts";
import { planUpdates, type Trained, updateBuffers, type UpdateOptions } from "./passes/update.ts";

/** How a tensor is quantized; `undefined` where it is not. */
export type QuantizerSettings =
  & Pick<QuantizerSpec, "bits" | "symmetric" | "settings" | "dynamic" | "search">
  & { readonly stochastic: boolean; readonly perChannel: boolean };

/** What the ops need to know besides the network. */
export interface BuildOptions {
  /** Whether codes are stored, or f32. */
  readonly int8: boolean;
  /** Images of a micro-batch. */
  readonly batch: number;
  /** Micro-batches of a step. */
  readonly micros: number;
  /** How the tensor of a layer is quantized. */
  quantizing(role: QuantizerSpec["role"], layer: string): QuantizerSettings | undefined;
  /** Bytes of the largest buffer of weights; larger tensors are split by rows. */
  readonly mostBytes: number;
  /** Whether codes can be compared with real values: `telemetry: full`. */
  readonly telemetry: boolean;
  /** Whether ranges stay as they are: a program without training. */
  readonly inference: boolean;
  readonly update: UpdateOptions;
  /** Softened or mixed labels. */
  readonly targets: {
    readonly smoothing: number;
    readonly mixed: boolean;
  };
}

/** A tensor that a step makes. */
export interface Output {
  /** The kernel's variable that is bound to it. */
  readonly variable: string;
  readonly tensor: QuantizedTensor;
  /** Quads and channels of a pixel, and pixels of the batch. */
  readonly quads: number;
  readonly c: number;
  readonly pixels: number;
}

/** Part of a program. */
export type Section = keyof Sections;

/** Stands for the first row behind all quantizers while their number is not known. */
const FIRST_DERIVED = 2 ** 20;

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
  readonly rateRows = new Map<string, number>();
  /** Layers whose weights stay. */
  readonly #frozen = new Set<string>();
  readonly #trained: Trained[] = [];
  /** Quads of the largest tensor whose real values go to memory. */
  #realQuads = 0;
  /** Rows of the table that steps make from other rows; no scheduler knows of them. */
  #derived = 0;

  constructor(readonly options: BuildOptions) {}

  /** 1 where codes are stored, 0 where f32 is: the constant INT8 of every kernel. */
  get INT8(): number {
    return this.options.int8 ? 1 : 0;
  }

  /** Bytes of a stored quad. */
  get quadBytes(): number {
    return this.options.int8 ? 4 : 16;
  }

  /** A buffer of at least `bytes`. */
  buffer(name: string, bytes: number, kind: BufferKind): string {
    this.buffers.push({ name, bytes: Math.max(16, Math.ceil(bytes / 16) * 16), kind });
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

  /** A row of the table for a tensor whose quantizer a step makes from another tensor's. */
  derivedRow(): number {
    return FIRST_DERIVED + this.#derived++;
  }

  /** Numbers the derived rows, which lie behind those of all quantizers. */
  #placeDerived(): void {
    const place = ({ constants: kinds }: Kernel) => ([name, value]: [string, number]) =>
      [
        name,
        kinds[name] === "row" && value >= FIRST_DERIVED
          ? value - FIRST_DERIVED + this.quantizers.length
          : value,
      ] as const;
    for (const steps of Object.values(this.sections)) {
      for (const [i, step] of steps.entries()) {
        steps[i] = {
          ...step,
          constants: Object.fromEntries(Object.entries(step.constants).map(place(step.kernel))),
        };
      }
    }
  }

  /**
   * Adds a step.
   *
   * @param more `output`: the tensor that the step makes and its variable in the kernel, where it
   * is one that a quantizer may belong to; `unfinished`: a later step makes the rest of it; `continued`:
   * an earlier one made some of it
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
    more: {
      output?: Output;
      phase?: "train" | "eval";
      unfinished?: boolean;
      continued?: boolean;
      once?: boolean;
    } = {},
  ): void {
    const { output, phase, once } = more, to = output?.tensor, STOCHASTIC = to?.stochastic ? 1 : 0;
    if (!to?.quantized) {
      return this.push(section, layer, kernel, constants, buffers, { phase, once });
    }
    const quantizer = to.row, waits = waitsFor(this.quantizers[quantizer]!, this.options);
    const one = { ...constants, STORE: 1, STOCHASTIC, IMAGE: STOCHASTIC * this.image(output!) };
    if (!waits) {
      return this.push(section, layer, kernel, one, buffers, { quantizer, phase });
    }
    // Evaluation quantizes with ranges that stay, so it needs the static way; it has no backward pass.
    if (!this.quantizers[quantizer]!.dynamic || section !== "backward") {
      this.push(section, layer, kernel, one, buffers, { quantizer, phase, when: "static" });
    }
    if (this.options.micros > 1 && !more.continued) {
      clearBeforeMeasured(this, section, layer, quantizer);
    }
    const two = { ...constants, STORE: 2 }, real = { ...buffers, [output!.variable]: "real" };
    this.push(section, layer, kernel, two, real, { quantizer, phase, when: "measured" });
    this.#realQuads = Math.max(this.#realQuads, output!.pixels * output!.quads);
    if (!more.unfinished) makeMeasured(this, section, layer, output!);
  }

  /** Adds one step as it is. */
  push<
    const C extends Kernel["constants"],
    const B extends Readonly<Record<string, KernelBuffer>>,
  >(
    section: Section,
    layer: string,
    kernel: KernelOf<C, B>,
    constants: StepConstants<C>,
    buffers: StepBuffers<B>,
    { quantizer, phase, when, once }: {
      quantizer?: number | undefined;
      phase?: "train" | "eval" | undefined;
      when?: QuantizePass;
      once?: boolean | undefined;
    } = {},
  ): void {
    const bound = Object.entries<string | undefined>(buffers).filter(([name]) =>
      name in kernel.buffers
    );
    this.sections[section].push({
      kernel,
      layer,
      constants: this.#complete(kernel, constants),
      buffers: Object.fromEntries(bound.filter(([, buffer]) => buffer !== undefined)) as Record<
        string,
        string
      >,
      ...(quantizer !== undefined ? { quantizer } : {}),
      ...(phase ? { phase } : {}),
      ...(when ? { when } : {}),
      ...(once || section === "weights" && this.#frozen.has(layer) ? { once: true } : {}),
    });
  }

  /** All constants of a kernel but those of a tile: the given ones, and what the recipe decides. */
  #complete(kernel: Kernel, given: Constants): Constants {
    const decided: Constants = { INT8: this.INT8, ACCUMULATE: this.options.micros > 1 ? 1 : 0 };
    const all = Object.entries(kernel.constants).flatMap(([name, kind]) => {
      if (kind === "tile" || kind === "tile operand") return [];
      const value = typeof kind === "number" ? kind : given[name] ?? decided[name] ?? 0;
      return [[name, value] as const];
    });
    return Object.fromEntries(all);
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
    return quantized && !waitsFor(this.quantizers[row]!, this.options);
  }

  /** A tensor as the output of a step. */
  output(variable: string, tensor: QuantizedTensor, { h, w, c, quads }: Tensor): Output {
    return { variable, tensor, quads, c, pixels: this.options.batch * h * w };
  }

  /** Elements of an image where a batch is cut, so that random numbers go by its place; else 0. */
  image({ c, pixels }: Output): number {
    const { batch, micros } = this.options;
    return micros > 1 ? pixels / batch * c : 0;
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
   * A trainable tensor: its buffers `NAME`, and unless frozen `NAME.gradient` and the
   * optimizer's, or those of its parts.
   *
   * @param padded values of the whole with its padding
   */
  parameter(spec: ParameterSpec, padded: number, parts: readonly Shard[] = []): void {
    this.parameters.push(parts.length > 1 ? { ...spec, parts: parts.length } : spec);
    const quads = parts.reduce((sum, part) => sum + part.quads, 0);
    if (parts.length > 1) {
      for (const { suffix, quads: own } of parts) {
        this.#train({ ...spec, name: spec.name + suffix }, padded / quads * own);
      }
    } else this.#train(spec, padded);
  }

  #train(spec: ParameterSpec, padded: number): void {
    this.buffer(spec.name, 4 * padded, "parameter");
    if (spec.frozen) {
      this.#frozen.add(spec.layer);
      return;
    }
    updateBuffers(this, spec.name, padded);
    this.#trained.push({ spec, padded });
  }

  /** Lets the learning rate of a layer follow its gradient's quantizer, where that wants to. */
  scalesRate(layer: string, { row, quantized }: QuantizedTensor): void {
    const quantizer = quantized ? this.quantizers[row]! : undefined;
    if (quantizer?.search?.scaleRate) this.rateRows.set(layer, row);
  }

  /** The updates of all parameters; to be called when all gradients are planned. */
  updates(): void {
    planUpdates(this, this.#trained);
  }

  /** The buffers that every kernel may use. */
  tables(): void {
    const rows = Math.max(1, this.quantizers.length);
    if (this.#derived > 0) this.#placeDerived();
    this.buffer("quantizers", (rows + this.#derived) * QUANTIZER_BYTES, "table");
    const alarms = this.#trained.length;
    this.buffer("statistics", statisticsBytes(this.quantizers.length, alarms), "table");
    this.buffer("held", 16, "table");
    this.buffer("step", STEP_BYTES, "table");
    this.buffer("rules", rows * RULE_BYTES, "table");
    this.buffer("memory", rows * MAX_MEMORY * 4, "table");
    measuredBuffers(this, this.#realQuads);
  }
}
