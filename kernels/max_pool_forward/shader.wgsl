// max_pool_forward: Y[p] = max over the window of X; codes are copied, so Y shares X's quantizer
//
//   x   [N, H, W, 4·CQ] quads
//   y   [N, HO, WO, 4·CQ] quads
//
// Padding is skipped, so it is never the maximum.
// Reference: kernels/max_pool_forward/reference.ts
//@ include quad

@group(0) @binding(3) var<storage, read> x: array<Quad>;
@group(0) @binding(4) var<storage, read_write> y: array<Quad>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = (group.y * groups.x + group.x) * 64u + lane;
  if (at >= ${N}u * ${HO}u * ${WO}u * ${CQ}u) { return; }
  let pixel = at / ${CQ}u;
  let top = i32(pixel / ${WO}u % ${HO}u * ${SH}u) - ${PH};
  let left = i32(pixel % ${WO}u * ${SW}u) - ${PW};
  let image = pixel / (${HO}u * ${WO}u) * ${H}u;
  //@ if INT8
  var best = vec4<i32>(-128);
  //@ else
  var best = vec4<f32>(-3.4028234e38);
  //@ end
  for (var row = max(top, 0); row < min(top + ${KH}, ${H}); row++) {
    for (var column = max(left, 0); column < min(left + ${KW}, ${W}); column++) {
      let q = x[((image + u32(row)) * ${W}u + u32(column)) * ${CQ}u + at % ${CQ}u];
      //@ if INT8
      best = max(best, codes(q));
      //@ else
      best = max(best, q);
      //@ end
    }
  }
  //@ if INT8
  y[at] = pack(best);
  //@ else
  y[at] = best;
  //@ end
}
