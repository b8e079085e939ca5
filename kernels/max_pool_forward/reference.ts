/**
 * Reference of kernels/max_pool_forward/shader.wgsl.
 *
 * @module
 */
import type { Buffers } from "../include/host_buffer.ts";
import { type PoolConstants, windows } from "../include/pool.ts";

/**
 * Y = the maximum of each window: its first value in row order, replaced by every greater one. So a
 * NaN is the maximum only where it comes first, as in max_pool_backward and f32x4.pmax; WGSL leaves it
 * open. Codes are copied.
 */
export function maxPoolForward(c: PoolConstants, b: Buffers<"x" | "y">): void {
  const channels = 4 * c.CQ;
  const x = c.INT8 ? b.x.i8 : b.x.f32, y = c.INT8 ? b.y.i8 : b.y.f32;
  windows(c, (output, inputs) => {
    for (let channel = 0; channel < channels; channel++) {
      let best = x[inputs[0]! * channels + channel]!;
      for (const p of inputs) {
        const v = x[p * channels + channel]!;
        if (v > best) best = v;
      }
      y[output * channels + channel] = best;
    }
  });
}
