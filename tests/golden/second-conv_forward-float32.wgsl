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
// include quad

// include dot

// include quantize

// include pixel_coords

// include four_row

@group(0) @binding(3) var<storage, read> x: array<Wide>;
@group(0) @binding(4) var<storage, read> weight: array<Quad>;
@group(0) @binding(6) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> y: array<Stored>;

// A quad of outputs, and what turns its sums into values.
struct Output {
  quad: u32,
  lanes: u32,
  bias: vec4<f32>,
}

fn output_of(quad: u32) -> Output {
  var out: Output;
  out.quad = quad;
  out.lanes = min(4u, operand_CHANNELS() - quad * 4u);
  out.bias = bias[quad];
  return out;
}

alias Result = Stored;

// Stores the four values of a pixel, and returns what it stored.
fn store(sum: vec4<Sum>, pixel: u32, out: Output, zy: Quantizer) -> Result {
  var v = sum;
  v += out.bias;
  let at = pixel * operand_OQ() + out.quad;
  let stored = quantize(v, zy, 0u, vec2<u32>(), out.lanes);
  y[at] = stored;
  return stored;
}


@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let height = operand_H();
  let width = operand_W();
  let in_quads = operand_IQ();
  let out_quads = operand_OQ();
  let taps_down = operand_KH();
  let taps_across = operand_KW();
  let pixels = operand_PIXELS();
  let tile = group.y * groups.x + group.x;
  let zx = quantizers[i32(operand_X_ROW())];
  let zy = quantizers[i32(operand_Y_ROW())];
  let padding = zero_quad(zx);


  let loads = in_quads / 1u;
  let next = pixel_coords(64u, operand_HO(), operand_WO());
  var here = pixel_coords(tile * (64u * 3u) + lane, operand_HO(), operand_WO());
  let pixel_0 = tile * (64u * 3u) + 0u * 64u + lane;
  let row_0 = i32(here.row * operand_SH()) - i32(operand_PH());
  let column_0 = i32(here.column * operand_SW()) - i32(operand_PW());
  let base_0 = ((i32(here.image * height) + row_0) * i32(width) + column_0) * i32(loads);
  here = advance(here, next, operand_HO(), operand_WO());
  var a_0_0: vec4<Sum>;
  var a_0_1: vec4<Sum>;
  let pixel_1 = tile * (64u * 3u) + 1u * 64u + lane;
  let row_1 = i32(here.row * operand_SH()) - i32(operand_PH());
  let column_1 = i32(here.column * operand_SW()) - i32(operand_PW());
  let base_1 = ((i32(here.image * height) + row_1) * i32(width) + column_1) * i32(loads);
  here = advance(here, next, operand_HO(), operand_WO());
  var a_1_0: vec4<Sum>;
  var a_1_1: vec4<Sum>;
  let pixel_2 = tile * (64u * 3u) + 2u * 64u + lane;
  let row_2 = i32(here.row * operand_SH()) - i32(operand_PH());
  let column_2 = i32(here.column * operand_SW()) - i32(operand_PW());
  let base_2 = ((i32(here.image * height) + row_2) * i32(width) + column_2) * i32(loads);
  here = advance(here, next, operand_HO(), operand_WO());
  var a_2_0: vec4<Sum>;
  var a_2_1: vec4<Sum>;

  let weights_of_column = taps_down * taps_across * in_quads;
  for (var ky = 0; ky < i32(taps_down); ky++) {
    for (var kx = 0; kx < i32(taps_across); kx++) {
      let inside_0 = (u32(row_0 + ky) < height) & (u32(column_0 + kx) < width) & (pixel_0 < pixels);
      let from_0 = u32(select(0, base_0 + (ky * i32(width) + kx) * i32(loads), inside_0));
      let inside_1 = (u32(row_1 + ky) < height) & (u32(column_1 + kx) < width) & (pixel_1 < pixels);
      let from_1 = u32(select(0, base_1 + (ky * i32(width) + kx) * i32(loads), inside_1));
      let inside_2 = (u32(row_2 + ky) < height) & (u32(column_2 + kx) < width) & (pixel_2 < pixels);
      let from_2 = u32(select(0, base_2 + (ky * i32(width) + kx) * i32(loads), inside_2));
      let tap = group.z * 2u * 4u * weights_of_column + u32(ky * i32(taps_across) + kx) * in_quads;
      for (var c = 0u; c < loads; c++) {
        let wide_0 = select(Wide(padding), x[from_0 + c], inside_0);
        let wide_1 = select(Wide(padding), x[from_1 + c], inside_1);
        let wide_2 = select(Wide(padding), x[from_2 + c], inside_2);
// include register_multiply

      }
    }
  }

  {
    let out = output_of(operand_FIRST() + group.z * 2u + 0u);
    var own = array<vec4<Sum>, 3>(
      a_0_0,
      a_1_0,
      a_2_0,
    );
    // Not unrolled: P copies of the code below would be most of the shader and of its compile time.
    for (var p = 0u; p < 3u; p++) {
      let pixel = tile * (64u * 3u) + p * 64u + lane;
      if (pixel >= pixels) { break; }
      let stored = store(own[p], pixel, out, zy);
    }
  }
  {
    let out = output_of(operand_FIRST() + group.z * 2u + 1u);
    var own = array<vec4<Sum>, 3>(
      a_0_1,
      a_1_1,
      a_2_1,
    );
    // Not unrolled: P copies of the code below would be most of the shader and of its compile time.
    for (var p = 0u; p < 3u; p++) {
      let pixel = tile * (64u * 3u) + p * 64u + lane;
      if (pixel >= pixels) { break; }
      let stored = store(own[p], pixel, out, zy);
    }
  }
  record(operand_Y_ROW(), tile + group.z, lane);
}

@group(0) @binding(15) var<uniform> operands: array<vec4<u32>, 16>;

fn operand_CHANNELS() -> u32 { return operands[0u + step.origin].x; }
fn operand_OQ() -> u32 { return operands[0u + step.origin].y; }
fn operand_H() -> u32 { return operands[0u + step.origin].z; }
fn operand_W() -> u32 { return operands[0u + step.origin].w; }
fn operand_IQ() -> u32 { return operands[1u + step.origin].x; }
fn operand_KH() -> u32 { return operands[1u + step.origin].y; }
fn operand_KW() -> u32 { return operands[1u + step.origin].z; }
fn operand_PIXELS() -> u32 { return operands[1u + step.origin].w; }
fn operand_X_ROW() -> u32 { return operands[2u + step.origin].x; }
fn operand_Y_ROW() -> u32 { return operands[2u + step.origin].y; }
fn operand_HO() -> u32 { return operands[2u + step.origin].z; }
fn operand_WO() -> u32 { return operands[2u + step.origin].w; }
fn operand_SH() -> u32 { return operands[3u + step.origin].x; }
fn operand_PH() -> u32 { return operands[3u + step.origin].y; }
fn operand_SW() -> u32 { return operands[3u + step.origin].z; }
fn operand_PW() -> u32 { return operands[3u + step.origin].w; }
fn operand_FIRST() -> u32 { return operands[4u + step.origin].x; }

