/**
 * Reference of kernels/max_pool_forward/shader.wgsl.
 *
 * @module
 */
import type { Buffers } from "../include/host_buffer.ts";
import { type PoolConstants, windows } from "../include/pool.ts";

/** Y = the maximum of each window; codes are copied. */
export function maxPoolForward(c: PoolConstants, b: Buffers<"x" | "y">): void {
  const channels = 4 * c.CQ;
  const x = c.INT8 ? b.x.i8 : b.x.f32, y = c.INT8 ? b.y.i8 : b.y.f32;
  windows(c, (output, inputs) => {
    for (let channel = 0; channel < channels; channel++) {
      y[output * channels + channel] = Math.max(...inputs.map((p) => x[p * channels + channel]!));
    }
  });
}
