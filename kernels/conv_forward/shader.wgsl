// conv_forward: Y[p, o] = Σ_taps Σ_c X[p·stride − padding + tap, c] · W[o, tap, c] (+ bias[o])
//
// Implicit GEMM: a thread owns P pixels × Q quads of outputs; the 64 threads of a workgroup own 64·P
// neighbouring pixels of the same channels, so weight loads are uniform. Nothing is shared through
// workgroup memory: on a CPU adapter register tiles win, and a GPU caches the weights. With INT8 one
// load brings the codes that four outputs have for the quad of x (pack_weights).
//
//   x        [n, H, W, 4·IQ]        quads
//   weight   [KH·KW, IQ, OQ]        four quads: of four outputs; without INT8 [outputs, KH·KW, 4·IQ]
//   row_sum  [outputs] i32          Σ of a row of weight codes: corrects for the zero point of x
//   bias     [outputs] f32          with BIAS
//   y        [n, HO, WO, 4·OQ]     quads; with LOGITS real f32 values
//   sums     [TILES, outputs, 2] i32   with SUMS: Σ(q − z) and Σ(q − z)² of a workgroup's pixels,
//                                  at most 64·P·255² < 2³¹; TILES is enough for the smallest tile that
//                                  may be chosen; rows that a larger one does not use are 0
//
// Weights may be a shard (lib/program/shards.ts): QUADS of the OQ quads of outputs, from quad FIRST on.
// Padding reads the code of zero, so one correction, −z·row_sum, holds for every pixel.
// Accumulators: |Σ (x − z)·w| ≤ K·255·127, which fits i32 to K = 66,000; the planner refuses more.
// Sizes are operands, so that layers with the same tile share a pipeline.
// Reference: kernels/conv_forward/reference.ts
//@ include quad
//@ include dot
//@ include quantize
//@ include pixel_coords

