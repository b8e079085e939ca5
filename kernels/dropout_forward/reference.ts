/**
 * Reference of kernels/dropout_forward/shader.wgsl.
 *
 * @module
 */
import { type DropoutConstants, dropoutMask } from "../include/dropout.ts";
import type { Buffers } from "../include/host_buffer.ts";
import { row } from "../include/quantize.ts";

/** Constants of the kernel; shader.wgsl and the glossary of docs/architecture.md describe them. */
interface DropoutForward extends DropoutConstants {
  readonly INT8: number;
  readonly TRAIN: number;
  readonly QUADS: number;
  readonly CQ: number;
  readonly FACTOR: number;
  readonly X_ROW: number;
}

/** Y = X·mask / (1 − rate), or X. */
export function dropoutForward(c: DropoutForward, b: Buffers<"x" | "y">): void {
  const keeps = c.TRAIN ? dropoutMask(c, b.step) : () => true;
  const factor = c.TRAIN ? Math.fround(c.FACTOR) : 1;
  const { zero } = row(b.quantizers, c.X_ROW);
  for (let at = 0; at < 4 * c.QUADS; at++) {
    const kept = keeps(Math.floor(at / (4 * c.CQ)), at % (4 * c.CQ));
    if (c.INT8) b.y.i8[at] = kept ? b.x.i8[at]! : zero;
    else b.y.f32[at] = kept ? Math.fround(b.x.f32[at]! * factor) : 0;
  }
}
