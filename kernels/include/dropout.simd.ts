// SIMD form of kernels/include/dropout.wgsl: the mask of a dropout layer.
import { openUniform, uniform4 } from "./quantize.simd";
import { Step } from "./records.simd";

/** The highest bit distinguishes layers from quantizers. */
const LAYERS: u32 = 0x80000000;

/**
 * Writes which of the values of some pixels are kept, all ones or 0 in 32 bits, to `mask`, padded to quads.
 * Draws the uniform numbers of this thread: a quantizer's have to be opened again.
 */
export function maskPixels(
  step: usize, layer: i32, rate: f32, pixelsOfImage: i32, pixel: i32, pixels: i32, channels: i32, mask: usize,
): void {
  const least = f32x4.splat(rate);
  openUniform(step, LAYERS + layer, 0);
  let element = (changetype<Step>(step).first * pixelsOfImage + pixel) * channels;
  for (; pixels > 0; pixels--, element += channels) {
    for (let channel: i32 = 0; channel < channels; channel += 4, mask += 16) {
      v128.store(mask, f32x4.ge(uniform4(element + channel), least));
    }
  }
}
