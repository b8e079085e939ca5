/**
 * Finds out how much memory a device has left, by allocating it: WebGPU has no query for it.
 *
 * @module
 */
import { withErrorScope } from "./error_scope.ts";

/** Pieces that the amount is allocated in, so the result is exact to 3% of it. */
const PIECES = 32;
/** Minimum bytes of a piece: smaller ones cost time and tell little. */
const MIN_PIECE = 2 ** 20;

/** Returns how many of `wanted` bytes can be allocated, in pieces; frees all of them. */
export async function probeAvailableBytes(gpu: GPUDevice, wanted: number): Promise<number> {
  const size = Math.min(
    Math.max(MIN_PIECE, Math.ceil(wanted / PIECES / 4) * 4),
    gpu.limits.maxBufferSize,
  );
  const pieces: GPUBuffer[] = [];
  try {
    while (pieces.length * size < wanted) {
      const { made, error } = await withErrorScope(
        gpu,
        () => gpu.createBuffer({ size, usage: GPUBufferUsage.STORAGE }),
      );
      if (error) break;
      pieces.push(made);
    }
    return Math.min(wanted, pieces.length * size);
  } finally {
    for (const piece of pieces) piece.destroy();
  }
}
