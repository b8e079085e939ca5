/**
 * Reference of kernels/gradient_clip_scale/shader.wgsl.
 *
 * @module
 */
import type { HostBuffer } from "../include/host_buffer.ts";

/** Constants of the kernel; shader.wgsl and the glossary of docs/architecture.md describe them. */
interface GradientClipScale {
  readonly TILES: number;
  readonly CLIP_NORM: number;
}

const fround = Math.fround;

/**
 * Computes the norm of all gradients, and the factor that scales it down to CLIP_NORM. f32 sums: every
 * 64th tile from a lane's own on, then the lanes.
 */
export function gradientClipScale(
  c: GradientClipScale,
  b: { readonly square_tiles: HostBuffer; readonly clip: HostBuffer },
): void {
  let total = 0;
  for (let lane = 0; lane < 64; lane++) {
    let sum = 0;
    for (let tile = lane; tile < c.TILES; tile += 64) {
      sum = fround(sum + b.square_tiles.f32[tile]!);
    }
    total = fround(total + sum);
  }
  const norm = fround(Math.sqrt(total)), most = fround(c.CLIP_NORM);
  const factor = Number.isFinite(norm) && norm > most ? fround(most / norm) : 1;
  b.clip.f32.set([factor, norm]);
}
