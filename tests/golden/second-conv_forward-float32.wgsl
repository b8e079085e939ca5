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
//                                  may be chosen, and what a larger one leaves over is 0
//
// Weights may be QUADS of the OQ quads of outputs, of which FIRST are before them (lib/ops/parts.ts).
// Padding reads the code of zero, so one correction, −z·row_sum, holds for every pixel.
// Accumulators: |Σ (x − z)·w| ≤ K·255·127, which fits i32 to K = 66,000; the planner refuses more.
// Reference: lib/reference/conv_forward.ts
// The unit of storage: four neighbouring channels of one pixel, a *quad*. With INT8 a quad is four
// codes in a u32; without, a vec4<f32>. A *wide* is V quads read in one load: the bounds check that
// every driver adds is then paid once for 4·V values (int8 512³ on llvmpipe: 17 GOP/s by words,
// 48 by four).
// Padded channels always hold the code of zero.
// Reference: lib/reference/include/quantize.ts (row, reader)

struct Quantizer {
  scale: f32,    // real = scale · (code − zero)
  inverse: f32,  // 1 / scale
  zero: f32,     // zero point, a whole number
  low: f32,      // smallest and largest code
  high: f32,
  range_low: f32,  // what the codes cover; 0, 0 when there is no range yet
  range_high: f32,
  rate: f32,       // factor of the learning rate of what this gradient trains
}

struct Step {
  seed: u32,
  step: u32,        // counts from 0
  samples: u32,     // images of this micro-batch that count; the rest is padding
  first: u32,       // images of the batch before this micro-batch
  rate: f32,        // learning rate
  norm_weight: f32, // 1: running statistics follow this batch; 0: they stay (calibration)
  total: u32,       // images of the whole batch that count
  smoothing: f32,   // share of a label that all classes have alike
  first_correction: f32,  // of the averages of AdamW: 1/(1 − β₁ᵗ) and 1/√(1 − β₂ᵗ)
  second_correction: f32,
  unused_a: u32,
  unused_b: u32,
}

@group(0) @binding(0) var<storage, read> quantizers: array<Quantizer>;
@group(0) @binding(1) var<storage, read_write> statistics: array<atomic<u32>>;
@group(0) @binding(2) var<uniform> step: Step;

alias Quad = vec4<f32>;
alias Wide = vec4<f32>;
alias Sum = f32;
fn part0(w: Wide) -> Quad { return w; }
fn zero_quad(z: Quantizer) -> Quad { return vec4<f32>(0.0); }
fn real(q: Quad, z: Quantizer) -> vec4<f32> { return q; }
fn dot_wide(a: Wide, b: Wide) -> Sum { return dot(a, b); }

// Real values → what is stored, with the statistics of what went in. Each thread calls `quantize` for
// its values, then every thread of the workgroup calls `record` once (it holds a barrier).
// STORE: 0 real values as they are, not seen (no quantizer); 1 quantized now: codes with INT8, else
// the real values that the codes stand for; 2 real values, seen but not quantized yet: the range
// waits for them.
// QUIET: nothing is recorded, as the tensor was seen when it was made first.
// Reference: lib/reference/include/quantize.ts

alias Stored = vec4<f32>;
alias StoredWide = vec4<f32>;

fn stream(row: u32) -> vec2<u32> { return vec2<u32>(0u); }
fn quantize(v: vec4<f32>, z: Quantizer, element: u32, key: vec2<u32>, lanes: u32) -> Stored { return v; }
fn record(row: u32, tile: u32, lane: u32) {}


