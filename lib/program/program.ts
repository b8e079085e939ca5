/**
 * A program: what a network becomes once it is planned. A flat list of steps, each one kernel
 * with its constants and buffers; two executors walk it, on the GPU and on the CPU.
 *
 * @module
 */
import type { Constants, Kernel, KernelBuffer } from "../../kernels/define_kernel.ts";
import type { OptimizerSpec } from "../recipe/train.ts";
import type { Arithmetic, QuantizerSpec } from "../quant/quantizer.ts";

/**
 * What a buffer is for; `check` and the memory report group by it. Activations, gradients and scratch
 * are made anew in every step, by a kernel before any reads them or by the host before the step: what
 * they held before is gone.
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
  /** Once in a program. */
  readonly name: string;
  /** Size, a multiple of 16. */
  readonly bytes: number;
  /** What it is for. */
  readonly kind: BufferKind;
}

/** A tensor that a step quantizes on the way out. */
export interface StepOutput {
  /** The kernel's variable. */
  readonly variable: string;
  /** Quads a pixel. */
  readonly quads: number;
  /** Channels without padding. */
  readonly channels: number;
  /** Pixels of a micro-batch. */
  readonly pixels: number;
  /** Where several steps make one tensor: which of them this is. */
  readonly part?: "first" | "middle" | "last";
}

/** One dispatch of one kernel. */
export interface Step {
  /** What it computes. */
  readonly kernel: Kernel;
  /** The layer it belongs to. */
  readonly layer: string;
  /** The kernel's constants, but for those of a tile: how the work is cut is the executor's choice. */
  readonly constants: Constants;
  /** The kernel's variables → names of buffers, but for those that it shares with all steps. */
  readonly buffers: Readonly<Record<string, string>>;
  /** The tensor that it quantizes on the way out, if it does. */
  readonly output?: StepOutput;
  /** The quantizer whose tensor this step makes, measures or quantizes. */
  readonly quantizer?: number;
  /** Steps of one phase are left out in the other; absent: in both. */
  readonly phase?: "train" | "eval";
  /** Runs only where the tensor is quantized in this way; absent: always. */
  readonly pass?: QuantizePass;
  /** Of `weights`: weights that are frozen need it after loading alone. */
  readonly afterLoad?: boolean;
}

/** A buffer that a step binds. */
export interface Bound extends KernelBuffer {
  /** The kernel's variable. */
  readonly variable: string;
  /** The program's buffer. */
  readonly name: string;
}

/** The buffers that a step binds: its own, and those that all steps share. */
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

/** Every step of a program. */
export function allSteps({ sections }: Pick<Program, "sections">): Step[] {
  return Object.values(sections).flat();
}

/**
 * A tensor is quantized in one pass, by the kernel that makes it, with a range that is known before; or
 * in two passes: its f32 values go to memory first (the buffer `f32_scratch`), are measured there, and
 * are then quantized. `estimate` sets the range of a dynamic quantizer between the passes, `search`
 * searches for one, `telemetry` compares codes with the f32 values.
 */
export type QuantizePass = "one-pass" | "two-pass" | "estimate" | "search" | "telemetry";

/** A trainable tensor and its buffers. */
export interface ParameterSpec {
  /** Its name in a checkpoint, e.g. `conv1.weight`. */
  readonly name: string;
  /** The layer it belongs to. */
  readonly layer: string;
  /** What it does there. */
  readonly role: "weight" | "bias" | "norm";
  /** Outputs, inputs, kernel height and width; a bias is [o, 1, 1, 1], norm [2, channels, 1, 1]. */
  readonly dims: readonly [o: number, i: number, h: number, w: number];
  /** A linear layer's weight: [o, i·h·w] in a file. */
  readonly linear?: boolean;
  /** A depthwise convolution's weight: its buffer is [h·w, o], as each output sees one input. */
  readonly depthwise?: boolean;
  /** Row of the weight's quantizer. */
  readonly quantizer?: number;
  /** It stays as it is: no gradient, no momentum. */
  readonly frozen?: boolean;
  /** Its buffers are split by outputs into so many: `NAME.0`, …, `NAME.0.gradient`, …. */
  readonly parts?: number;
  /** Row of the quantizer whose factor scales its learning rate (dsgc). */
  readonly rateRow?: number;
}

