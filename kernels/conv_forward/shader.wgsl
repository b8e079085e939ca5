// conv_forward: Y[p, o] = Σ_taps Σ_c X[p·stride − padding + tap, c] · W[o, tap, c] (+ bias[o])
//
// Implicit GEMM, in one of two forms (kernels/include/conv_tiles.ts):
//   in registers, K = 0      a thread owns P pixels × Q quads of outputs; the 64 threads of a workgroup own
//     64·P neighbouring pixels of the same channels, so weight loads are uniform. On a CPU adapter these
//     tiles win, as barriers make it suspend threads; on a GPU they serve where outputs are few.
//   in workgroup memory, K > 0   include/group_tile.wgsl: rows are pixels, columns are outputs.
// With INT8 one load brings the codes that four outputs have for the quad of x (pack_weights).
//
//   x        [n, H, W, 4·IQ]        quads
//   weight   [KH·KW, IQ, OQ]        four quads: of four outputs; without INT8 [outputs, KH·KW, 4·IQ]
//   row_sum  [outputs] i32          Σ of a row of weight codes: corrects for the zero point of x
//   bias     [outputs] f32          with BIAS
//   y        [n, HO, WO, 4·OQ]     quads; with LOGITS real f32 values
//   sums     [TILES, outputs, 2] i32   with SUMS: Σ(q − z) and Σ(q − z)² of a workgroup's pixels,
//                                  fewer than 33,000: at most 33,000·255² < 2³¹; TILES is enough for the
//                                  smallest tile that may be chosen; rows that a larger one does not use
//                                  are 0
//
// Weights may be a shard (lib/program/shards.ts): QUADS of the OQ quads of outputs, from quad FIRST on.
// Padding reads the code of zero, so one correction, −z·row_sum, holds for every pixel.
// Accumulators: |Σ (x − z)·w| ≤ K·255·127, which fits i32 to K = 66,000; the planner refuses more. Unsigned
// codes, u = x + 128 and v = w + 128, wrap around on the way: Σ x·w = Σ u·v − 128·Σ u − 128·row_sum.
// Sizes are operands, so that layers with the same tile share a pipeline.
// Conditions of unrolled code join with &: naga makes a branch of &&, and SwiftShader, whose time to compile
// triples with each pixel then, took 37 s for 12 pixels a thread (0.7 s with &).
// Reference: kernels/conv_forward/reference.ts
//@ include quad
//@ include dot
//@ include quantize
//@ include pixel_coords
//@ if K
//@ include group_tile
//@ include walk
//@ else
//@ let THREADS = 64
//@ let COLUMNS = 4 * Q
//@ include four_row
//@ end
@group(0) @binding(3) var<storage, read> x: array<Wide>;
//@ if INT8
//@ if K
@group(0) @binding(4) var<storage, read> weight: array<Four>;
//@ else
@group(0) @binding(4) var<storage, read> weight: array<FourRow>;
//@ end
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
var<workgroup> tile_sums: array<array<atomic<i32>, 2>, ${COLUMNS}>;
//@ end

// A quad of outputs, and what turns its sums into values.
struct Output {
  quad: u32,
  lanes: u32,
  //@ if INT8
  unit: f32,
  correction: vec4<i32>,
  //@ end
  //@ if BIAS
  bias: vec4<f32>,
  //@ end
}

fn output_of(quad: u32) -> Output {
  var out: Output;
  out.quad = quad;
  out.lanes = min(4u, ${CHANNELS}u - quad * 4u);
  //@ if INT8
  let zx = quantizers[${X_ROW}];
  out.unit = zx.scale * quantizers[${W_ROW}].scale;
  //@ if DOT == 1
  out.correction = (i32(zx.zero) + 128) * row_sum[quad];
  //@ else
  out.correction = i32(zx.zero) * row_sum[quad];
  //@ end
  //@ end
  //@ if BIAS
  out.bias = bias[quad];
  //@ end
  return out;
}

//@ if LOGITS
alias Result = vec4<f32>;
//@ else
alias Result = Stored;
//@ end

// Stores the four values of a pixel, and returns what it stored.
fn store(sum: vec4<Sum>, pixel: u32, out: Output, zy: Quantizer) -> Result {
  //@ if INT8
  var v = vec4<f32>(sum - out.correction) * out.unit;
  //@ else
  var v = sum;
  //@ end
  //@ if BIAS
  v += out.bias;
  //@ end
  let at = pixel * ${OQ}u + out.quad;
  //@ if LOGITS
  let stored = v;
  //@ else
  let stored = quantize(v, zy, 0u, vec2<u32>(), out.lanes);
  //@ end
  y[at] = stored;
  return stored;
}

