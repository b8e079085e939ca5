// Tests whether one of four values is NaN or infinite, by its bits: compilers fold `x != x` to false.
// A kernel that finds one adds one to its counter, a word after the rows of the statistics
// (lib/program/passes/nonfinite_guard.ts). Reference: Number.isFinite in the kernels' references.

fn not_finite(v: vec4<f32>) -> bool {
  return any((bitcast<vec4<u32>>(v) & vec4<u32>(0x7f800000u)) == vec4<u32>(0x7f800000u));
}
