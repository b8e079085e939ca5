// SIMD form of a symmetric range's scale: quantizerOf of lib/quant/range.ts.

/** The scale of codes up to `qmax` for values up to `most`, each at least 0: 1 if that is 0 or not finite. */
@inline
export function symmetricScale(most: v128, qmax: v128): v128 {
  // 2⁻¹⁰⁰ keeps 1/scale finite.
  const scale = f32x4.pmax(f32x4.div(most, qmax), f32x4.splat(2.0 ** -100));
  const usable = v128.and(f32x4.gt(most, f32x4.splat(0)), f32x4.lt(most, f32x4.splat(Infinity)));
  return v128.bitselect(scale, f32x4.splat(1), usable);
}
