/**
 * Computes how much memory a program takes on the device, by purpose.
 *
 * @module
 */
import { type BufferKind, type Program } from "../program.ts";
import { bytesOf, operandsBytes } from "./bytes.ts";
import { lifetimesOf, stepsInOrder } from "./lifetimes.ts";

/** Bytes by purpose. Shared memory counts for the tensors that use it at the fullest step. */
export interface PeakMemory {
  /** Master weights, their codes for the kernels, running statistics. */
  readonly parameters: number;
  /** Gradients of parameters, optimizer state. */
  readonly optimizer: number;
  /** Stored activations and the batch of images. */
  readonly activations: number;
  /** Gradients of activations. */
  readonly gradients: number;
  /** Temporary buffers of layers. */
  readonly scratch: number;
  /** Quantizers, statistics, settings of a step, operands. */
  readonly tables: number;
  /** Shared memory that no tensor uses at the fullest step. */
  readonly gaps: number;
  /** Staging buffers, through which the host reads results. */
  readonly staging: number;
  /** Their sum: every buffer that an executor on the GPU creates. */
  readonly total: number;
}

/** Returns how much memory a program takes: exactly the buffers that an executor on the GPU creates. */
export function peakMemory(program: Program): PeakMemory {
  const { buffers, layout } = program;
  const { lifetimes } = lifetimesOf(program);
  const shared = buffers.filter(({ name }) => layout?.places.has(name)).map((b) => ({
    ...b,
    lifetime: lifetimes.get(b.name)!,
  }));
  const inUse = (i: number) => shared.filter((b) => b.lifetime[0] <= i && i <= b.lifetime[1]);
  const sum = (list: readonly { bytes: number }[]) => list.reduce((n, b) => n + b.bytes, 0);
  let fullest: typeof shared = [];
  for (let i = 0; i < stepsInOrder(program).length; i++) {
    const now = inUse(i);
    if (sum(now) > sum(fullest)) fullest = now;
  }
  const own = buffers.filter(({ name }) => !layout?.places.has(name));
  const of = (kind: BufferKind) => sum([...own, ...fullest].filter((b) => b.kind === kind));
  const regions = (layout?.regions ?? []).reduce((a, b) => a + b, 0);
  const operands = operandsBytes(program);
  const staging = (program.staging ?? []).reduce((a, b) => a + b, 0);
  return {
    parameters: of("parameter"),
    optimizer: of("optimizer"),
    activations: of("activation"),
    gradients: of("gradient"),
    scratch: of("scratch"),
    tables: of("table") + operands,
    gaps: regions - sum(fullest),
    staging,
    total: bytesOf(buffers, layout) + operands + staging,
  };
}