@group(0) @binding(3) var<storage, read> x: array<Quad>;
@group(0) @binding(4) var<storage, read> weight: array<Quad>;
@group(0) @binding(6) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> y: array<Stored>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let tile = group.y * groups.x + group.x;
  let zx = quantizers[i32(operands.X_ROW)];
  let padding = zero_quad(zx);

  let pixel_0 = tile * (64u * 12u) + 0u * 64u + lane;
  let row_0 = i32(pixel_0 / 9u % 9u * 1u) - 1;
  let column_0 = i32(pixel_0 % 9u * 1u) - 1;
  let base_0 = ((i32(pixel_0 / (9u * 9u) * 9u) + row_0) * 9 + column_0) * 2;
  var a_0_0_0: Sum;
  var a_0_0_1: Sum;
  var a_0_0_2: Sum;
  var a_0_0_3: Sum;
  var a_0_1_0: Sum;
  var a_0_1_1: Sum;
  var a_0_1_2: Sum;
  var a_0_1_3: Sum;
  let pixel_1 = tile * (64u * 12u) + 1u * 64u + lane;
  let row_1 = i32(pixel_1 / 9u % 9u * 1u) - 1;
  let column_1 = i32(pixel_1 % 9u * 1u) - 1;
  let base_1 = ((i32(pixel_1 / (9u * 9u) * 9u) + row_1) * 9 + column_1) * 2;
  var a_1_0_0: Sum;
  var a_1_0_1: Sum;
  var a_1_0_2: Sum;
  var a_1_0_3: Sum;
  var a_1_1_0: Sum;
  var a_1_1_1: Sum;
  var a_1_1_2: Sum;
  var a_1_1_3: Sum;
  let pixel_2 = tile * (64u * 12u) + 2u * 64u + lane;
  let row_2 = i32(pixel_2 / 9u % 9u * 1u) - 1;
  let column_2 = i32(pixel_2 % 9u * 1u) - 1;
  let base_2 = ((i32(pixel_2 / (9u * 9u) * 9u) + row_2) * 9 + column_2) * 2;
  var a_2_0_0: Sum;
  var a_2_0_1: Sum;
  var a_2_0_2: Sum;
  var a_2_0_3: Sum;
  var a_2_1_0: Sum;
  var a_2_1_1: Sum;
  var a_2_1_2: Sum;
  var a_2_1_3: Sum;
  let pixel_3 = tile * (64u * 12u) + 3u * 64u + lane;
  let row_3 = i32(pixel_3 / 9u % 9u * 1u) - 1;
  let column_3 = i32(pixel_3 % 9u * 1u) - 1;
  let base_3 = ((i32(pixel_3 / (9u * 9u) * 9u) + row_3) * 9 + column_3) * 2;
  var a_3_0_0: Sum;
  var a_3_0_1: Sum;
  var a_3_0_2: Sum;
  var a_3_0_3: Sum;
  var a_3_1_0: Sum;
  var a_3_1_1: Sum;
  var a_3_1_2: Sum;
  var a_3_1_3: Sum;
  let pixel_4 = tile * (64u * 12u) + 4u * 64u + lane;
  let row_4 = i32(pixel_4 / 9u % 9u * 1u) - 1;
  let column_4 = i32(pixel_4 % 9u * 1u) - 1;
  let base_4 = ((i32(pixel_4 / (9u * 9u) * 9u) + row_4) * 9 + column_4) * 2;
  var a_4_0_0: Sum;
  var a_4_0_1: Sum;
  var a_4_0_2: Sum;
  var a_4_0_3: Sum;
  var a_4_1_0: Sum;
  var a_4_1_1: Sum;
  var a_4_1_2: Sum;
  var a_4_1_3: Sum;
  let pixel_5 = tile * (64u * 12u) + 5u * 64u + lane;
  let row_5 = i32(pixel_5 / 9u % 9u * 1u) - 1;
  let column_5 = i32(pixel_5 % 9u * 1u) - 1;
  let base_5 = ((i32(pixel_5 / (9u * 9u) * 9u) + row_5) * 9 + column_5) * 2;
  var a_5_0_0: Sum;
  var a_5_0_1: Sum;
  var a_5_0_2: Sum;
  var a_5_0_3: Sum;
  var a_5_1_0: Sum;
  var a_5_1_1: Sum;
  var a_5_1_2: Sum;
  var a_5_1_3: Sum;
  let pixel_6 = tile * (64u * 12u) + 6u * 64u + lane;
  let row_6 = i32(pixel_6 / 9u % 9u * 1u) - 1;
  let column_6 = i32(pixel_6 % 9u * 1u) - 1;
  let base_6 = ((i32(pixel_6 / (9u * 9u) * 9u) + row_6) * 9 + column_6) * 2;
  var a_6_0_0: Sum;
  var a_6_0_1: Sum;
  var a_6_0_2: Sum;
  var a_6_0_3: Sum;
  var a_6_1_0: Sum;
  var a_6_1_1: Sum;
  var a_6_1_2: Sum;
  var a_6_1_3: Sum;
  let pixel_7 = tile * (64u * 12u) + 7u * 64u + lane;
  let row_7 = i32(pixel_7 / 9u % 9u * 1u) - 1;
  let column_7 = i32(pixel_7 % 9u * 1u) - 1;
  let base_7 = ((i32(pixel_7 / (9u * 9u) * 9u) + row_7) * 9 + column_7) * 2;
  var a_7_0_0: Sum;
  var a_7_0_1: Sum;
  var a_7_0_2: Sum;
  var a_7_0_3: Sum;
  var a_7_1_0: Sum;
  var a_7_1_1: Sum;
  var a_7_1_2: Sum;
  var a_7_1_3: Sum;
  let pixel_8 = tile * (64u * 12u) + 8u * 64u + lane;
  let row_8 = i32(pixel_8 / 9u % 9u * 1u) - 1;
  let column_8 = i32(pixel_8 % 9u * 1u) - 1;
  let base_8 = ((i32(pixel_8 / (9u * 9u) * 9u) + row_8) * 9 + column_8) * 2;
  var a_8_0_0: Sum;
  var a_8_0_1: Sum;
  var a_8_0_2: Sum;
  var a_8_0_3: Sum;
  var a_8_1_0: Sum;
  var a_8_1_1: Sum;
  var a_8_1_2: Sum;
  var a_8_1_3: Sum;
  let pixel_9 = tile * (64u * 12u) + 9u * 64u + lane;
  let row_9 = i32(pixel_9 / 9u % 9u * 1u) - 1;
  let column_9 = i32(pixel_9 % 9u * 1u) - 1;
  let base_9 = ((i32(pixel_9 / (9u * 9u) * 9u) + row_9) * 9 + column_9) * 2;
  var a_9_0_0: Sum;
  var a_9_0_1: Sum;
  var a_9_0_2: Sum;
  var a_9_0_3: Sum;
  var a_9_1_0: Sum;
  var a_9_1_1: Sum;
  var a_9_1_2: Sum;
  var a_9_1_3: Sum;
  let pixel_10 = tile * (64u * 12u) + 10u * 64u + lane;
  let row_10 = i32(pixel_10 / 9u % 9u * 1u) - 1;
  let column_10 = i32(pixel_10 % 9u * 1u) - 1;
  let base_10 = ((i32(pixel_10 / (9u * 9u) * 9u) + row_10) * 9 + column_10) * 2;
  var a_10_0_0: Sum;
  var a_10_0_1: Sum;
  var a_10_0_2: Sum;
  var a_10_0_3: Sum;
  var a_10_1_0: Sum;
  var a_10_1_1: Sum;
  var a_10_1_2: Sum;
  var a_10_1_3: Sum;
  let pixel_11 = tile * (64u * 12u) + 11u * 64u + lane;
  let row_11 = i32(pixel_11 / 9u % 9u * 1u) - 1;
  let column_11 = i32(pixel_11 % 9u * 1u) - 1;
  let base_11 = ((i32(pixel_11 / (9u * 9u) * 9u) + row_11) * 9 + column_11) * 2;
  var a_11_0_0: Sum;
  var a_11_0_1: Sum;
  var a_11_0_2: Sum;
  var a_11_0_3: Sum;
  var a_11_1_0: Sum;
  var a_11_1_1: Sum;
  var a_11_1_2: Sum;
  var a_11_1_3: Sum;

  let weights_of_output = 3u * 3u * 2u;
  for (var ky = 0; ky < 3; ky++) {
    for (var kx = 0; kx < 3; kx++) {
      let inside_0 = u32(row_0 + ky) < 9u && u32(column_0 + kx) < 9u && pixel_0 < 162u;
      let from_0 = u32(select(0, base_0 + (ky * 9 + kx) * 2, inside_0));
      let inside_1 = u32(row_1 + ky) < 9u && u32(column_1 + kx) < 9u && pixel_1 < 162u;
      let from_1 = u32(select(0, base_1 + (ky * 9 + kx) * 2, inside_1));
      let inside_2 = u32(row_2 + ky) < 9u && u32(column_2 + kx) < 9u && pixel_2 < 162u;
      let from_2 = u32(select(0, base_2 + (ky * 9 + kx) * 2, inside_2));
      let inside_3 = u32(row_3 + ky) < 9u && u32(column_3 + kx) < 9u && pixel_3 < 162u;
      let from_3 = u32(select(0, base_3 + (ky * 9 + kx) * 2, inside_3));
      let inside_4 = u32(row_4 + ky) < 9u && u32(column_4 + kx) < 9u && pixel_4 < 162u;
      let from_4 = u32(select(0, base_4 + (ky * 9 + kx) * 2, inside_4));
      let inside_5 = u32(row_5 + ky) < 9u && u32(column_5 + kx) < 9u && pixel_5 < 162u;
      let from_5 = u32(select(0, base_5 + (ky * 9 + kx) * 2, inside_5));
      let inside_6 = u32(row_6 + ky) < 9u && u32(column_6 + kx) < 9u && pixel_6 < 162u;
      let from_6 = u32(select(0, base_6 + (ky * 9 + kx) * 2, inside_6));
      let inside_7 = u32(row_7 + ky) < 9u && u32(column_7 + kx) < 9u && pixel_7 < 162u;
      let from_7 = u32(select(0, base_7 + (ky * 9 + kx) * 2, inside_7));
      let inside_8 = u32(row_8 + ky) < 9u && u32(column_8 + kx) < 9u && pixel_8 < 162u;
      let from_8 = u32(select(0, base_8 + (ky * 9 + kx) * 2, inside_8));
      let inside_9 = u32(row_9 + ky) < 9u && u32(column_9 + kx) < 9u && pixel_9 < 162u;
      let from_9 = u32(select(0, base_9 + (ky * 9 + kx) * 2, inside_9));
      let inside_10 = u32(row_10 + ky) < 9u && u32(column_10 + kx) < 9u && pixel_10 < 162u;
      let from_10 = u32(select(0, base_10 + (ky * 9 + kx) * 2, inside_10));
      let inside_11 = u32(row_11 + ky) < 9u && u32(column_11 + kx) < 9u && pixel_11 < 162u;
      let from_11 = u32(select(0, base_11 + (ky * 9 + kx) * 2, inside_11));
      let tap = group.z * 2u * 4u * weights_of_output + u32(ky * 3 + kx) * 2u;
      for (var c = 0u; c < 2u; c++) {
        let v_0 = select(padding, x[from_0 + c], inside_0);
        let v_1 = select(padding, x[from_1 + c], inside_1);
        let v_2 = select(padding, x[from_2 + c], inside_2);
        let v_3 = select(padding, x[from_3 + c], inside_3);
        let v_4 = select(padding, x[from_4 + c], inside_4);
        let v_5 = select(padding, x[from_5 + c], inside_5);
        let v_6 = select(padding, x[from_6 + c], inside_6);
        let v_7 = select(padding, x[from_7 + c], inside_7);
        let v_8 = select(padding, x[from_8 + c], inside_8);
        let v_9 = select(padding, x[from_9 + c], inside_9);
        let v_10 = select(padding, x[from_10 + c], inside_10);
        let v_11 = select(padding, x[from_11 + c], inside_11);
        {
          let w = weight[tap + c + (0u * 4u + 0u) * weights_of_output];
          a_0_0_0 += dot_wide(v_0, w);
          a_1_0_0 += dot_wide(v_1, w);
          a_2_0_0 += dot_wide(v_2, w);
          a_3_0_0 += dot_wide(v_3, w);
          a_4_0_0 += dot_wide(v_4, w);
          a_5_0_0 += dot_wide(v_5, w);
          a_6_0_0 += dot_wide(v_6, w);
          a_7_0_0 += dot_wide(v_7, w);
          a_8_0_0 += dot_wide(v_8, w);
          a_9_0_0 += dot_wide(v_9, w);
          a_10_0_0 += dot_wide(v_10, w);
          a_11_0_0 += dot_wide(v_11, w);
        }
        {
          let w = weight[tap + c + (0u * 4u + 1u) * weights_of_output];
          a_0_0_1 += dot_wide(v_0, w);
          a_1_0_1 += dot_wide(v_1, w);
          a_2_0_1 += dot_wide(v_2, w);
          a_3_0_1 += dot_wide(v_3, w);
          a_4_0_1 += dot_wide(v_4, w);
          a_5_0_1 += dot_wide(v_5, w);
          a_6_0_1 += dot_wide(v_6, w);
          a_7_0_1 += dot_wide(v_7, w);
          a_8_0_1 += dot_wide(v_8, w);
          a_9_0_1 += dot_wide(v_9, w);
          a_10_0_1 += dot_wide(v_10, w);
          a_11_0_1 += dot_wide(v_11, w);
        }
        {
          let w = weight[tap + c + (0u * 4u + 2u) * weights_of_output];
          a_0_0_2 += dot_wide(v_0, w);
          a_1_0_2 += dot_wide(v_1, w);
          a_2_0_2 += dot_wide(v_2, w);
          a_3_0_2 += dot_wide(v_3, w);
          a_4_0_2 += dot_wide(v_4, w);
          a_5_0_2 += dot_wide(v_5, w);
          a_6_0_2 += dot_wide(v_6, w);
          a_7_0_2 += dot_wide(v_7, w);
          a_8_0_2 += dot_wide(v_8, w);
          a_9_0_2 += dot_wide(v_9, w);
          a_10_0_2 += dot_wide(v_10, w);
          a_11_0_2 += dot_wide(v_11, w);
        }
        {
          let w = weight[tap + c + (0u * 4u + 3u) * weights_of_output];
          a_0_0_3 += dot_wide(v_0, w);
          a_1_0_3 += dot_wide(v_1, w);
          a_2_0_3 += dot_wide(v_2, w);
          a_3_0_3 += dot_wide(v_3, w);
          a_4_0_3 += dot_wide(v_4, w);
          a_5_0_3 += dot_wide(v_5, w);
          a_6_0_3 += dot_wide(v_6, w);
          a_7_0_3 += dot_wide(v_7, w);
          a_8_0_3 += dot_wide(v_8, w);
          a_9_0_3 += dot_wide(v_9, w);
          a_10_0_3 += dot_wide(v_10, w);
          a_11_0_3 += dot_wide(v_11, w);
        }
        {
          let w = weight[tap + c + (1u * 4u + 0u) * weights_of_output];
          a_0_1_0 += dot_wide(v_0, w);
          a_1_1_0 += dot_wide(v_1, w);
          a_2_1_0 += dot_wide(v_2, w);
          a_3_1_0 += dot_wide(v_3, w);
          a_4_1_0 += dot_wide(v_4, w);
          a_5_1_0 += dot_wide(v_5, w);
          a_6_1_0 += dot_wide(v_6, w);
          a_7_1_0 += dot_wide(v_7, w);
          a_8_1_0 += dot_wide(v_8, w);
          a_9_1_0 += dot_wide(v_9, w);
          a_10_1_0 += dot_wide(v_10, w);
          a_11_1_0 += dot_wide(v_11, w);
        }
        {
          let w = weight[tap + c + (1u * 4u + 1u) * weights_of_output];
          a_0_1_1 += dot_wide(v_0, w);
          a_1_1_1 += dot_wide(v_1, w);
          a_2_1_1 += dot_wide(v_2, w);
          a_3_1_1 += dot_wide(v_3, w);
          a_4_1_1 += dot_wide(v_4, w);
          a_5_1_1 += dot_wide(v_5, w);
          a_6_1_1 += dot_wide(v_6, w);
          a_7_1_1 += dot_wide(v_7, w);
          a_8_1_1 += dot_wide(v_8, w);
          a_9_1_1 += dot_wide(v_9, w);
          a_10_1_1 += dot_wide(v_10, w);
          a_11_1_1 += dot_wide(v_11, w);
        }
        {
          let w = weight[tap + c + (1u * 4u + 2u) * weights_of_output];
          a_0_1_2 += dot_wide(v_0, w);
          a_1_1_2 += dot_wide(v_1, w);
          a_2_1_2 += dot_wide(v_2, w);
          a_3_1_2 += dot_wide(v_3, w);
          a_4_1_2 += dot_wide(v_4, w);
          a_5_1_2 += dot_wide(v_5, w);
          a_6_1_2 += dot_wide(v_6, w);
          a_7_1_2 += dot_wide(v_7, w);
          a_8_1_2 += dot_wide(v_8, w);
          a_9_1_2 += dot_wide(v_9, w);
          a_10_1_2 += dot_wide(v_10, w);
          a_11_1_2 += dot_wide(v_11, w);
        }
        {
          let w = weight[tap + c + (1u * 4u + 3u) * weights_of_output];
          a_0_1_3 += dot_wide(v_0, w);
          a_1_1_3 += dot_wide(v_1, w);
          a_2_1_3 += dot_wide(v_2, w);
          a_3_1_3 += dot_wide(v_3, w);
          a_4_1_3 += dot_wide(v_4, w);
          a_5_1_3 += dot_wide(v_5, w);
          a_6_1_3 += dot_wide(v_6, w);
          a_7_1_3 += dot_wide(v_7, w);
          a_8_1_3 += dot_wide(v_8, w);
          a_9_1_3 += dot_wide(v_9, w);
          a_10_1_3 += dot_wide(v_10, w);
          a_11_1_3 += dot_wide(v_11, w);
        }
      }
    }
  }

  let zy = quantizers[i32(operands.Y_ROW)];
  {
    let quad = 0u + group.z * 2u + 0u;
    let lanes = min(4u, 8u - quad * 4u);
    if (pixel_0 < 162u) {
      let sum = vec4<Sum>(a_0_0_0, a_0_0_1, a_0_0_2, a_0_0_3);
      var v = sum;
      v += bias[quad];
      let at = pixel_0 * 2u + quad;
      let stored = quantize(v, zy, 0u, vec2<u32>(), lanes);
      y[at] = stored;
    }
    if (pixel_1 < 162u) {
      let sum = vec4<Sum>(a_1_0_0, a_1_0_1, a_1_0_2, a_1_0_3);
      var v = sum;
      v += bias[quad];
      let at = pixel_1 * 2u + quad;
      let stored = quantize(v, zy, 0u, vec2<u32>(), lanes);
      y[at] = stored;
    }
    if (pixel_2 < 162u) {
      let sum = vec4<Sum>(a_2_0_0, a_2_0_1, a_2_0_2, a_2_0_3);
      var v = sum;
      v += bias[quad];
      let at = pixel_2 * 2u + quad;
      let stored = quantize(v, zy, 0u, vec2<u32>(), lanes);
      y[at] = stored;
    }
    if (pixel_3 < 162u) {
      let sum = vec4<Sum>(a_3_0_0, a_3_0_1, a_3_0_2, a_3_0_3);
      var v = sum;
      v += bias[quad];
      let at = pixel_3 * 2u + quad;
      let stored = quantize(v, zy, 0u, vec2<u32>(), lanes);
      y[at] = stored;
    }
    if (pixel_4 < 162u) {
      let sum = vec4<Sum>(a_4_0_0, a_4_0_1, a_4_0_2, a_4_0_3);
      var v = sum;
      v += bias[quad];
      let at = pixel_4 * 2u + quad;
      let stored = quantize(v, zy, 0u, vec2<u32>(), lanes);
      y[at] = stored;
    }
    if (pixel_5 < 162u) {
      let sum = vec4<Sum>(a_5_0_0, a_5_0_1, a_5_0_2, a_5_0_3);
      var v = sum;
      v += bias[quad];
      let at = pixel_5 * 2u + quad;
      let stored = quantize(v, zy, 0u, vec2<u32>(), lanes);
      y[at] = stored;
    }
    if (pixel_6 < 162u) {
      let sum = vec4<Sum>(a_6_0_0, a_6_0_1, a_6_0_2, a_6_0_3);
      var v = sum;
      v += bias[quad];
      let at = pixel_6 * 2u + quad;
      let stored = quantize(v, zy, 0u, vec2<u32>(), lanes);
      y[at] = stored;
    }
    if (pixel_7 < 162u) {
      let sum = vec4<Sum>(a_7_0_0, a_7_0_1, a_7_0_2, a_7_0_3);
      var v = sum;
      v += bias[quad];
      let at = pixel_7 * 2u + quad;
      let stored = quantize(v, zy, 0u, vec2<u32>(), lanes);
      y[at] = stored;
    }
    if (pixel_8 < 162u) {
      let sum = vec4<Sum>(a_8_0_0, a_8_0_1, a_8_0_2, a_8_0_3);
      var v = sum;
      v += bias[quad];
      let at = pixel_8 * 2u + quad;
      let stored = quantize(v, zy, 0u, vec2<u32>(), lanes);
      y[at] = stored;
    }
    if (pixel_9 < 162u) {
      let sum = vec4<Sum>(a_9_0_0, a_9_0_1, a_9_0_2, a_9_0_3);
      var v = sum;
      v += bias[quad];
      let at = pixel_9 * 2u + quad;
      let stored = quantize(v, zy, 0u, vec2<u32>(), lanes);
      y[at] = stored;
    }
    if (pixel_10 < 162u) {
      let sum = vec4<Sum>(a_10_0_0, a_10_0_1, a_10_0_2, a_10_0_3);
      var v = sum;
      v += bias[quad];
      let at = pixel_10 * 2u + quad;
      let stored = quantize(v, zy, 0u, vec2<u32>(), lanes);
      y[at] = stored;
    }
    if (pixel_11 < 162u) {
      let sum = vec4<Sum>(a_11_0_0, a_11_0_1, a_11_0_2, a_11_0_3);
      var v = sum;
      v += bias[quad];
      let at = pixel_11 * 2u + quad;
      let stored = quantize(v, zy, 0u, vec2<u32>(), lanes);
      y[at] = stored;
    }
  }
  {
    let quad = 0u + group.z * 2u + 1u;
    let lanes = min(4u, 8u - quad * 4u);
    if (pixel_0 < 162u) {
      let sum = vec4<Sum>(a_0_1_0, a_0_1_1, a_0_1_2, a_0_1_3);
      var v = sum;
      v += bias[quad];
      let at = pixel_0 * 2u + quad;
      let stored = quantize(v, zy, 0u, vec2<u32>(), lanes);
      y[at] = stored;
    }
    if (pixel_1 < 162u) {
      let sum = vec4<Sum>(a_1_1_0, a_1_1_1, a_1_1_2, a_1_1_3);
      var v = sum;
      v += bias[quad];
      let at = pixel_1 * 2u + quad;
      let stored = quantize(v, zy, 0u, vec2<u32>(), lanes);
      y[at] = stored;
    }
    if (pixel_2 < 162u) {
      let sum = vec4<Sum>(a_2_1_0, a_2_1_1, a_2_1_2, a_2_1_3);
      var v = sum;
      v += bias[quad];
      let at = pixel_2 * 2u + quad;
      let stored = quantize(v, zy, 0u, vec2<u32>(), lanes);
      y[at] = stored;
    }
    if (pixel_3 < 162u) {
      let sum = vec4<Sum>(a_3_1_0, a_3_1_1, a_3_1_2, a_3_1_3);
      var v = sum;
      v += bias[quad];
      let at = pixel_3 * 2u + quad;
      let stored = quantize(v, zy, 0u, vec2<u32>(), lanes);
      y[at] = stored;
    }
    if (pixel_4 < 162u) {
      let sum = vec4<Sum>(a_4_1_0, a_4_1_1, a_4_1_2, a_4_1_3);
      var v = sum;
      v += bias[quad];
      let at = pixel_4 * 2u + quad;
      let stored = quantize(v, zy, 0u, vec2<u32>(), lanes);
      y[at] = stored;
    }
    if (pixel_5 < 162u) {
      let sum = vec4<Sum>(a_5_1_0, a_5_1_1, a_5_1_2, a_5_1_3);
      var v = sum;
      v += bias[quad];
      let at = pixel_5 * 2u + quad;
      let stored = quantize(v, zy, 0u, vec2<u32>(), lanes);
      y[at] = stored;
    }
    if (pixel_6 < 162u) {
      let sum = vec4<Sum>(a_6_1_0, a_6_1_1, a_6_1_2, a_6_1_3);
      var v = sum;
      v += bias[quad];
      let at = pixel_6 * 2u + quad;
      let stored = quantize(v, zy, 0u, vec2<u32>(), lanes);
      y[at] = stored;
    }
    if (pixel_7 < 162u) {
      let sum = vec4<Sum>(a_7_1_0, a_7_1_1, a_7_1_2, a_7_1_3);
      var v = sum;
      v += bias[quad];
      let at = pixel_7 * 2u + quad;
      let stored = quantize(v, zy, 0u, vec2<u32>(), lanes);
      y[at] = stored;
    }
    if (pixel_8 < 162u) {
      let sum = vec4<Sum>(a_8_1_0, a_8_1_1, a_8_1_2, a_8_1_3);
      var v = sum;
      v += bias[quad];
      let at = pixel_8 * 2u + quad;
      let stored = quantize(v, zy, 0u, vec2<u32>(), lanes);
      y[at] = stored;
    }
    if (pixel_9 < 162u) {
      let sum = vec4<Sum>(a_9_1_0, a_9_1_1, a_9_1_2, a_9_1_3);
      var v = sum;
      v += bias[quad];
      let at = pixel_9 * 2u + quad;
      let stored = quantize(v, zy, 0u, vec2<u32>(), lanes);
      y[at] = stored;
    }
    if (pixel_10 < 162u) {
      let sum = vec4<Sum>(a_10_1_0, a_10_1_1, a_10_1_2, a_10_1_3);
      var v = sum;
      v += bias[quad];
      let at = pixel_10 * 2u + quad;
      let stored = quantize(v, zy, 0u, vec2<u32>(), lanes);
      y[at] = stored;
    }
    if (pixel_11 < 162u) {
      let sum = vec4<Sum>(a_11_1_0, a_11_1_1, a_11_1_2, a_11_1_3);
      var v = sum;
      v += bias[quad];
      let at = pixel_11 * 2u + quad;
      let stored = quantize(v, zy, 0u, vec2<u32>(), lanes);
      y[at] = stored;
    }
  }
  record(operands.Y_ROW, tile + group.z, lane);
}

struct Operands { X_ROW: u32, Y_ROW: u32 }
@group(0) @binding(15) var<uniform> operands: Operands;

