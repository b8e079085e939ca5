/**
 * A program: a planned network. It is a flat list of steps, each one kernel with its constants and
 * buffers; two executors run it, on the GPU and on the CPU.
 *
 * @module
 */
import type { Constants, Kernel, KernelBuffer } from "../../kernels/define_kernel.ts";
import type { OptimizerSpec } from "../recipe/train.ts";
import type { Arithmetic, QuantizerSpec } from "../quant/quantizer.ts";

/**
 * Purpose of a buffer; `check` and the memory report group by it. Activations, gradients and scratch are
 * written in every step before they are read, by a kernel or by the host, so their old contents are not
 * needed.
 */
export type BufferKind =
  | "parameter"
  | "optimizer"
  | "activation"
  | "gradient"
  | "scratch"
  | "table";

/** A buffer that the program needs. */
export interface BufferSpec {
  /** Name, unique in a program. */
  readonly name: string;
  /** Size in bytes, a multiple of 16. */
  readonly bytes: number;
  /** Purpose. */
  readonly kind: BufferKind;
}

/** A tensor that a step computes and quantizes. */
export interface StepOutput {
  /** The kernel's variable. */
  readonly variable: string;
  /** Quads per pixel. */
  readonly quads: number;
  /** Channels without padding. */
  readonly channels: number;
  /** Pixels of a micro-batch. */
  readonly pixels: number;
  /** Position of the step where several steps compute one tensor. */
  readonly part?: "first" | "middle" | "last";
}

/** One dispatch of one kernel. */
export interface Step {
  /** The kernel. */
  readonly kernel: Kernel;
  /** The layer it belongs to. */
  readonly layer: string;
  /** The kernel's constants, without those of a tile, which the executor chooses. */
  readonly constants: Constants;
  /** Names of the program's buffers by the kernel's variables, without those that all steps share. */
  readonly buffers: Readonly<Record<string, string>>;
  /** The tensor that it computes and quantizes, if any. */
  readonly output?: StepOutput;
  /** Row of the quantizer whose tensor this step computes, measures or quantizes. */
  readonly quantizer?: number;
  /** Runs only in this phase; absent: in both. */
  readonly phase?: "train" | "eval";
  /** Runs only when the tensor is quantized in this pass; absent: always. */
  readonly pass?: QuantizePass;
  /** In section `weights`: runs only after loading, as frozen weights do not change. */
  readonly afterLoad?: boolean;
}

/** A buffer that a step binds. */
export interface Bound extends KernelBuffer {
  /** The kernel's variable. */
  readonly variable: string;
  /** The program's buffer. */
  readonly name: string;
}

/** Returns the buffers that a step binds: its own, and those that all steps share. */
export function boundBuffers({ kernel, constants, buffers }: Step): Bound[] {
  return Object.entries(kernel.buffers).flatMap(([variable, buffer]) => {
    const { when, unless, shared } = buffer;
    if (when !== undefined && !constants[when] || unless !== undefined && constants[unless]) {
      return [];
    }
    const name = shared ?? buffers[variable];
    if (name === undefined) throw new Error(`kernel ${kernel.name} is given no buffer ${variable}`);
    return [{ ...buffer, variable, name }];
  });
}

/** Returns every step of a program. */
export function allSteps({ sections }: Pick<Program, "sections">): Step[] {
  return Object.values(sections).flat();
}

/**
 * How a tensor is quantized. One pass: the kernel that computes it also quantizes it, with a range that is
 * known before. Two passes: its f32 values are written to the buffer `f32_scratch`, measured, and then
 * quantized. Between the passes, `estimate` sets the range of a dynamic quantizer and `search` searches
 * for one; after them, `telemetry` compares codes with the f32 values.
 */
export type QuantizePass = "one-pass" | "two-pass" | "estimate" | "search" | "telemetry";

/** A trainable tensor and its buffers. */
export interface ParameterSpec {
  /** Its name in a checkpoint, e.g. `conv1.weight`. */
  readonly name: string;
  /** The layer it belongs to. */
  readonly layer: string;
  /** Its role in the layer. */
  readonly role: "weight" | "bias" | "norm";
  /** Outputs, inputs, kernel height and width; a bias is [o, 1, 1, 1], norm [2, channels, 1, 1]. */
  readonly dims: readonly [o: number, i: number, h: number, w: number];
  /** A linear layer's weight: [o, i·h·w] in a file. */
  readonly linear?: boolean;
  /** A depthwise convolution's weight: its buffer is [h·w, o], as each output sees one input. */
  readonly depthwise?: boolean;
  /** Row of the weight's quantizer. */
  readonly quantizer?: number;
  /** Frozen: no gradient, no optimizer state. */
  readonly frozen?: boolean;
  /** Number of shards by outputs, if it is split: buffers `NAME.0`, …, `NAME.0.gradient`, …. */
  readonly parts?: number;
  /** Row of the quantizer whose factor scales its learning rate (dsgc). */
  readonly rateRow?: number;
}

