// reset_statistics: clears the minimum and maximum in a quantizer's row of the statistics, which are
// those of earlier micro-batches, so that a dynamic estimator or a search sees only this micro-batch.
// The counts of clipped and of non-finite values stay.
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
