// avg_pool_backward: dX[p] = Σ dY[w] / (KH·KW) over the windows w that contain p
//
//   dy            [N, HO, WO, 4·CQ] quads
//   addend, mask  see include/gradient.wgsl
//   dx            [N, H, W, 4·CQ] quads
//
// Reference: kernels/avg_pool_backward/reference.ts
//@ include quad
//@ include quantize
//@ include gradient

@group(0) @binding(3) var<storage, read> dy: array<Quad>;
@group(0) @binding(8) var<storage, read_write> dx: array<Stored>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let tile = group.y * groups.x + group.x;
  let zdy = quantizers[${DY_ROW}];
  let zdx = quantizers[${DX_ROW}];
  let key = stream(${DX_ROW}u);
  //@ for r in 0..R
  {
    let at = (tile * ${R}u + ${r}u) * 64u + lane;
    if (at < ${N}u * ${H}u * ${W}u * ${CQ}u) {
      let pixel = at / ${CQ}u;
      let quad = at % ${CQ}u;
      let y = i32(pixel / ${W}u % ${H}u);
      let x = i32(pixel % ${W}u);
      let image = pixel / (${H}u * ${W}u);
      var sum: vec4<Sum>;
      let first_wy = u32(max(y + ${PH} - ${KH} + ${SH}, 0)) / ${SH}u;
      let last_wy = min(u32(y + ${PH}) / ${SH}u, ${HO}u - 1u);
      let first_wx = u32(max(x + ${PW} - ${KW} + ${SW}, 0)) / ${SW}u;
      let last_wx = min(u32(x + ${PW}) / ${SW}u, ${WO}u - 1u);
      var row_at = ((image * ${HO}u + first_wy) * ${WO}u + first_wx) * ${CQ}u + quad;
      for (var wy = first_wy; wy <= last_wy; wy++) {
        var from_ = row_at;
        for (var wx = first_wx; wx <= last_wx; wx++) {
          let q = dy[from_];
          from_ += ${CQ}u;
          //@ if INT8
          sum += codes(q) - vec4<i32>(i32(zdy.zero));
          //@ else
          sum += q;
          //@ end
        }
        row_at += ${WO}u * ${CQ}u;
      }
      //@ if INT8
      let v = vec4<f32>(sum) * (zdy.scale / f32(${KH} * ${KW}));
      //@ else
      let v = sum / f32(${KH} * ${KW});
      //@ end
      dx[at] = quantize(finish(v, at), zdx, pixel * ${CHANNELS}u + quad * 4u, key, min(4u, ${CHANNELS}u - quad * 4u));
    }
  }
  //@ end
  record(${DX_ROW}u, tile, lane);
}
