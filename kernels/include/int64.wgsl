// 64-bit integers as vec2<u32>(low, high) in two's complement: the sums of batch norm stay exact
// until one final rounding. References: BigInt in kernels/norm_coefficients/reference.ts and
// kernels/norm_backward_coefficients/reference.ts.

fn int64(v: i32) -> vec2<u32> { return vec2<u32>(bitcast<u32>(v), select(0u, 0xffffffffu, v < 0)); }

fn add64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  let low = a.x + b.x;
  return vec2<u32>(low, a.y + b.y + u32(low < a.x));
}

fn negate64(a: vec2<u32>) -> vec2<u32> { return add64(~a, vec2<u32>(1u, 0u)); }

fn multiply64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  let a0 = a.x & 0xffffu;
  let a1 = a.x >> 16u;
  let b0 = b.x & 0xffffu;
  let b1 = b.x >> 16u;
  let middle = a1 * b0 + ((a0 * b0) >> 16u);
  let lower = a0 * b1 + (middle & 0xffffu);
  let high = a1 * b1 + (middle >> 16u) + (lower >> 16u);
  return vec2<u32>(a.x * b.x, high + a.x * b.y + a.y * b.x);
}

fn float64(a: vec2<u32>) -> f32 {
  let negative = a.y >= 0x80000000u;
  let m = select(a, negate64(a), negative);
  let f = f32(m.y) * 4294967296.0 + f32(m.x);
  return select(f, -f, negative);
}
