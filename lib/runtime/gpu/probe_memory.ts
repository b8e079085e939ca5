/**
 * How much memory a device gives, found by asking for it: WebGPU has no other way to tell.
 *
 * @module
 */
import { withErrorScope } from "./error_scope.ts";

/** Pieces that are asked for, so the answer is known to 3% of what was wanted. */
const PIECES = 32;
/** A smaller piece takes as much of the driver's time as of its memory. */
const MIN_PIECE = 2 ** 20;

/** Bytes that the device gives of `wanted`, in pieces; all of it is given back. */
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
