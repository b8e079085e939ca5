/**
 * What a benchmark finds, in the form in which `qtrain bench --json` prints it and `--out` writes it.
 * Times are milliseconds, rates are 10⁹ a second, shares are fractions of 1. An operation is a
 * multiplication or an addition. What was not measured is left out, or null in a row.
 *
 * @module
 */
import { median } from "../report/statistics.ts";

/** A figure over rounds. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** The whole benchmark. */
export interface BenchReport {
  /** Version of qtrain. */
  readonly qtrain: string;
  /** The adapter in words. */
  readonly adapter: string;
  /** Whether WGSL here has packed dot products; else they are spelled out. */
  readonly packed_dot_product: boolean;
  /** Whether kernels can be timed by the device itself. */
  readonly timestamps: boolean;
  readonly os: string;
  readonly arch: string;
  /** Threads that the host runs at once. */
  readonly cores: number;
  /** Rounds that medians are of; variants take turns in each. */
  readonly rounds: number;
  readonly ceilings?: Ceilings;
  readonly kernels?: readonly KernelRow[];
  readonly statistics?: readonly StatisticsRow[];
  readonly steps?: readonly ModelSteps[];
}

/** The most that this adapter was seen to do; shares are of `max`. */
export interface Ceilings {
  /** GOP/s of an 8×8 outer product of packed int8 in registers. */
  readonly int8: Spread;
  /** GOP/s of an 8×8 outer product of f32 in registers. */
  readonly float32: Spread;
  /** GB/s read and written by a copy of 64 MiB, more than caches hold. */
  readonly copy: Spread;
}

/** Which way a layer is walked. */
export type Direction =
  | "forward"
  | "backward"
  | "input gradient"
  | "weight gradient"
  | "update"
  | "pack weights";

/** All kernels of one layer in one direction. */
export interface KernelRow {
  /** The network whose shape it is. */
  readonly group: string;
  /** The layer in words, e.g. `conv2d 3×3 64→64 at 56×56`. */
  readonly layer: string;
  readonly batch: number;
  readonly direction: Direction;
  readonly arithmetic: "int8" | "float32";
  readonly ms: Spread;
  /** Of the layer's mathematics, zero for what moves data more than it computes. */
  readonly operations: number;
  /** Of the buffers that the kernels bind, each once a kernel. */
  readonly bytes: number;
  /** 10⁹ operations a second; null without operations. */
  readonly gop_per_second: number | null;
  readonly gb_per_second: number;
  /** Of the ceiling of its arithmetic; null without operations. */
  readonly share_of_arithmetic: number | null;
  /** Of the copy; above 1 where caches hold the tensors. */
  readonly share_of_copy: number;
}

/** What statistics cost in the epilogue of a convolution in int8. */
export interface StatisticsRow {
  readonly group: string;
  readonly layer: string;
  readonly batch: number;
  readonly direction: Direction;
  readonly ms: Spread;
  /** The same kernel that records nothing. */
  readonly ms_without: Spread;
  /** Share of the kernel's time that the statistics take, median of neighbours in time. */
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
  /** Of all convolutions and linear layers in a step, forward and backward. */
  readonly operations: number;
  /** The first is what the others are held against. */
  readonly variants: readonly StepsRow[];
}

/** Whole training steps of one variant, e.g. `int8 static`. */
export interface StepsRow {
  readonly variant: string;
  readonly arithmetic: string;
  /** Of activations and gradients; null in float32. */
  readonly estimator: string | null;
  /** Where ranges are set. */
  readonly scheduler: string;
  /** Steps in a round, and how many of them share a wait. */
  readonly steps_per_round: number;
  readonly in_flight: number;
  /** A whole step: in each round the sum of the four below, which are medians too. */
  readonly ms: Spread;
  /** Time against the first variant's in the same round, as a factor. */
  readonly ratio: Spread;
  /** The host waits for the device to compute, in a submit (software adapters) or for results. */
  readonly gpu_ms: number;
  /** TypeScript, uploads, encoding. */
  readonly host_ms: number;
  /** The next batch is waited for. */
  readonly data_ms: number;
  /** What a wait takes although the device has nothing to do, shared by steps in flight. */
  readonly readback_ms: number;
  /** host_ms of ms. */
  readonly host_share: number;
  /** All kernels by the device's own clock, a pass each; null without timestamps. */
  readonly kernels_ms: number | null;
  /** The same by section of the program. */
  readonly sections_ms: Readonly<Record<string, number>> | null;
  readonly images_per_second: number;
  readonly gop_per_second: number;
  /** From a recipe to the end of its first step: data, plan, device, pipelines, calibration. */
  readonly first_step_ms: number;
  /** Stored activations, a buffer each. */
  readonly activation_bytes: number;
  /** Those of float32 are 1; null without a float32 variant. */
  readonly activation_ratio: number | null;
  /** Of the buffers that the steps bind. */
  readonly moved_bytes: number;
  /** All buffers on the device. */
  readonly gpu_bytes: number;
}

/** Median, least and most. */
export function spread(values: readonly number[]): Spread {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

/** How a benchmark says what it is doing. */
export type Progress = (text: string) => void;
