// max_pool_backward: dX[p] = Σ dY[w] over the windows w whose first maximum, in row order, is p
//
//   x             [N, H, W, 4·CQ] quads     the input of the forward pass: the winner is looked up again,
//   dy            [N, HO, WO, 4·CQ] quads   which costs reads but stores no index
//   addend, mask  see include/gradient.wgsl
//   dx            [N, H, W, 4·CQ] quads
//
// Reference: kernels/max_pool_backward/reference.ts
//@ include quad
//@ include quantize
//@ include gradient

@group(0) @binding(3) var<storage, read> x: array<Quad>;
@group(0) @binding(4) var<storage, read> dy: array<Quad>;
@group(0) @binding(8) var<storage, read_write> dx: array<Stored>;

fn value(pixel: u32, quad: u32) -> vec4<f32> {
  //@ if INT8
  return vec4<f32>(codes(x[pixel * ${CQ}u + quad]));
  //@ else
  return x[pixel * ${CQ}u + quad];
  //@ end
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let tile = group.y * groups.x + group.x;
  let at = tile * 64u + lane;
  if (at < ${N}u * ${H}u * ${W}u * ${CQ}u) {
    let pixel = at / ${CQ}u;
    let quad = at % ${CQ}u;
    let y = i32(pixel / ${W}u % ${H}u);
    let x_ = i32(pixel % ${W}u);
    let image = pixel / (${H}u * ${W}u);
    let mine = value(pixel, quad);
    let zdy = quantizers[${DY_ROW}];
    var sum = vec4<f32>();
    // Windows that contain this pixel: top = wy·stride − padding ≤ y < top + kernel.
    let first_wy = max(y + ${PH} - ${KH} + ${SH}, 0) / ${SH};
    let first_wx = max(x_ + ${PW} - ${KW} + ${SW}, 0) / ${SW};
    for (var wy = first_wy; wy <= min((y + ${PH}) / ${SH}, ${HO} - 1); wy++) {
      for (var wx = first_wx; wx <= min((x_ + ${PW}) / ${SW}, ${WO} - 1); wx++) {
        let top = wy * ${SH} - ${PH};
        let left = wx * ${SW} - ${PW};
        var wins = vec4<bool>(true);
        for (var row = max(top, 0); row < min(top + ${KH}, ${H}); row++) {
          for (var column = max(left, 0); column < min(left + ${KW}, ${W}); column++) {
            let other = value((image * ${H}u + u32(row)) * ${W}u + u32(column), quad);
            let before = row < y || (row == y && column < x_);
            wins = wins & !((other > mine) | ((other == mine) & vec4<bool>(before)));
          }
        }
        let d = real(dy[((image * ${HO}u + u32(wy)) * ${WO}u + u32(wx)) * ${CQ}u + quad], zdy);
        sum += select(vec4<f32>(), d, wins);
      }
    }
    dx[at] = quantize(finish(sum, at), quantizers[${DX_ROW}], pixel * ${CHANNELS}u + quad * 4u, stream(${DX_ROW}u), min(4u, ${CHANNELS}u - quad * 4u));
  }
  record(${DX_ROW}u, tile, lane);
}
