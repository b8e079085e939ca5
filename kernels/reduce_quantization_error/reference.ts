/**
 * Reference of kernels/reduce_quantization_error/shader.wgsl.
 *
 * @module
 */
import type { HostBuffer } from "../include/host_buffer.ts";

/** Constants of the kernel; shader.wgsl and the glossary of docs/architecture.md describe them. */
interface ReduceQuantizationError {
  readonly TILES: number;
  readonly ROW: number;
}

/** The sums of all tiles, in their order. */
export function reduceQuantizationError(
  c: ReduceQuantizationError,
  b: Readonly<Record<"errors" | "fidelity", HostBuffer>>,
): void {
  b.fidelity.f32.set([...joinErrors(b.errors, c.TILES), 0], 4 * c.ROW);
}

/** Σ x², Σ x·e and Σ e² over the tiles, in f32 and in their order. */
export function joinErrors(errors: HostBuffer, tiles: number): [number, number, number] {
  const sum: [number, number, number] = [0, 0, 0];
  for (let tile = 0; tile < tiles; tile++) {
    for (let i = 0; i < 3; i++) sum[i] = Math.fround(sum[i]! + errors.f32[4 * tile + i]!);
  }
  return sum;
}
