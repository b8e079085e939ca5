// reset_statistics: forgets the extremes that a quantizer's row of the statistics holds of the
// micro-batches before this one, so that a range which follows from the tensor itself (a dynamic
// estimator, a search) follows from this one. What was clipped and not finite stays counted.
//
//   statistics  [rows, SLOTS] slots
//
// Reference: kernels/reset_statistics/reference.ts

@group(0) @binding(1) var<storage, read_write> statistics: array<u32>;

//@ include slot_layout

@compute @workgroup_size(SLOTS)
fn main(@builtin(local_invocation_index) slot: u32) {
  let at = slot_at(${ROW}u, slot);
  statistics[at + SLOT_NEGATED_MIN] = 0u;
  statistics[at + SLOT_MAX] = 0u;
}
