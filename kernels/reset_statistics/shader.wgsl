// reset_statistics: forgets the extremes that a quantizer's row of the statistics holds of the
// micro-batches before this one, so that a range which follows from the tensor itself (a dynamic
// estimator, a search) follows from this one. What was clipped and not finite stays counted.
//
//   statistics  [rows, 16 slots, 4]
//
// Reference: kernels/reset_statistics/reference.ts

@group(0) @binding(1) var<storage, read_write> statistics: array<u32>;

@compute @workgroup_size(16)
fn main(@builtin(local_invocation_index) slot: u32) {
  let at = ${ROW}u * 64u + slot * 4u;
  statistics[at] = 0u;
  statistics[at + 1u] = 0u;
}
