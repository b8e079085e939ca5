/**
 * Reference of kernels/include/dropout.wgsl.
 *
 * @module
 */
import { STEP } from "../../lib/quant/layouts.ts";
import type { HostBuffer } from "./host_buffer.ts";
import { uniforms } from "./quantize.ts";

/** Constants of dropout's kernels. */
export interface DropoutConstants {
  readonly CHANNELS: number;
  readonly PIXELS_OF_IMAGE: number;
  /** Index among the network's dropout layers. */
  readonly LAYER: number;
  readonly RATE: number;
}

/** Returns a function that tells whether a channel of a pixel, counted through the batch, is kept in this step. */
export function dropoutMask(
  c: DropoutConstants,
  step: HostBuffer,
): (pixel: number, channel: number) => boolean {
  const uniform = uniforms(step, 2 ** 31 + c.LAYER), rate = Math.fround(c.RATE);
  const first = STEP.get(step, 0, "first") * c.PIXELS_OF_IMAGE;
  return (pixel, channel) => uniform((first + pixel) * c.CHANNELS + channel) >= rate;
}
