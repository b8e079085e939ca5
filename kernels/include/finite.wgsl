// Whether one of four values is NaN or infinite, by its bits: compilers fold `x != x` to false.
// Where one is, who made it adds one to its alarm, a word behind the rows of the statistics
// (lib/program/passes/nonfinite_guard.ts). Reference: Number.isFinite where the kernels' references raise it.

fn not_finite(v: vec4<f32>) -> bool {
  return any((bitcast<vec4<u32>>(v) & vec4<u32>(0x7f800000u)) == vec4<u32>(0x7f800000u));
}
