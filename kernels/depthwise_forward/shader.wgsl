// depthwise_forward: Y[p, c] = Σ_taps X[p·stride − padding + tap, c] · W[tap, c] (+ bias[c])
//
// A value of X meets KH·KW weights and no other channel, so loads decide and not products. A thread
// owns a quad and T runs of R neighbouring pixels of a row; values that windows of a run share are
// loaded once. A workgroup owns QL neighbouring quads, for wide loads across threads, and THREADS/QL·T
// consecutive runs. Four runs per thread (T) gain 10 to 30% over one; reading outside the image and
// dropping the value gains 5 to 40% over a branch; unrolling the loop over ky loses up to half
// (llvmpipe under load, 56×56×96 and 14×14×384, int8: 4 to 5 GOP/s in all three passes).
//
//   x        [n, H, W, CQ]      quads
//   weight   [KH·KW, CQ]        quads
//   scales   [CQ] vec4<f32>     with INT8: the weights' scale in each channel
//   bias     [CQ] vec4<f32>     with BIAS
//   y        [n, HO, WO, CQ]    quads
//   sums     [tiles, 4·CQ, 2] i32   with SUMS: Σ(q − z) and Σ(q − z)² of this workgroup's pixels, at most
//                               THREADS/QL·T·R·255² < 2³¹
//
// A run reads SPAN = (R − 1)·SW + KW columns; a row has RUNS runs; LINES = n·HO.
// Reference: kernels/depthwise_forward/reference.ts
//@ include quad
//@ include quantize
//@ include depthwise
//@ include pixel_coords

@group(0) @binding(3) var<storage, read> x: array<Quad>;
@group(0) @binding(4) var<storage, read> weight: array<Quad>;
//@ if INT8
@group(0) @binding(5) var<storage, read> scales: array<vec4<f32>>;
//@ end
//@ if BIAS
@group(0) @binding(6) var<storage, read> bias: array<vec4<f32>>;
//@ end
@group(0) @binding(7) var<storage, read_write> y: array<Stored>;
//@ if SUMS
@group(0) @binding(8) var<storage, read_write> sums: array<vec2<i32>>;
var<workgroup> tile_sums: array<array<atomic<i32>, 2>, 4 * ${QL}>;
//@ end

@compute @workgroup_size(${THREADS})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let height = ${H}u;
  let width = ${W}u;
  let out_height = ${HO}u;
  let out_width = ${WO}u;
  let quads = ${CQ}u;
  let taps_down = ${KH}u;
  let stride_y = ${SH}u;
  let padding_y = ${PH}u;
  let padding_x = ${PW}u;
  let channels = ${CHANNELS}u;
  let runs = ${RUNS}u;
  let lines = ${LINES}u;
  let tile = group.y * groups.x + group.x;
  let quad = group.z * ${QL}u + lane % ${QL}u;
  let zx = quantizers[${X_ROW}];
  let zy = quantizers[${Y_ROW}];
  //@ if SUMS
  var total = vec4<i32>();
  var square = vec4<i32>();
  //@ end

  let next = pixel_coords(${THREADS}u / ${QL}u, out_height, runs);
  var here = pixel_coords(tile * ${T}u * (${THREADS}u / ${QL}u) + lane / ${QL}u, out_height, runs);
  let turns = ${T}u;
  let next_row = width * quads;
  for (var t = 0u; t < turns; t++) {
    let line = here.image * out_height + here.row;
    let first = here.column * ${R}u;
    if (line < lines && quad < quads) {
      let top = i32(here.row * stride_y) - i32(padding_y);
      let left = i32(first * ${SW}u) - i32(padding_x);
      //@ for p in 0..R
      var a_${p} = vec4<f32>();
      //@ end
      var row_at = u32((i32(here.image * height) + top) * i32(width) + left) * quads + quad;
      var weight_at = quad;
      for (var ky = 0; ky < i32(taps_down); ky++) {
        if (u32(top + ky) < height) {
          var at = row_at;
          //@ for kx in 0..KW
          let w_${kx} = zero_centred(weight[weight_at + ${kx}u * quads], 0.0);
          //@ end
          //@ for i in 0..SPAN
          {
            let inside = u32(left + ${i}) < width;
            let v = select(vec4<f32>(), zero_centred(x[select(0u, at, inside)], zx.zero), inside);
            at += quads;
            //@ for kx in 0..KW
            //@ for p in 0..R
            //@ if i == p * SW + kx
            a_${p} += v * w_${kx};
            //@ end
            //@ end
            //@ end
          }
          //@ end
        }
        row_at += next_row;
        weight_at += ${KW}u * quads;
      }
      let lanes = min(4u, channels - quad * 4u);
      //@ if INT8
      let unit = zx.scale * scales[quad];
      //@ end
      //@ for p in 0..R
      if (first + ${p}u < out_width) {
        var r = a_${p};
        //@ if INT8
        r *= unit;
        //@ end
        //@ if BIAS
        r += bias[quad];
        //@ end
        let stored = quantize(r, zy, 0u, vec2<u32>(), lanes);
        y[(line * out_width + first + ${p}u) * quads + quad] = stored;
        //@ if SUMS
        let d = codes(stored) - vec4<i32>(i32(zy.zero));
        total += d;
        square += d * d;
        //@ end
      }
      //@ end
    }
    here = advance(here, next, out_height, runs);
  }
  record(${Y_ROW}u, tile + group.z, lane);
  //@ if SUMS
  //@ for j in 0..4
  atomicAdd(&tile_sums[lane % ${QL}u * 4u + ${j}u][0], total[${j}]);
  atomicAdd(&tile_sums[lane % ${QL}u * 4u + ${j}u][1], square[${j}]);
  //@ end
  workgroupBarrier();
  // A dispatch that is folded into two dimensions may have workgroups past the last tile.
  if (tile < ${TILES}u && lane < 4u * ${QL}u && group.z * ${QL}u + lane / 4u < quads) {
    let at = (tile * quads + group.z * ${QL}u) * 4u + lane;
    sums[at] = vec2<i32>(atomicLoad(&tile_sums[lane][0]), atomicLoad(&tile_sums[lane][1]));
  }
  //@ end
}
