// avg_pool_forward: Y[p] = Σ over the window of X / (KH·KW); padding counts as zeros, as in PyTorch
//
//   x   [N, H, W, 4·CQ] quads
//   y   [N, HO, WO, 4·CQ] quads
//
// int8 sums codes, exactly. A global pool is a window of the whole image.
// Reference: kernels/avg_pool_forward/reference.ts
//@ include quad
//@ include quantize

@group(0) @binding(3) var<storage, read> x: array<Quad>;
@group(0) @binding(4) var<storage, read_write> y: array<Stored>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let tile = group.y * groups.x + group.x;
  let at = tile * 64u + lane;
  if (at < ${N}u * ${HO}u * ${WO}u * ${CQ}u) {
    let pixel = at / ${CQ}u;
    let quad = at % ${CQ}u;
    let top = i32(pixel / ${WO}u % ${HO}u * ${SH}u) - ${PH};
    let left = i32(pixel % ${WO}u * ${SW}u) - ${PW};
    let image = pixel / (${HO}u * ${WO}u) * ${H}u;
    let zx = quantizers[${X_ROW}];
    var sum: vec4<Sum>;
    let first_row = max(top, 0);
    let end_row = min(top + ${KH}, ${H});
    let first_column = max(left, 0);
    let end_column = min(left + ${KW}, ${W});
    var row_at = ((image + u32(first_row)) * ${W}u + u32(first_column)) * ${CQ}u + quad;
    for (var row = first_row; row < end_row; row++) {
      var from_ = row_at;
      for (var column = first_column; column < end_column; column++) {
        let q = x[from_];
        from_ += ${CQ}u;
        //@ if INT8
        sum += codes(q) - vec4<i32>(i32(zx.zero));
        //@ else
        sum += q;
        //@ end
      }
      row_at += ${W}u * ${CQ}u;
    }
    //@ if INT8
    let v = vec4<f32>(sum) * (zx.scale / f32(${KH} * ${KW}));
    //@ else
    let v = sum / f32(${KH} * ${KW});
    //@ end
    y[at] = quantize(v, quantizers[${Y_ROW}], 0u, vec2<u32>(), min(4u, ${CHANNELS}u - quad * 4u));
  }
  record(${Y_ROW}u, tile, lane);
}
