// update_ema: the exponential moving average of a parameter, which evaluation uses
//
//   average ← KEPT·average + TAKEN·weight
//
//   weight, average  [SIZE] vec4<f32>
//   found_nonfinite  [0]: if not 0, nothing changes (check_finite)
//
// Reference: kernels/update_ema/reference.ts

@group(0) @binding(3) var<storage, read> weight: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> average: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> found_nonfinite: array<u32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  if (found_nonfinite[0] != 0u) { return; }
  let at = (group.y * groups.x + group.x) * 64u + lane;
  if (at < ${SIZE}u) { average[at] = f32(${KEPT}) * average[at] + f32(${TAKEN}) * weight[at]; }
}
