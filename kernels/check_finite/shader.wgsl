// check_finite: whether the step has met a value that is not finite; if so, it and every step behind it
// change nothing, until the host sets `found_nonfinite` to zero
//
//   statistics  [ROWS rows, 16 slots, 4], of a row's slots the last word counts; behind the rows
//               [COUNTS, 4]: gradients not finite, new weights not finite (of no matter here: there
//               are none yet), means and variances not finite, of no matter
//   metrics     the third word is the loss of the batch so far
//   found_nonfinite  [0]: 1 from such a step on
//
// First of the update section: what updates reads `found_nonfinite`, so steps in flight need no host.
// Reference: kernels/check_finite/reference.ts

@group(0) @binding(1) var<storage, read> statistics: array<u32>;
@group(0) @binding(3) var<storage, read> metrics: array<u32>;
@group(0) @binding(4) var<storage, read_write> found_nonfinite: array<u32>;

//@ include slot_layout

var<workgroup> bad: atomic<u32>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) lane: u32) {
  var seen = 0u;
  for (var slot = lane; slot < ${ROWS}u * SLOTS; slot += 64u) { seen |= statistics[slot_at(0u, slot) + NONFINITE]; }
  for (var i = lane; i < ${COUNTS}u; i += 64u) {
    let at = ${ROWS}u * 64u + i * 4u;
    seen |= statistics[at] | statistics[at + 2u];
  }
  if (seen != 0u) { atomicOr(&bad, 1u); }
  workgroupBarrier();
  if (lane == 0u) {
    if ((metrics[2] & 0x7f800000u) == 0x7f800000u || atomicLoad(&bad) != 0u) { found_nonfinite[0] = 1u; }
  }
}
