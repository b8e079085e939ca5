// check_finite: sets `found_nonfinite` if the step has met a value that is not finite. It and every later
// step then change nothing, until the host sets `found_nonfinite` to zero
//
//   statistics  [ROWS, SLOTS] slots of quantizers, then COUNTS slots of parameters, of which those of
//               gradients and of batch statistics are read (ignored: new weights, not computed yet)
//   metrics     total_loss: the loss of the batch so far
//   found_nonfinite  [0]: 1 from that step on
//
// First of the update section: kernels that update read `found_nonfinite`, so steps in flight need no host.
// Reference: kernels/check_finite/reference.ts

@group(0) @binding(1) var<storage, read> statistics: array<u32>;
@group(0) @binding(3) var<storage, read> metrics: Metrics;
@group(0) @binding(4) var<storage, read_write> found_nonfinite: array<u32>;

//@ include slot_layout
//@ include nonfinite_counts_layout
//@ include metrics_layout

var<workgroup> bad: atomic<u32>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) lane: u32) {
  var nonfinite = 0u;
  for (var slot = lane; slot < ${ROWS}u * SLOTS; slot += 64u) { nonfinite |= statistics[slot_at(0u, slot) + SLOT_NONFINITE]; }
  for (var i = lane; i < ${COUNTS}u; i += 64u) {
    let at = slot_at(${ROWS}u, i);
    nonfinite |= statistics[at + NONFINITE_GRADIENT] | statistics[at + NONFINITE_STATISTICS];
  }
  if (nonfinite != 0u) { atomicOr(&bad, 1u); }
  workgroupBarrier();
  if (lane == 0u) {
    if ((bitcast<u32>(metrics.total_loss) & 0x7f800000u) == 0x7f800000u || atomicLoad(&bad) != 0u) { found_nonfinite[0] = 1u; }
  }
}