@group(0) @binding(3) var<storage, read> x: array<Quad>;
//@ if INT8
@group(0) @binding(4) var<storage, read> weight: array<Four>;
@group(0) @binding(5) var<storage, read> row_sum: array<vec4<i32>>;
//@ else
@group(0) @binding(4) var<storage, read> weight: array<Quad>;
//@ end
//@ if BIAS
@group(0) @binding(6) var<storage, read> bias: array<vec4<f32>>;
//@ end
//@ if LOGITS
@group(0) @binding(7) var<storage, read_write> y: array<vec4<f32>>;
//@ else
@group(0) @binding(7) var<storage, read_write> y: array<Stored>;
//@ end
//@ if SUMS
@group(0) @binding(8) var<storage, read_write> sums: array<vec2<i32>>;
var<workgroup> tile_sums: array<array<atomic<i32>, 2>, 4 * ${Q}>;
//@ end

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let height = ${H}u;
  let width = ${W}u;
  let in_quads = ${IQ}u;
  let out_quads = ${OQ}u;
  let taps_down = ${KH}u;
  let taps_across = ${KW}u;
  let pixels = ${PIXELS}u;
  let tile = group.y * groups.x + group.x;
  let zx = quantizers[${X_ROW}];
  let padding = zero_quad(zx);

  let next = pixel_coords(64u, ${HO}u, ${WO}u);
  var here = pixel_coords(tile * (64u * ${P}u) + lane, ${HO}u, ${WO}u);
  //@ for p in 0..P
  let pixel_${p} = tile * (64u * ${P}u) + ${p}u * 64u + lane;
  let row_${p} = i32(here.row * ${SH}u) - ${PH};
  let column_${p} = i32(here.column * ${SW}u) - ${PW};
  let base_${p} = ((i32(here.image * height) + row_${p}) * i32(width) + column_${p}) * i32(in_quads);
  here = advance(here, next, ${HO}u, ${WO}u);
  //@ for q in 0..Q
  var a_${p}_${q}: vec4<Sum>;
  //@ end
  //@ end

  //@ if INT8
  //@ else
  let weights_of_output = taps_down * taps_across * in_quads;
  //@ end
  for (var ky = 0; ky < i32(taps_down); ky++) {
    for (var kx = 0; kx < i32(taps_across); kx++) {
      //@ for p in 0..P
      let inside_${p} = u32(row_${p} + ky) < height && u32(column_${p} + kx) < width && pixel_${p} < pixels;
      let from_${p} = u32(select(0, base_${p} + (ky * i32(width) + kx) * i32(in_quads), inside_${p}));
      //@ end
      //@ if INT8
      let tap = u32(ky * i32(taps_across) + kx) * in_quads;
      //@ else
      let tap = group.z * ${Q}u * 4u * weights_of_output + u32(ky * i32(taps_across) + kx) * in_quads;
      //@ end
      for (var c = 0u; c < in_quads; c++) {
        //@ for p in 0..P
        let v_${p} = select(padding, x[from_${p} + c], inside_${p});
        //@ end
        //@ for q in 0..Q
        {
          //@ if INT8
          let w = weight[(tap + c) * out_quads + group.z * ${Q}u + ${q}u];
          //@ else
          let w_at = tap + c + ${q}u * 4u * weights_of_output;
          let w = Four(weight[w_at], weight[w_at + weights_of_output], weight[w_at + 2u * weights_of_output], weight[w_at + 3u * weights_of_output]);
          //@ end
          //@ for p in 0..P
          a_${p}_${q} += dot_four(v_${p}, w);
          //@ end
        }
        //@ end
      }
    }
  }

  let zy = quantizers[${Y_ROW}];
  //@ if INT8
  let unit = zx.scale * quantizers[${W_ROW}].scale;
  //@ end
  //@ for q in 0..Q
  {
    let quad = ${FIRST}u + group.z * ${Q}u + ${q}u;
    let lanes = min(4u, ${CHANNELS}u - quad * 4u);
    //@ if INT8
    let correction = i32(zx.zero) * row_sum[quad];
    //@ end
    //@ if SUMS
    var total = vec4<i32>();
    var square = vec4<i32>();
    //@ end
    var own = array<vec4<Sum>, ${P}>(
      //@ for p in 0..P
      a_${p}_${q},
      //@ end
    );
    // Not unrolled: P copies of the code below would be most of the shader and of its compile time.
    for (var p = 0u; p < ${P}u; p++) {
      let pixel = tile * (64u * ${P}u) + p * 64u + lane;
      if (pixel >= pixels) { break; }
      let sum = own[p];
      //@ if INT8
      var v = vec4<f32>(sum - correction) * unit;
      //@ else
      var v = sum;
      //@ end
      //@ if BIAS
      v += bias[quad];
      //@ end
      let at = pixel * out_quads + quad;
      //@ if LOGITS
      y[at] = v;
      //@ else
      let stored = quantize(v, zy, 0u, vec2<u32>(), lanes);
      y[at] = stored;
      //@ if SUMS
      let d = codes(stored) - vec4<i32>(i32(zy.zero));
      total += d;
      square += d * d;
      //@ end
      //@ end
    }
    //@ if SUMS
    //@ for j in 0..4
    atomicAdd(&tile_sums[${q} * 4 + ${j}][0], total[${j}]);
    atomicAdd(&tile_sums[${q} * 4 + ${j}][1], square[${j}]);
    //@ end
    //@ end
  }
  //@ end
  //@ if LOGITS
  //@ else
  record(${Y_ROW}u, tile + group.z, lane);
  //@ end
  //@ if SUMS
  workgroupBarrier();
  if (lane < 4u * ${Q}u) {
    let at = group.z * (${Q}u * 4u) + lane;
    sums[tile * (out_quads * 4u) + at] = vec2<i32>(atomicLoad(&tile_sums[lane][0]), atomicLoad(&tile_sums[lane][1]));
    let tiles = groups.x * groups.y;
    for (var t = tile + tiles; t < ${TILES}u; t += tiles) { sums[t * (out_quads * 4u) + at] = vec2<i32>(); }
  }
  //@ end
}