/** The buffers of a parameter: of one that is split by rows, those of its parts. */
export function buffersOf(
  { name, parts }: { readonly name: string; readonly parts?: number | undefined },
): string[] {
  return parts === undefined ? [name] : Array.from({ length: parts }, (_, i) => `${name}.${i}`);
}

/** Batch norm's running statistics: a buffer `LAYER.running` of [2, padded channels]. */
export interface NormSpec {
  /** The layer. */
  readonly layer: string;
  /** Without padding. */
  readonly channels: number;
}

/** The steps of a program, in the order in which a training step runs them. */
export interface Sections {
  /** From pixels to logits. */
  readonly forward: readonly Step[];
  /** Loss, right answers, gradient of the logits. */
  readonly loss: readonly Step[];
  /** Gradients of activations and parameters. */
  readonly backward: readonly Step[];
  /** The optimizer's. */
  readonly update: readonly Step[];
  /** With the scheduler on the device: from this step's statistics to the next step's ranges. */
  readonly schedule: readonly Step[];
  /** From master weights to what convolutions read; after an update, and after loading. */
  readonly weights: readonly Step[];
  /** Master weights and their moving average change places: around an evaluation. */
  readonly exchange: readonly Step[];
  /** For each quantizer but the weights', from what a batch showed of its tensor to its first range. */
  readonly calibrate: readonly Step[];
}

/** What of training a step is described by, besides its rate. */
export interface TrainingSpec {
  /** Share of a label that all classes have alike. */
  readonly smoothing: number;
  /** Whether a sample may have two labels: a buffer `mixes` of [second label, bits of the first's weight]. */
  readonly mixed: boolean;
  /** The optimizer, some of which correct a bias by the number of the step. */
  readonly optimizer: OptimizerSpec;
  /** Whether parameters have a moving average. */
  readonly averages: boolean;
  /** Whether gradients are clipped, for which their norm is known: the second word of `clip`. */
  readonly clips: boolean;
}

/** Where a tensor lies. */
export interface TensorPlacement {
  /** Which region. */
  readonly region: number;
  /** Bytes into it, a multiple of 256. */
  readonly offset: number;
}

/** Which tensors share memory (lib/program/memory/layout.ts). */
export interface Layout {
  /** Bytes of each region: a buffer that tensors lie in, at different times in the same place. */
  readonly regions: readonly number[];
  /** Where a tensor lies, by its name; one that is not here has a buffer of its own. */
  readonly places: ReadonlyMap<string, TensorPlacement>;
}

/** A planned network. */
export interface Program {
  /** Codes in memory; f32 with the values that codes stand for; f32 without quantizers. */
  readonly arithmetic: Arithmetic;
  /** Images that a pass forward and backward takes: the batch, or a micro-batch of it. */
  readonly batch: number;
  /** Micro-batches whose gradients are summed for an update; 1: a batch is not cut. */
  readonly micros: number;
  /** Image height, width and channels. */
  readonly input: readonly [h: number, w: number, c: number];
  /** Scores that the network gives. */
  readonly classes: number;
  /** Everything that it keeps in memory. */
  readonly buffers: readonly BufferSpec[];
  /** Norms whose output is made again in the backward pass (lib/program/passes/recompute.ts). */
  readonly recomputed?: readonly string[];
  /** Where that lies; absent: every tensor has a buffer of its own. */
  readonly layout?: Layout;
  /** Bytes of each buffer that results come back through; absent: made when they are needed. */
  readonly staging?: readonly number[];
  /** What it runs. */
  readonly sections: Sections;
  /** Rows in order: first the weights', which the device sets. */
  readonly quantizers: readonly QuantizerSpec[];
  /** How many rows are weights'. */
  readonly weightQuantizers: number;
  /** What trains. */
  readonly parameters: readonly ParameterSpec[];
  /** Batch norms with running statistics. */
  readonly norms: readonly NormSpec[];
  /** How it is trained. */
  readonly training: TrainingSpec;
}