//@ if SUMS
// Adds a thread's sums of a quad, the workgroup's quad `at`.
fn add_sums(at: u32, total: vec4<i32>, square: vec4<i32>) {
  //@ for j in 0..4
  atomicAdd(&tile_sums[at * 4u + ${j}u][0], total[${j}]);
  atomicAdd(&tile_sums[at * 4u + ${j}u][1], square[${j}]);
  //@ end
}

// Writes the workgroup's sums, from output `first` on, and 0 into the rows of tiles that there are not. A
// dispatch that is folded into two dimensions may have workgroups past the last tile.
fn write_sums(first: u32, tile: u32, tiles: u32, lane: u32) {
  let outputs = ${OQ}u * 4u;
  for (var at = lane; at < ${COLUMNS}u && first + at < outputs; at += ${THREADS}u) {
    let own = vec2<i32>(atomicLoad(&tile_sums[at][0]), atomicLoad(&tile_sums[at][1]));
    for (var t = tile; t < ${TILES}u; t += tiles) {
      sums[t * outputs + first + at] = select(vec2<i32>(), own, t == tile);
    }
  }
}
//@ end

@compute @workgroup_size(${THREADS})
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
  let zy = quantizers[${Y_ROW}];
  let padding = zero_quad(zx);

  //@ if K
  let down = lane / 16u;
  let across = lane % 16u;
  //@ for h in 0..FOURS
  //@ for r in 0..4
  //@ for q in 0..Q
  var a_${h}_${r}_${q}: vec4<Sum>;
  //@ end
  //@ end
  //@ end
  // What this thread copies: a part of every STRIDE-th pixel of the tile, and of the weights.
  let part = lane % ${PARTS}u;
  let first = lane / ${PARTS}u;
  let tile_pixel = tile * (16u * ${P}u);
  let next = pixel_coords(${STRIDE}u, ${HO}u, ${WO}u);
  var here = pixel_coords(tile_pixel + first, ${HO}u, ${WO}u);
  //@ for i in 0..LOADS
  // Far outside where there is no such pixel.
  let row_${i} = select(-0x20000000, i32(here.row * ${SH}u) - ${PH}, tile_pixel + first + ${i}u * ${STRIDE}u < pixels);
  let column_${i} = i32(here.column * ${SW}u) - ${PW};
  let base_${i} = ((i32(here.image * height) + row_${i}) * i32(width) + column_${i}) * i32(in_quads / ${V}u);
  here = advance(here, next, ${HO}u, ${WO}u);
  //@ if DOT == 1
  var total_${i} = 0;
  //@ end
  //@ end
  let loads = in_quads / ${V}u;
  let row_step = walk_step(${PARTS}u, loads, taps_across, 1, i32(loads), i32(width * loads));
  var at = walk_to(part, loads, taps_across, 1, i32(loads), i32(width * loads));
  //@ if INT8
  let elements = taps_down * taps_across * in_quads;
  let own_quad = lane % ${QUAD_STRIDE}u;
  let own_column = group.z * ${GROUP_QUADS}u + own_quad;
  let own_element = lane / ${QUAD_STRIDE}u;
  let weight_at = own_element * out_quads + own_column;
  //@ else
  let elements = taps_down * taps_across * in_quads * 4u;
  let first_output = group.z * ${COLUMNS}u + first;
  //@ end

  for (var begin = 0u; begin < elements; begin += ${K}u) {
    //@ for i in 0..LOADS
    let inside_${i} = (u32(row_${i} + i32(at.y)) < height) & (u32(column_${i} + i32(at.x)) < width) & (at.y < taps_down);
    let row_load_${i} = select(Wide(padding), x[u32(select(0, base_${i} + at.offset, inside_${i}))], inside_${i});
    //@ end
    //@ if INT8
    //@ for i in 0..WEIGHT_LOADS
    let is_weight_${i} = (own_element < elements - begin) & (own_column + ${i}u * ${QUAD_STRIDE}u < out_quads);
    let weight_load_${i} = select(Four(), weight[select(0u, weight_at + begin * out_quads + ${i}u * ${QUAD_STRIDE}u, is_weight_${i})], is_weight_${i});
    //@ end
    //@ else
    let column_at = begin / 4u + part;
    //@ for i in 0..WEIGHT_LOADS
    let output_${i} = first_output + ${i}u * ${STRIDE}u;
    let is_weight_${i} = (column_at * 4u < elements) & (output_${i} < ${QUADS}u * 4u);
    let weight_load_${i} = select(vec4<f32>(), weight[select(0u, output_${i} * (elements / 4u) + column_at, is_weight_${i})], is_weight_${i});
    //@ end
    //@ end
    //@ include group_multiply
    at = walk_on(at, row_step);
  }

  //@ if DOT == 1
  //@ for i in 0..LOADS
  atomicAdd(&row_totals[first + ${i}u * ${STRIDE}u], total_${i});
  //@ end
  workgroupBarrier();
  //@ end
  //@ for q in 0..Q
  {
    let at_quad = ${q}u * 16u + across;
    let own = group.z * ${GROUP_QUADS}u + at_quad;
    if (own < ${QUADS}u) {
      let out = output_of(${FIRST}u + own);
      //@ for h in 0..FOURS
      //@ for r in 0..4
      //@ if SUMS
      var stored_${h}_${r} = zero_quad(zy);
      //@ end
      {
        let row = (${h}u * 16u + down) * 4u + ${r}u;
        if (tile_pixel + row < pixels) {
          //@ if DOT == 1
          let sum = a_${h}_${r}_${q} - vec4<i32>(128 * atomicLoad(&row_totals[row]));
          //@ else
          let sum = a_${h}_${r}_${q};
          //@ end
          //@ if SUMS
          stored_${h}_${r} = store(sum, tile_pixel + row, out, zy);
          //@ else
          store(sum, tile_pixel + row, out, zy);
          //@ end
        }
      }
      //@ end
      //@ end
      //@ if SUMS
      // Only now, when the sums above have left their registers.
      var total = vec4<i32>();
      var square = vec4<i32>();
      //@ for h in 0..FOURS
      //@ for r in 0..4
      let d_${h}_${r} = codes(stored_${h}_${r}) - vec4<i32>(i32(zy.zero));
      total += d_${h}_${r};
      square += d_${h}_${r} * d_${h}_${r};
      //@ end
      //@ end
      add_sums(at_quad, total, square);
      //@ end
    }
  }
  //@ end
  //@ else

  let loads = in_quads / ${V}u;
  let next = pixel_coords(64u, ${HO}u, ${WO}u);
  var here = pixel_coords(tile * (64u * ${P}u) + lane, ${HO}u, ${WO}u);
  //@ for p in 0..P
  let pixel_${p} = tile * (64u * ${P}u) + ${p}u * 64u + lane;
  let row_${p} = i32(here.row * ${SH}u) - ${PH};
  let column_${p} = i32(here.column * ${SW}u) - ${PW};
  let base_${p} = ((i32(here.image * height) + row_${p}) * i32(width) + column_${p}) * i32(loads);
  here = advance(here, next, ${HO}u, ${WO}u);
  //@ for q in 0..Q
  var a_${p}_${q}: vec4<Sum>;
  //@ end
  //@ if DOT == 1
  var total_${p} = 0;
  //@ end
  //@ end

  //@ if INT8
  let row_step = out_quads / ${Q}u;
  //@ else
  let weights_of_column = taps_down * taps_across * in_quads;
  //@ end
  for (var ky = 0; ky < i32(taps_down); ky++) {
    for (var kx = 0; kx < i32(taps_across); kx++) {
      //@ for p in 0..P
      let inside_${p} = (u32(row_${p} + ky) < height) & (u32(column_${p} + kx) < width) & (pixel_${p} < pixels);
      let from_${p} = u32(select(0, base_${p} + (ky * i32(width) + kx) * i32(loads), inside_${p}));
      //@ end
      //@ if INT8
      var row_at = u32(ky * i32(taps_across) + kx) * in_quads * (out_quads / ${Q}u) + group.z;
      //@ else
      let tap = group.z * ${Q}u * 4u * weights_of_column + u32(ky * i32(taps_across) + kx) * in_quads;
      //@ end
      for (var c = 0u; c < loads; c++) {
        //@ for p in 0..P
        let wide_${p} = select(Wide(padding), x[from_${p} + c], inside_${p});
        //@ end
        //@ include register_multiply
      }
    }
  }

  //@ for q in 0..Q
  {
    let out = output_of(${FIRST}u + group.z * ${Q}u + ${q}u);
    //@ if SUMS
    var total = vec4<i32>();
    var square = vec4<i32>();
    //@ end
    var own = array<vec4<Sum>, ${P}>(
      //@ for p in 0..P
      //@ if DOT == 1
      a_${p}_${q} - vec4<i32>(128 * total_${p}),
      //@ else
      a_${p}_${q},
      //@ end
      //@ end
    );
    // Not unrolled: P copies of the code below would be most of the shader and of its compile time.
    for (var p = 0u; p < ${P}u; p++) {
      let pixel = tile * (64u * ${P}u) + p * 64u + lane;
      if (pixel >= pixels) { break; }
      let stored = store(own[p], pixel, out, zy);
      //@ if SUMS
      let d = codes(stored) - vec4<i32>(i32(zy.zero));
      total += d;
      square += d * d;
      //@ end
    }
    //@ if SUMS
    add_sums(${q}u, total, square);
    //@ end
  }
  //@ end
  //@ end
  //@ if LOGITS
  //@ else
  record(${Y_ROW}u, tile + group.z, lane);
  //@ end
  //@ if SUMS
  workgroupBarrier();
  write_sums(group.z * ${COLUMNS}u, tile, groups.x * groups.y, lane);
  //@ end
}
