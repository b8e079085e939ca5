// update_weight_ranges: the quantizers of all weight tensors, each from the minimum and maximum that the
// update (or the host, after loading) left in its row of the statistics buffer; symmetric
//
//   table       the network's table of quantizers; its first COUNT rows, the weights', are written
//   statistics  [rows, SLOTS] slots
//   found_nonfinite  [0]: if not 0, no weight has changed, so neither does its range (check_finite)
//
// Reference: kernels/update_weight_ranges/reference.ts

@group(0) @binding(1) var<storage, read> statistics: array<u32>;
@group(0) @binding(3) var<storage, read_write> table: array<Quantizer>;
@group(0) @binding(4) var<storage, read> found_nonfinite: array<u32>;
//@ include range

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= ${COUNT}u) { return; }
  if (found_nonfinite[0] != 0u) { return; }
  let observed = read_statistics(id.x);
  let old = table[id.x];
  if (observed.usable) {
    table[id.x] = quantizer_of(observed.min, observed.max, true, old);
  } else {
    table[id.x] = quantizer_of(0.0, 0.0, true, old);
  }
}
