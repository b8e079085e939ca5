// SIMD form of kernels/include/norm.wgsl: the affine map of batch norm, and the activation after it.

/** The vec4 `which` of a quad's six coefficients: a, mean, beta, c1, c2, 1/√(variance + ε). */
@inline
export function coefficients(table: usize, quad: i32, which: i32): v128 {
  return v128.load(table + <usize>(quad * 96 + which * 16));
}

/** a·(y − mean) + beta. */
@inline
export function normalized4(table: usize, quad: i32, y: v128): v128 {
  const d = f32x4.sub(y, coefficients(table, quad, 1));
  return f32x4.add(f32x4.mul(coefficients(table, quad, 0), d), coefficients(table, quad, 2));
}

/** Applies the activation `act`: 0 none, 1 ReLU, 2 ReLU6. NaN and −0 stay. */
@inline
export function activate4(act: i32, v: v128): v128 {
  if (act == 0) return v;
  v = f32x4.pmax(v, f32x4.splat(0));
  return act == 1 ? v : f32x4.pmin(v, f32x4.splat(6));
}

/** All ones where the activation passes a gradient on; `v` is the value before clipping. */
@inline
export function passes4(act: i32, v: v128): v128 {
  if (act == 0) return i32x4.splat(-1);
  const above = f32x4.gt(v, f32x4.splat(0));
  return act == 1 ? above : v128.and(above, f32x4.lt(v, f32x4.splat(6)));
}
