import { QUAD_BYTES } from "../include/norm.simd";
import { firstOf } from "../include/quantize.simd";
import { NormRunningCoefficients } from "../include/records.simd";

/** Batch norm's coefficients from its running statistics. A part is a range of quads. */
export function norm_running_coefficients(
  c: NormRunningCoefficients, phase: i32, part: i32, parts: i32, scratch: usize,
): void {
  const quads = c.CHANNELS >> 2, last = firstOf(quads, part + 1, parts), half = <usize>c.CHANNELS << 2;
  for (let quad = firstOf(quads, part, parts); quad < last; quad++) {
    const at = <usize>quad << 4, to = c.coefficients + <usize>quad * QUAD_BYTES;
    const variance = f32x4.add(v128.load(c.running + half + at), f32x4.splat(c.EPSILON));
    const inverse = f32x4.div(f32x4.splat(1), f32x4.sqrt(variance));
    v128.store(to, f32x4.mul(v128.load(c.affine + at), inverse));
    v128.store(to, v128.load(c.running + at), 16);
    v128.store(to, v128.load(c.affine + half + at), 32);
  }
}
