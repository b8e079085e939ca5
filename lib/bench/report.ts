/**
 * The result of a benchmark, as `qtrain bench --json` prints it and `--out` writes it. Times are in
 * milliseconds, rates in 10⁹ per second, shares are fractions of 1. An operation is a multiplication
 * or an addition. Parts that were not measured are absent, or null in a row.
 *
 * @module
 */
import { median } from "../report/statistics.ts";

/** A figure over all rounds. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** The whole benchmark. */
export interface BenchReport {
  readonly qtrain: string;
  readonly device: "gpu" | "cpu";
  /** Name of the adapter. */
  readonly adapter: string;
  /** Whether WGSL has packed dot products; otherwise they are emulated. Of a GPU. */
  readonly packed_dot_product?: boolean;
  /** Whether the GPU can time kernels. */
  readonly timestamps?: boolean;
  /** Threads of the CPU that run kernels. */
  readonly threads?: number;
  /** Name of the processor, where the system tells it; with the device `cpu`. */
  readonly processor?: string;
  readonly os: string;
  readonly arch: string;
  /** Hardware threads of the host. */
  readonly cores: number;
  /** Rounds to take medians over; the variants take turns in each. */
  readonly rounds: number;
  readonly peak_rates?: PeakRates;
  /** The same of one thread of the CPU, if kernels run in more. */
  readonly peak_rates_one_thread?: PeakRates;
  readonly kernels?: readonly KernelRow[];
  readonly statistics?: readonly StatisticsRow[];
  readonly steps?: readonly ModelSteps[];
}

/** Peak rates of the adapter: of all threads together. */
export interface PeakRates {
  /**
   * GOP/s in registers: 8×8 outer products of packed int8, in the fastest way; on the CPU
   * `i32x4.dot_i16x8_s`.
   */
  readonly int8: Spread;
  /**
   * The same of a GPU in each way of dot products that it has: `native` (`dot4I8Packed`), `unsigned`
   * (`dot4U8Packed`), `emulated`. The way that kernels take where they are not tuned is the first.
   */
  readonly dots?: Readonly<Record<string, Spread>>;
  /** GOP/s in registers: 8×8 outer products of f32; on the CPU `f32x4.mul` and `f32x4.add`. */
  readonly float32: Spread;
  /** GB/s, read plus written, of a copy of 64 MiB, which is larger than caches. */
  readonly copy: Spread;
}

/** The computation of a layer that a row is about. */
export type Direction =
  | "forward"
  | "backward"
  | "input gradient"
  | "weight gradient"
  | "update"
  | "pack weights";

/** All kernels of one layer in one direction. */
export interface KernelRow {
  /** The network that the shape comes from. */
  readonly group: string;
  /** E.g. `conv2d 3×3 64→64 at 56×56`. */
  readonly layer: string;
  readonly batch: number;
  readonly direction: Direction;
  readonly arithmetic: "int8" | "float32";
  /** Of a GPU: the tile of each kernel, e.g. `DOT=0 P=4 Q=2`; empty where it has no choice. */
  readonly tiles?: Readonly<Record<string, string>>;
  readonly ms: Spread;
  /** Operations of the layer; 0 for layers that mostly move data. */
  readonly operations: number;
  /** Bytes of the buffers that the kernels bind, once for each kernel. */
  readonly bytes: number;
  /** 10⁹ operations a second; null without operations. */
  readonly gop_per_second: number | null;
  readonly gb_per_second: number;
  /**
   * Share of the best peak rate of its arithmetic; on the CPU the median of the shares of the rate
   * measured just before and after. Null without operations.
   */
  readonly share_of_peak: number | null;
  /** Share of the best peak rate of the copy; above 1 if the tensors fit into caches. */
  readonly share_of_copy: number;
}

/** The cost of statistics in the epilogue of an int8 convolution. */
export interface StatisticsRow {
  readonly group: string;
  readonly layer: string;
  readonly batch: number;
  readonly direction: Direction;
  readonly ms: Spread;
  /** The same kernel that records nothing. */
  readonly ms_without: Spread;
  /** Share of the kernel's time that statistics take: the median over adjacent pairs. */
  readonly share: number;
}

/** Whole training steps of one network. */
export interface ModelSteps {
  readonly model: string;
  readonly batch: number;
  /** Height, width, channels. */
  readonly input: readonly [number, number, number];
  readonly classes: number;
  readonly parameters: number;
  /** Operations of all convolutions and linear layers in a step, forward and backward. */
  readonly operations: number;
  /** The first is the reference of the ratios. */
  readonly variants: readonly StepsRow[];
}

/** Whole training steps of one variant, e.g. `int8 static`. */
export interface StepsRow {
  readonly variant: string;
  /** Threads of the CPU. */
  readonly threads?: number;
  readonly arithmetic: string;
  /** Estimator of activations and gradients; null in float32. */
  readonly estimator: string | null;
  /** Where ranges are set: `host` or `device`. */
  readonly scheduler: string;
  readonly steps_per_round: number;
  /** Steps that share a wait for the device. */
  readonly in_flight: number;
  /** A whole step. In each round it is the sum of the four parts below, which are medians too. */
  readonly ms: Spread;
  /** The time divided by that of the first variant in the same round. */
  readonly ratio: Spread;
  /** Waiting for the device to compute, in a submit (software adapters) or for results. */
  readonly device_ms: number;
  /** TypeScript, uploads, encoding. */
  readonly host_ms: number;
  /** Waiting for the next batch. */
  readonly data_ms: number;
  /** The time of a wait for an idle device, divided by the steps that share it. */
  readonly readback_ms: number;
  /** `host_ms` divided by `ms`. */
  readonly host_share: number;
  /**
   * All kernels: by the GPU's clock, each in its own pass, null without timestamps; on the CPU by the
   * clock of the leading thread.
   */
  readonly kernels_ms: number | null;
  /** The same by section of the program, and by kernel. */
  readonly sections_ms: Readonly<Record<string, number>> | null;
  readonly by_kernel_ms: Readonly<Record<string, number>> | null;
  readonly images_per_second: number;
  readonly gop_per_second: number;
  /** From the recipe to the end of the first step: data, plan, device, pipelines, calibration. */
  readonly first_step_ms: number;
  /** Bytes of stored activations if they shared no memory. */
  readonly activation_bytes: number;
  /** `activation_bytes` divided by that of float32; null without a float32 variant. */
  readonly activation_ratio: number | null;
  /** Bytes of the buffers that the steps bind. */
  readonly moved_bytes: number;
  /** Bytes of all buffers on the device. */
  readonly device_bytes: number;
}

/** Median, minimum and maximum. */
export function spread(values: readonly number[]): Spread {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}
