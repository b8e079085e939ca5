// update_ranges: sets the ranges of COUNT quantizers from FIRST on, from this step's statistics. Either one
// row, between the kernel that makes a tensor and the one that quantizes it (a dynamic estimator), or,
// with STATIC, at the end of a step, all rows whose estimator is static (the scheduler on the device).
// With CALIBRATE no rule runs: the range is widened to the values observed.
//
//   statistics  [rows, SLOTS] slots
//   rules       [rows]
//   table       the network's table of quantizers
//   memory      [rows, MAX_MEMORY] f32: what an estimator keeps from call to call
//   found_nonfinite  [0], with STATIC: if not 0, nothing changes (check_finite)
//
// Rules: 0 none, 1 current, 2 average (kept, taken), 3 delayed (window, room), 4 guarded (kept, taken,
// jump, widest): those of lib/quant/estimators/, operation by operation.
// Reference: kernels/update_ranges/reference.ts

@group(0) @binding(1) var<storage, read> statistics: array<u32>;
@group(0) @binding(3) var<storage, read> rules: array<Rule>;
@group(0) @binding(4) var<storage, read_write> table: array<Quantizer>;
@group(0) @binding(5) var<storage, read_write> memory: array<f32>;
//@ if STATIC
@group(0) @binding(6) var<storage, read> found_nonfinite: array<u32>;
//@ end
//@ include range
//@ include rule_layout

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let row = id.x + ${FIRST}u;
  if (id.x >= ${COUNT}u) { return; }
  let rule = rules[row];
  //@ if STATIC
  if (found_nonfinite[0] != 0u) { return; }
  if (rule.dynamic > 0.0) { return; }
  //@ end
  let observed = read_statistics(row);
  if ((rule.rule == 0.0 && ${CALIBRATE} == 0) || !observed.usable) { return; }
  let old = table[row];
  var low = observed.min;
  var high = observed.max;
  let largest = max(-low, high);
  let known = !(old.low == 0.0 && old.high == 0.0);
  //@ if CALIBRATE
  if (known) {
    low = min(low, old.low);
    high = max(high, old.high);
  }
  //@ else
  if (known && (rule.rule == 2.0 || rule.rule == 4.0)) {
    low = rule.setting1 * observed.min + rule.setting0 * old.low;
    high = rule.setting1 * observed.max + rule.setting0 * old.high;
  }
  if (rule.rule == 3.0) {
    let at = row * MAX_MEMORY;
    let window = u32(rule.setting0);
    var most = largest;
    for (var i = window - 1u; i > 0u; i--) {
      memory[at + i] = memory[at + i - 1u];
      most = max(most, memory[at + i]);
    }
    memory[at] = largest;
    let bound = most * rule.setting1;
    // A side that was used once stays; the row of a quantizer without a range is 0, 0.
    low = select(0.0, -bound, observed.min < 0.0 || old.low < 0.0);
    high = select(0.0, bound, observed.max > 0.0 || old.high > 0.0);
  }
  if (rule.rule == 4.0) {
    if (f32(observed.clipped) > rule.elements * rule.setting2) {
      low = min(low, observed.min);
      high = max(high, observed.max);
    }
    let bound = largest * rule.setting3;
    low = max(low, -bound);
    high = min(high, bound);
  }
  //@ end
  // A rule that overflows leaves the range as it was.
  if (low < -3.4028234e38 || high > 3.4028234e38) { return; }
  table[row] = quantizer_of(low, high, rule.symmetric > 0.0, old);
}