/** Returns the buffers of a parameter, or of its shards if it is split by rows. */
export function buffersOf(
  { name, parts }: { readonly name: string; readonly parts?: number | undefined },
): string[] {
  return parts === undefined ? [name] : Array.from({ length: parts }, (_, i) => `${name}.${i}`);
}

/** Batch norm's running statistics: a buffer `LAYER.running` of [2, padded channels]. */
export interface NormSpec {
  /** The layer. */
  readonly layer: string;
  /** Number of channels, without padding. */
  readonly channels: number;
}

/** The steps of a program, in the order in which a training step runs them. */
export interface Sections {
  /** From pixels to logits. */
  readonly forward: readonly Step[];
  /** Loss, correct answers, gradient of the logits. */
  readonly loss: readonly Step[];
  /** Gradients of activations and parameters. */
  readonly backward: readonly Step[];
  /** Updates of the parameters by the optimizer. */
  readonly update: readonly Step[];
  /** With the scheduler on the device: sets the next step's ranges from this step's statistics. */
  readonly schedule: readonly Step[];
  /** Converts master weights for the convolutions; after an update, and after loading. */
  readonly weights: readonly Step[];
  /** Swaps master weights and their moving average, before and after an evaluation. */
  readonly exchange: readonly Step[];
  /** Sets the first range of each quantizer except those of weights, from the statistics of a batch. */
  readonly calibrate: readonly Step[];
}

/** Settings of training that a step depends on, without the learning rate. */
export interface TrainingSpec {
  /** Label smoothing: the share of a label that is spread over all classes. */
  readonly smoothing: number;
  /** Whether samples may have two labels, in a buffer `mixes` of [second label, bits of the first's weight]. */
  readonly mixed: boolean;
  /** Weights of classes behind the labels in buffer `labels`, in whole quads; 0: none. */
  readonly weights: number;
  /** The optimizer; some correct a bias by the number of the step. */
  readonly optimizer: OptimizerSpec;
  /** Whether parameters have a moving average. */
  readonly averages: boolean;
  /** Whether gradients are clipped; their norm is then the second word of buffer `clip`. */
  readonly clips: boolean;
}

/** Position of a tensor in a region. */
export interface TensorPlacement {
  /** Index of the region. */
  readonly region: number;
  /** Offset in the region in bytes, a multiple of 256. */
  readonly offset: number;
}

/** Which tensors share memory (lib/program/memory/layout.ts). */
export interface Layout {
  /** Bytes of each region: a buffer that tensors share, at different times. */
  readonly regions: readonly number[];
  /** Position of each tensor by its name; other tensors have their own buffer. */
  readonly places: ReadonlyMap<string, TensorPlacement>;
}

/** A planned network. */
export interface Program {
  /** `int8`: codes in memory; `simulated`: f32 values that codes represent; `float32`: no quantizers. */
  readonly arithmetic: Arithmetic;
  /** Images of a forward and backward pass: the batch, or a micro-batch of it. */
  readonly batch: number;
  /** Number of micro-batches whose gradients are summed for an update; 1: the batch is not cut. */
  readonly micros: number;
  /**
   * Whether the gradients of micro-batches are added outside of the program, by the ranks of distributed
   * training: they then lie one after another, in the order in which the backward pass finishes them.
   */
  readonly exchanges?: boolean;
  /** Image height, width and channels. */
  readonly input: readonly [h: number, w: number, c: number];
  /** Number of classes: the scores that the network gives. */
  readonly classes: number;
  /** All buffers. */
  readonly buffers: readonly BufferSpec[];
  /** Norms whose output is recomputed in the backward pass (lib/program/passes/recompute.ts). */
  readonly recomputed?: readonly string[];
  /** Memory layout of the buffers; absent: every tensor has its own buffer. */
  readonly layout?: Layout;
  /** Bytes of each staging buffer; absent: they are created when needed. */
  readonly staging?: readonly number[];
  /** Steps by section. */
  readonly sections: Sections;
  /** Quantizers in the order of their rows; those of weights, which the device sets, come first. */
  readonly quantizers: readonly QuantizerSpec[];
  /** Number of quantizers of weights. */
  readonly weightQuantizers: number;
  /** Trainable tensors. */
  readonly parameters: readonly ParameterSpec[];
  /** Batch norms with running statistics. */
  readonly norms: readonly NormSpec[];
  /** Settings of training. */
  readonly training: TrainingSpec;
}
