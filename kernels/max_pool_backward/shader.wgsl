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

//@ if INT8
alias Value = vec4<i32>;
fn value(at: u32) -> Value { return codes(x[at]); }
//@ else
alias Value = vec4<f32>;
fn value(at: u32) -> Value { return x[at]; }
//@ end

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
    let mine = value(at);
    let zdy = quantizers[${DY_ROW}];
    var sum = vec4<f32>();
    // Windows that contain this pixel: top = wy·stride − padding ≤ y < top + kernel.
    let first_wy = i32(u32(max(y + ${PH} - ${KH} + ${SH}, 0)) / ${SH}u);
    let last_wy = min(i32(u32(y + ${PH}) / ${SH}u), ${HO} - 1);
    let first_wx = i32(u32(max(x_ + ${PW} - ${KW} + ${SW}, 0)) / ${SW}u);
    let last_wx = min(i32(u32(x_ + ${PW}) / ${SW}u), ${WO} - 1);
    var dy_row = ((image * ${HO}u + u32(first_wy)) * ${WO}u + u32(first_wx)) * ${CQ}u + quad;
    for (var wy = first_wy; wy <= last_wy; wy++) {
      let top = wy * ${SH} - ${PH};
      let first_row = max(top, 0);
      let end_row = min(top + ${KH}, ${H});
      let row_start = (image * ${H}u + u32(first_row)) * ${W}u * ${CQ}u + quad;
      var dy_at = dy_row;
      for (var wx = first_wx; wx <= last_wx; wx++) {
        let left = wx * ${SW} - ${PW};
        let first_column = max(left, 0);
        let end_column = min(left + ${KW}, ${W});
        var row_at = row_start + u32(first_column) * ${CQ}u;
        var wins = vec4<bool>(true);
        for (var row = first_row; row < end_row; row++) {
          var from_ = row_at;
          for (var column = first_column; column < end_column; column++) {
            // A pixel before this one, in row order, wins where they are equal.
            let other = value(from_);
            wins = wins & !((other > mine) | ((other == mine) & vec4<bool>(from_ < at)));
            from_ += ${CQ}u;
          }
          row_at += ${W}u * ${CQ}u;
        }
        sum += select(vec4<f32>(), real(dy[dy_at], zdy), wins);
        dy_at += ${CQ}u;
      }
      dy_row += ${WO}u * ${CQ}u;
    }
    dx[at] = quantize(finish(sum, at), quantizers[${DX_ROW}], pixel * ${CHANNELS}u + quad * 4u, stream(${DX_ROW}u), min(4u, ${CHANNELS}u - quad * 4u));
  }
  record(${DX_ROW}u, tile, lane);
}
