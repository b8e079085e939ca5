// update_ranges: the ranges of COUNT quantizers from FIRST on, from what this step saw of them. One row
// between the kernel that makes a tensor and the one that quantizes it (a dynamic estimator), or,
// with STATIC, at the end of a step all rows whose estimator is static (the scheduler on the device).
// With CALIBRATE no rule is asked: the range is widened to what was seen.
//
//   statistics  [rows, 16 slots, 4]
//   rules       [rows, 2] vec4: rule, symmetric, dynamic, elements; four settings
//   table       the network's table of quantizers
//   memory      [rows, 32] f32: what an estimator keeps from call to call
//   found_nonfinite  [0], with STATIC: not 0, nothing changes (check_finite)
//
// Rules: 0 none, 1 current, 2 average (kept, taken), 3 delayed (window, room), 4 guarded (kept, taken,
// jump, widest): those of lib/quant/rules.ts, operation by operation.
// Reference: kernels/update_ranges/reference.ts

@group(0) @binding(1) var<storage, read> statistics: array<u32>;
@group(0) @binding(3) var<storage, read> rules: array<array<vec4<f32>, 2>>;
@group(0) @binding(4) var<storage, read_write> table: array<Row>;
@group(0) @binding(5) var<storage, read_write> memory: array<f32>;
//@ if STATIC
@group(0) @binding(6) var<storage, read> found_nonfinite: array<u32>;
//@ end
//@ include range

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let row = id.x + ${FIRST}u;
  if (id.x >= ${COUNT}u) { return; }
  let rule = rules[row][0];
  let settings = rules[row][1];
  //@ if STATIC
  if (found_nonfinite[0] != 0u) { return; }
  if (rule.z > 0.0) { return; }
  //@ end
  let seen = seen_of(row);
  if ((rule.x == 0.0 && ${CALIBRATE} == 0) || !seen.usable) { return; }
  let old = table[row];
  var low = seen.low;
  var high = seen.high;
  let largest = max(-low, high);
  let known = !(old[5] == 0.0 && old[6] == 0.0);
  //@ if CALIBRATE
  if (known) {
    low = min(low, old[5]);
    high = max(high, old[6]);
  }
  //@ else
  if (known && (rule.x == 2.0 || rule.x == 4.0)) {
    low = settings.y * seen.low + settings.x * old[5];
    high = settings.y * seen.high + settings.x * old[6];
  }
  if (rule.x == 3.0) {
    let at = row * 32u;
    let window = u32(settings.x);
    var most = largest;
    for (var i = window - 1u; i > 0u; i--) {
      memory[at + i] = memory[at + i - 1u];
      most = max(most, memory[at + i]);
    }
    memory[at] = largest;
    let bound = most * settings.y;
    // A side stays once it was open; the row of a quantizer without a range holds 0, 0.
    low = select(0.0, -bound, seen.low < 0.0 || old[5] < 0.0);
    high = select(0.0, bound, seen.high > 0.0 || old[6] > 0.0);
  }
  if (rule.x == 4.0) {
    if (f32(seen.clipped) > rule.w * settings.z) {
      low = min(low, seen.low);
      high = max(high, seen.high);
    }
    let bound = largest * settings.w;
    low = max(low, -bound);
    high = min(high, bound);
  }
  //@ end
  // A rule that overflows leaves the range as it was.
  if (low < -3.4028234e38 || high > 3.4028234e38) { return; }
  table[row] = row_of(low, high, rule.y > 0.0, old);
}
