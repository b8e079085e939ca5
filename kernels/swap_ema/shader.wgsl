// swap_ema: swaps a parameter and its moving average, before and after an evaluation
//
//   weight, average  [SIZE] vec4<f32>
//
// STORE records minimum and maximum of the new weight in the statistics, as an update does: the weight's
// range follows from them.
// Reference: kernels/swap_ema/reference.ts
//@ include quad
//@ include quantize

@group(0) @binding(3) var<storage, read_write> weight: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> average: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let tile = group.y * groups.x + group.x;
  let at = tile * 64u + lane;
  if (at < ${SIZE}u) {
    let w = average[at];
    average[at] = weight[at];
    weight[at] = w;
    //@ if STORE
    observe(w, w, bad_lanes(w));
    //@ end
  }
  //@ if STORE
  record(${W_ROW}u, tile, lane);
  //@ end
}
