/**
 * Reference of kernels/gradient_norm_partials/shader.wgsl.
 *
 * @module
 */
import type { HostBuffer } from "../include/host_buffer.ts";

/** Constants of the kernel; shader.wgsl and the glossary of docs/architecture.md describe them. */
interface GradientNormPartials {
  readonly R: number;
  readonly SIZE: number;
  readonly TILES: number;
  readonly FIRST: number;
}

const fround = Math.fround;

/** Σ g² by tiles, in f32: R rounds of each of 64 lanes, its four channels in pairs, then the lanes. */
export function gradientNormPartials(
  c: GradientNormPartials,
  b: { readonly gradient: HostBuffer; readonly square_tiles: HostBuffer },
): void {
  const gradient = b.gradient.f32;
  for (let tile = 0; tile < c.TILES; tile++) {
    let total = 0;
    for (let lane = 0; lane < 64; lane++) {
      const sum = [0, 0, 0, 0];
      for (let r = 0; r < c.R; r++) {
        const at = (tile * c.R + r) * 64 + lane;
        if (at >= c.SIZE) continue;
        for (let j = 0; j < 4; j++) {
          const g = gradient[4 * at + j]!;
          sum[j] = fround(sum[j]! + fround(g * g));
        }
      }
      const [x, y, z, w] = sum as [number, number, number, number];
      total = fround(total + fround(fround(x + y) + fround(z + w)));
    }
    b.square_tiles.f32[c.FIRST + tile] = total;
  }
}
