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
  let first_row = max(top, 0);
  let end_row = min(top + ${KH}, ${H});
  let first_column = max(left, 0);
  let end_column = min(left + ${KW}, ${W});
  var row_at = ((image + u32(first_row)) * ${W}u + u32(first_column)) * ${CQ}u + at % ${CQ}u;
  for (var row = first_row; row < end_row; row++) {
    var from_ = row_at;
    for (var column = first_column; column < end_column; column++) {
      let q = x[from_];
      from_ += ${CQ}u;
      //@ if INT8
      best = max(best, codes(q));
      //@ else
      best = max(best, q);
      //@ end
    }
    row_at += ${W}u * ${CQ}u;
  }
  //@ if INT8
  y[at] = pack(best);
  //@ else
  y[at] = best;
  //@ end
}
