/**
 * What the ops write a program into: buffers, quantizers, parameters and steps, in order.
 *
 * @module
 */
import { ModelError } from "../errors.ts";
import {
  type BufferKind,
  type BufferSpec,
  type Constants,
  type NormSpec,
  type ParameterSpec,
  QUANTIZER_BYTES,
  type QuantizerSpec,
  type Sections,
  type Step,
  STEP_BYTES,
} from "../program.ts";
import { ROW_BYTES } from "../quant/statistics.ts";
import type { Stored, Tensor } from "./tensor.ts";

/** What the ops need to know besides the network. */
export interface PlanOptions {
  readonly int8: boolean;
  readonly batch: number;
  readonly activations: { readonly bits: number; readonly symmetric: boolean };
  readonly gradients: {
    readonly bits: number;
    readonly symmetric: boolean;
    readonly stochastic: boolean;
  };
  readonly optimizer: {
    readonly momentum: number;
    readonly nesterov: boolean;
    readonly weightDecay: number;
  };
}

type Section = keyof Sections;

/** Workgroups a dimension may have under WebGPU's base limits. */
const MOST_WORKGROUPS = 65535;

/** A dispatch of `count` workgroups, folded into two dimensions where one is too short. */
export function grid(count: number, z = 1): [number, number, number] {
  const rows = Math.ceil(count / MOST_WORKGROUPS);
  return [Math.ceil(count / rows), rows, z];
}

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
    weights: [],
  };
  /** Rows that weights have, which come first. */
  readonly weightRows = new Map<string, number>();

  constructor(readonly options: PlanOptions) {}

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

  /** A quantizer; its row. Without int8 there is none, and row 0 stands for it. */
  quantizer(spec: QuantizerSpec): number {
    return this.options.int8 ? this.quantizers.push(spec) - 1 : 0;
  }

  /** The widest load that divides `quads`; an f32 quad is as wide as a load can be. */
  wide(quads: number): number {
    if (!this.options.int8) return 1;
    return quads % 4 === 0 ? 4 : quads % 2 === 0 ? 2 : 1;
  }

  /** Adds a step. */
  step(
    section: Section,
    layer: string,
    kernel: string,
    workgroups: [number, number, number],
    constants: Constants,
    buffers: Readonly<Record<string, string>>,
    more: { quantizer?: number; phase?: "train" | "eval" } = {},
  ): void {
    const { quantizer, phase } = more;
    const most = Math.max(...workgroups);
    if (most > MOST_WORKGROUPS) {
      throw new ModelError(
        `layer ${layer}: ${kernel} would need ${most} workgroups where WebGPU allows ` +
          `${MOST_WORKGROUPS}; use smaller images, or pooling before this layer`,
      );
    }
    this.sections[section].push({
      kernel,
      layer,
      workgroups,
      constants: { INT8: this.INT8, STOCHASTIC: 0, ...constants },
      buffers,
      ...(quantizer !== undefined && this.options.int8 ? { quantizer } : {}),
      ...(phase ? { phase } : {}),
    });
  }

  /** Storage and a quantizer for an activation. */
  store(tensor: Tensor, layer: string): Stored {
    const { bits, symmetric } = this.options.activations;
    const elements = this.options.batch * tensor.h * tensor.w * tensor.c;
    tensor.stored = {
      buffer: this.buffer(`${tensor.name}.output`, this.bytesOf(tensor), "activation"),
      row: this.quantizer({
        name: tensor.name,
        layer,
        role: "activation",
        elements,
        bits,
        symmetric,
      }),
    };
    return tensor.stored;
  }

  /** Bytes of a tensor of the whole batch. */
  bytesOf(tensor: Tensor): number {
    return this.options.batch * tensor.h * tensor.w * tensor.quads * this.quadBytes;
  }

  /** Storage and a quantizer for a gradient of `tensor`. */
  storeGradient(tensor: Tensor, layer: string): Stored {
    const { bits, symmetric } = this.options.gradients;
    const part = tensor.contributions === tensor.consumers ? "" : `.${tensor.contributions}`;
    const name = `${tensor.name}.gradient${part}`;
    const elements = this.options.batch * tensor.h * tensor.w * tensor.c;
    return {
      buffer: this.buffer(name, this.bytesOf(tensor), "gradient"),
      row: this.quantizer({ name, layer, role: "gradient", elements, bits, symmetric }),
    };
  }

  /** A trainable tensor: its buffers `NAME`, `NAME.gradient`, `NAME.velocity`, and its update. */
  parameter(spec: ParameterSpec, padded: number): void {
    const { momentum, nesterov, weightDecay } = this.options.optimizer;
    this.parameters.push(spec);
    this.buffer(spec.name, 4 * padded, "parameter");
    this.buffer(`${spec.name}.gradient`, 4 * padded, "optimizer");
    this.buffer(`${spec.name}.velocity`, 4 * padded, "optimizer");
    const size = padded / 4, R = 4;
    this.step("update", spec.layer, "sgd", grid(Math.ceil(size / (64 * R))), {
      V: 1,
      R,
      SIZE: size,
      MOMENTUM: momentum,
      NESTEROV: nesterov ? 1 : 0,
      WEIGHT_DECAY: weightDecay,
      QUANTIZED: spec.quantizer === undefined ? 0 : 1,
      W_ROW: spec.quantizer ?? 0,
    }, { gradient: `${spec.name}.gradient`, weight: spec.name, velocity: `${spec.name}.velocity` });
  }

  /** The buffers that every kernel may use. */
  tables(): void {
    const rows = Math.max(1, this.quantizers.length);
    this.buffer("quantizers", rows * QUANTIZER_BYTES, "table");
    this.buffer("statistics", rows * ROW_BYTES, "table");
    this.buffer("step", STEP_BYTES, "table");
  }
}
