// conv_backward_input: dX[p, c] = Σ_taps Σ_o dY[(p + padding − tap) / stride, o] · W[o, tap, c]
// over the taps for which the division is exact.
//
// Pixels are grouped by *phase* (p mod stride): all pixels of a phase use the same taps, so a
// stride of 2 costs a quarter of the work, not all of it with zeros between. Otherwise the tiles
// are those of conv_forward.
//
//   dy        [n, HO, WO, 4·OQ]           quads
//   weight    [KH·KW, OQ, IQ] four quads: of four inputs; without INT8 [inputs, KH·KW, 4·QUADS]
//   row_sum   [SH·SW, inputs] i32        Σ of the weight codes that a phase uses
//   addend, mask                          see include/gradient.wgsl
//   dx        [n, H, W, 4·IQ]            quads
//
// A tap that falls outside dY reads its code of zero, so the correction depends on the phase alone.
// Weights may be those of a part of the outputs (lib/ops/parts.ts): QUADS of the OQ quads of a pixel of
// dy, of which FIRST are before them. With BEFORE the sum goes on from what earlier parts came to:
//   before    [n, H, W, 4·IQ]            real values, without INT8
// IQ counts quads a pixel; a linear layer sees its input as one pixel, IQ/GQ pixels of
// GQ quads.
// Reference: lib/reference/conv_backward_input.ts
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

// A gradient is written once, by the last kernel that contributes to it. Its epilogue adds what the
// other branches gave (ADDEND) and applies the mask of the activation that made the tensor (MASK:
// 1 ReLU, 2 ReLU6), so the backward pass of an addition or an activation copies nothing.
// Reference: lib/reference/include/gradient.ts

@group(0) @binding(7) var<storage, read> mask: array<Quad>;

fn finish(v: vec4<f32>, at: u32) -> vec4<f32> {
  var g = v;
  let m = real(mask[at], quantizers[i32(operands.MASK_ROW)]);
  g = select(vec4<f32>(0.0), g, m > vec4<f32>(0.0));
  return g;
}


@group(0) @binding(3) var<storage, read> dy: array<Quad>;
@group(0) @binding(4) var<storage, read> weight: array<Quad>;
@group(0) @binding(8) var<storage, read_write> dx: array<Stored>;

const H_PHASE = (9u + 2u - 1u) / 2u;
const W_PHASE = (9u + 2u - 1u) / 2u;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let tile = group.y * groups.x + group.x;
  let phase = group.z / (2u / 2u);
  let first_quad = group.z % (2u / 2u) * 2u;
  let phase_y = phase / 2u;
  let phase_x = phase % 2u;
  let zdy = quantizers[i32(operands.DY_ROW)];
  let padding = zero_quad(zdy);

  let index_0 = tile * (64u * 12u) + 0u * 64u + lane;
  let row_0 = index_0 / W_PHASE % H_PHASE;
  let column_0 = index_0 % W_PHASE;
  let image_0 = index_0 / (H_PHASE * W_PHASE);
  let top_0 = i32(row_0 + (phase_y + 1u) / 2u);
  let left_0 = i32(column_0 + (phase_x + 1u) / 2u);
  let base_0 = ((i32(image_0) * 5 + top_0) * 5 + left_0) * 2 + 0;
  var a_0_0_0: Sum;
  var a_0_0_1: Sum;
  var a_0_0_2: Sum;
  var a_0_0_3: Sum;
  var a_0_1_0: Sum;
  var a_0_1_1: Sum;
  var a_0_1_2: Sum;
  var a_0_1_3: Sum;
  let index_1 = tile * (64u * 12u) + 1u * 64u + lane;
  let row_1 = index_1 / W_PHASE % H_PHASE;
  let column_1 = index_1 % W_PHASE;
  let image_1 = index_1 / (H_PHASE * W_PHASE);
  let top_1 = i32(row_1 + (phase_y + 1u) / 2u);
  let left_1 = i32(column_1 + (phase_x + 1u) / 2u);
  let base_1 = ((i32(image_1) * 5 + top_1) * 5 + left_1) * 2 + 0;
  var a_1_0_0: Sum;
  var a_1_0_1: Sum;
  var a_1_0_2: Sum;
  var a_1_0_3: Sum;
  var a_1_1_0: Sum;
  var a_1_1_1: Sum;
  var a_1_1_2: Sum;
  var a_1_1_3: Sum;
  let index_2 = tile * (64u * 12u) + 2u * 64u + lane;
  let row_2 = index_2 / W_PHASE % H_PHASE;
  let column_2 = index_2 % W_PHASE;
  let image_2 = index_2 / (H_PHASE * W_PHASE);
  let top_2 = i32(row_2 + (phase_y + 1u) / 2u);
  let left_2 = i32(column_2 + (phase_x + 1u) / 2u);
  let base_2 = ((i32(image_2) * 5 + top_2) * 5 + left_2) * 2 + 0;
  var a_2_0_0: Sum;
  var a_2_0_1: Sum;
  var a_2_0_2: Sum;
  var a_2_0_3: Sum;
  var a_2_1_0: Sum;
  var a_2_1_1: Sum;
  var a_2_1_2: Sum;
  var a_2_1_3: Sum;
  let index_3 = tile * (64u * 12u) + 3u * 64u + lane;
  let row_3 = index_3 / W_PHASE % H_PHASE;
  let column_3 = index_3 % W_PHASE;
  let image_3 = index_3 / (H_PHASE * W_PHASE);
  let top_3 = i32(row_3 + (phase_y + 1u) / 2u);
  let left_3 = i32(column_3 + (phase_x + 1u) / 2u);
  let base_3 = ((i32(image_3) * 5 + top_3) * 5 + left_3) * 2 + 0;
  var a_3_0_0: Sum;
  var a_3_0_1: Sum;
  var a_3_0_2: Sum;
  var a_3_0_3: Sum;
  var a_3_1_0: Sum;
  var a_3_1_1: Sum;
  var a_3_1_2: Sum;
  var a_3_1_3: Sum;
  let index_4 = tile * (64u * 12u) + 4u * 64u + lane;
  let row_4 = index_4 / W_PHASE % H_PHASE;
  let column_4 = index_4 % W_PHASE;
  let image_4 = index_4 / (H_PHASE * W_PHASE);
  let top_4 = i32(row_4 + (phase_y + 1u) / 2u);
  let left_4 = i32(column_4 + (phase_x + 1u) / 2u);
  let base_4 = ((i32(image_4) * 5 + top_4) * 5 + left_4) * 2 + 0;
  var a_4_0_0: Sum;
  var a_4_0_1: Sum;
  var a_4_0_2: Sum;
  var a_4_0_3: Sum;
  var a_4_1_0: Sum;
  var a_4_1_1: Sum;
  var a_4_1_2: Sum;
  var a_4_1_3: Sum;
  let index_5 = tile * (64u * 12u) + 5u * 64u + lane;
  let row_5 = index_5 / W_PHASE % H_PHASE;
  let column_5 = index_5 % W_PHASE;
  let image_5 = index_5 / (H_PHASE * W_PHASE);
  let top_5 = i32(row_5 + (phase_y + 1u) / 2u);
  let left_5 = i32(column_5 + (phase_x + 1u) / 2u);
  let base_5 = ((i32(image_5) * 5 + top_5) * 5 + left_5) * 2 + 0;
  var a_5_0_0: Sum;
  var a_5_0_1: Sum;
  var a_5_0_2: Sum;
  var a_5_0_3: Sum;
  var a_5_1_0: Sum;
  var a_5_1_1: Sum;
  var a_5_1_2: Sum;
  var a_5_1_3: Sum;
  let index_6 = tile * (64u * 12u) + 6u * 64u + lane;
  let row_6 = index_6 / W_PHASE % H_PHASE;
  let column_6 = index_6 % W_PHASE;
  let image_6 = index_6 / (H_PHASE * W_PHASE);
  let top_6 = i32(row_6 + (phase_y + 1u) / 2u);
  let left_6 = i32(column_6 + (phase_x + 1u) / 2u);
  let base_6 = ((i32(image_6) * 5 + top_6) * 5 + left_6) * 2 + 0;
  var a_6_0_0: Sum;
  var a_6_0_1: Sum;
  var a_6_0_2: Sum;
  var a_6_0_3: Sum;
  var a_6_1_0: Sum;
  var a_6_1_1: Sum;
  var a_6_1_2: Sum;
  var a_6_1_3: Sum;
  let index_7 = tile * (64u * 12u) + 7u * 64u + lane;
  let row_7 = index_7 / W_PHASE % H_PHASE;
  let column_7 = index_7 % W_PHASE;
  let image_7 = index_7 / (H_PHASE * W_PHASE);
  let top_7 = i32(row_7 + (phase_y + 1u) / 2u);
  let left_7 = i32(column_7 + (phase_x + 1u) / 2u);
  let base_7 = ((i32(image_7) * 5 + top_7) * 5 + left_7) * 2 + 0;
  var a_7_0_0: Sum;
  var a_7_0_1: Sum;
  var a_7_0_2: Sum;
  var a_7_0_3: Sum;
  var a_7_1_0: Sum;
  var a_7_1_1: Sum;
  var a_7_1_2: Sum;
  var a_7_1_3: Sum;
  let index_8 = tile * (64u * 12u) + 8u * 64u + lane;
  let row_8 = index_8 / W_PHASE % H_PHASE;
  let column_8 = index_8 % W_PHASE;
  let image_8 = index_8 / (H_PHASE * W_PHASE);
  let top_8 = i32(row_8 + (phase_y + 1u) / 2u);
  let left_8 = i32(column_8 + (phase_x + 1u) / 2u);
  let base_8 = ((i32(image_8) * 5 + top_8) * 5 + left_8) * 2 + 0;
  var a_8_0_0: Sum;
  var a_8_0_1: Sum;
  var a_8_0_2: Sum;
  var a_8_0_3: Sum;
  var a_8_1_0: Sum;
  var a_8_1_1: Sum;
  var a_8_1_2: Sum;
  var a_8_1_3: Sum;
  let index_9 = tile * (64u * 12u) + 9u * 64u + lane;
  let row_9 = index_9 / W_PHASE % H_PHASE;
  let column_9 = index_9 % W_PHASE;
  let image_9 = index_9 / (H_PHASE * W_PHASE);
  let top_9 = i32(row_9 + (phase_y + 1u) / 2u);
  let left_9 = i32(column_9 + (phase_x + 1u) / 2u);
  let base_9 = ((i32(image_9) * 5 + top_9) * 5 + left_9) * 2 + 0;
  var a_9_0_0: Sum;
  var a_9_0_1: Sum;
  var a_9_0_2: Sum;
  var a_9_0_3: Sum;
  var a_9_1_0: Sum;
  var a_9_1_1: Sum;
  var a_9_1_2: Sum;
  var a_9_1_3: Sum;
  let index_10 = tile * (64u * 12u) + 10u * 64u + lane;
  let row_10 = index_10 / W_PHASE % H_PHASE;
  let column_10 = index_10 % W_PHASE;
  let image_10 = index_10 / (H_PHASE * W_PHASE);
  let top_10 = i32(row_10 + (phase_y + 1u) / 2u);
  let left_10 = i32(column_10 + (phase_x + 1u) / 2u);
  let base_10 = ((i32(image_10) * 5 + top_10) * 5 + left_10) * 2 + 0;
  var a_10_0_0: Sum;
  var a_10_0_1: Sum;
  var a_10_0_2: Sum;
  var a_10_0_3: Sum;
  var a_10_1_0: Sum;
  var a_10_1_1: Sum;
  var a_10_1_2: Sum;
  var a_10_1_3: Sum;
  let index_11 = tile * (64u * 12u) + 11u * 64u + lane;
  let row_11 = index_11 / W_PHASE % H_PHASE;
  let column_11 = index_11 % W_PHASE;
  let image_11 = index_11 / (H_PHASE * W_PHASE);
  let top_11 = i32(row_11 + (phase_y + 1u) / 2u);
  let left_11 = i32(column_11 + (phase_x + 1u) / 2u);
  let base_11 = ((i32(image_11) * 5 + top_11) * 5 + left_11) * 2 + 0;
  var a_11_0_0: Sum;
  var a_11_0_1: Sum;
  var a_11_0_2: Sum;
  var a_11_0_3: Sum;
  var a_11_1_0: Sum;
  var a_11_1_1: Sum;
  var a_11_1_2: Sum;
  var a_11_1_3: Sum;

  let weights_of_input = 3u * 3u * 2u;
  var up = 0;
  for (var ky = (phase_y + 1u) % 2u; ky < 3u; ky += 2u) {
    var across = 0;
    for (var kx = (phase_x + 1u) % 2u; kx < 3u; kx += 2u) {
      let inside_0 = u32(top_0 - up) < 5u && u32(left_0 - across) < 5u && image_0 < 2u;
      let from_0 = u32(select(0, base_0 - (up * 5 + across) * 2, inside_0));
      let inside_1 = u32(top_1 - up) < 5u && u32(left_1 - across) < 5u && image_1 < 2u;
      let from_1 = u32(select(0, base_1 - (up * 5 + across) * 2, inside_1));
      let inside_2 = u32(top_2 - up) < 5u && u32(left_2 - across) < 5u && image_2 < 2u;
      let from_2 = u32(select(0, base_2 - (up * 5 + across) * 2, inside_2));
      let inside_3 = u32(top_3 - up) < 5u && u32(left_3 - across) < 5u && image_3 < 2u;
      let from_3 = u32(select(0, base_3 - (up * 5 + across) * 2, inside_3));
      let inside_4 = u32(top_4 - up) < 5u && u32(left_4 - across) < 5u && image_4 < 2u;
      let from_4 = u32(select(0, base_4 - (up * 5 + across) * 2, inside_4));
      let inside_5 = u32(top_5 - up) < 5u && u32(left_5 - across) < 5u && image_5 < 2u;
      let from_5 = u32(select(0, base_5 - (up * 5 + across) * 2, inside_5));
      let inside_6 = u32(top_6 - up) < 5u && u32(left_6 - across) < 5u && image_6 < 2u;
      let from_6 = u32(select(0, base_6 - (up * 5 + across) * 2, inside_6));
      let inside_7 = u32(top_7 - up) < 5u && u32(left_7 - across) < 5u && image_7 < 2u;
      let from_7 = u32(select(0, base_7 - (up * 5 + across) * 2, inside_7));
      let inside_8 = u32(top_8 - up) < 5u && u32(left_8 - across) < 5u && image_8 < 2u;
      let from_8 = u32(select(0, base_8 - (up * 5 + across) * 2, inside_8));
      let inside_9 = u32(top_9 - up) < 5u && u32(left_9 - across) < 5u && image_9 < 2u;
      let from_9 = u32(select(0, base_9 - (up * 5 + across) * 2, inside_9));
      let inside_10 = u32(top_10 - up) < 5u && u32(left_10 - across) < 5u && image_10 < 2u;
      let from_10 = u32(select(0, base_10 - (up * 5 + across) * 2, inside_10));
      let inside_11 = u32(top_11 - up) < 5u && u32(left_11 - across) < 5u && image_11 < 2u;
      let from_11 = u32(select(0, base_11 - (up * 5 + across) * 2, inside_11));
      let tap = first_quad * 4u * weights_of_input + (ky * 3u + kx) * 2u;
      for (var c = 0u; c < 2u; c++) {
        let v_0 = select(padding, dy[from_0 + c], inside_0);
        let v_1 = select(padding, dy[from_1 + c], inside_1);
        let v_2 = select(padding, dy[from_2 + c], inside_2);
        let v_3 = select(padding, dy[from_3 + c], inside_3);
        let v_4 = select(padding, dy[from_4 + c], inside_4);
        let v_5 = select(padding, dy[from_5 + c], inside_5);
        let v_6 = select(padding, dy[from_6 + c], inside_6);
        let v_7 = select(padding, dy[from_7 + c], inside_7);
        let v_8 = select(padding, dy[from_8 + c], inside_8);
        let v_9 = select(padding, dy[from_9 + c], inside_9);
        let v_10 = select(padding, dy[from_10 + c], inside_10);
        let v_11 = select(padding, dy[from_11 + c], inside_11);
        {
          let w = weight[tap + c + (0u * 4u + 0u) * weights_of_input];
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
          let w = weight[tap + c + (0u * 4u + 1u) * weights_of_input];
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
          let w = weight[tap + c + (0u * 4u + 2u) * weights_of_input];
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
          let w = weight[tap + c + (0u * 4u + 3u) * weights_of_input];
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
          let w = weight[tap + c + (1u * 4u + 0u) * weights_of_input];
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
          let w = weight[tap + c + (1u * 4u + 1u) * weights_of_input];
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
          let w = weight[tap + c + (1u * 4u + 2u) * weights_of_input];
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
          let w = weight[tap + c + (1u * 4u + 3u) * weights_of_input];
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
      across++;
    }
    up++;
  }

  let zdx = quantizers[i32(operands.DX_ROW)];
  let key = stream(operands.DX_ROW);
  {
    let quad = first_quad + 0u;
    let lanes = min(4u, 8u - quad % 2u * 4u);
    {
      let y = row_0 * 2u + phase_y;
      let x = column_0 * 2u + phase_x;
      if (image_0 < 2u && y < 9u && x < 9u) {
        let sum = vec4<Sum>(a_0_0_0, a_0_0_1, a_0_0_2, a_0_0_3);
        let v = sum;
        let pixel = (image_0 * 9u + y) * 9u + x;
        let at = pixel * 2u + quad;
        let element = (pixel * (2u / 2u) + quad / 2u) * 8u + quad % 2u * 4u;
        dx[at] = quantize(finish(v, at), zdx, element, key, lanes);
      }
    }
    {
      let y = row_1 * 2u + phase_y;
      let x = column_1 * 2u + phase_x;
      if (image_1 < 2u && y < 9u && x < 9u) {
        let sum = vec4<Sum>(a_1_0_0, a_1_0_1, a_1_0_2, a_1_0_3);
        let v = sum;
        let pixel = (image_1 * 9u + y) * 9u + x;
        let at = pixel * 2u + quad;
        let element = (pixel * (2u / 2u) + quad / 2u) * 8u + quad % 2u * 4u;
        dx[at] = quantize(finish(v, at), zdx, element, key, lanes);
      }
    }
    {
      let y = row_2 * 2u + phase_y;
      let x = column_2 * 2u + phase_x;
      if (image_2 < 2u && y < 9u && x < 9u) {
        let sum = vec4<Sum>(a_2_0_0, a_2_0_1, a_2_0_2, a_2_0_3);
        let v = sum;
        let pixel = (image_2 * 9u + y) * 9u + x;
        let at = pixel * 2u + quad;
        let element = (pixel * (2u / 2u) + quad / 2u) * 8u + quad % 2u * 4u;
        dx[at] = quantize(finish(v, at), zdx, element, key, lanes);
      }
    }
    {
      let y = row_3 * 2u + phase_y;
      let x = column_3 * 2u + phase_x;
      if (image_3 < 2u && y < 9u && x < 9u) {
        let sum = vec4<Sum>(a_3_0_0, a_3_0_1, a_3_0_2, a_3_0_3);
        let v = sum;
        let pixel = (image_3 * 9u + y) * 9u + x;
        let at = pixel * 2u + quad;
        let element = (pixel * (2u / 2u) + quad / 2u) * 8u + quad % 2u * 4u;
        dx[at] = quantize(finish(v, at), zdx, element, key, lanes);
      }
    }
    {
      let y = row_4 * 2u + phase_y;
      let x = column_4 * 2u + phase_x;
      if (image_4 < 2u && y < 9u && x < 9u) {
        let sum = vec4<Sum>(a_4_0_0, a_4_0_1, a_4_0_2, a_4_0_3);
        let v = sum;
        let pixel = (image_4 * 9u + y) * 9u + x;
        let at = pixel * 2u + quad;
        let element = (pixel * (2u / 2u) + quad / 2u) * 8u + quad % 2u * 4u;
        dx[at] = quantize(finish(v, at), zdx, element, key, lanes);
      }
    }
    {
      let y = row_5 * 2u + phase_y;
      let x = column_5 * 2u + phase_x;
      if (image_5 < 2u && y < 9u && x < 9u) {
        let sum = vec4<Sum>(a_5_0_0, a_5_0_1, a_5_0_2, a_5_0_3);
        let v = sum;
        let pixel = (image_5 * 9u + y) * 9u + x;
        let at = pixel * 2u + quad;
        let element = (pixel * (2u / 2u) + quad / 2u) * 8u + quad % 2u * 4u;
        dx[at] = quantize(finish(v, at), zdx, element, key, lanes);
      }
    }
    {
      let y = row_6 * 2u + phase_y;
      let x = column_6 * 2u + phase_x;
      if (image_6 < 2u && y < 9u && x < 9u) {
        let sum = vec4<Sum>(a_6_0_0, a_6_0_1, a_6_0_2, a_6_0_3);
        let v = sum;
        let pixel = (image_6 * 9u + y) * 9u + x;
        let at = pixel * 2u + quad;
        let element = (pixel * (2u / 2u) + quad / 2u) * 8u + quad % 2u * 4u;
        dx[at] = quantize(finish(v, at), zdx, element, key, lanes);
      }
    }
    {
      let y = row_7 * 2u + phase_y;
      let x = column_7 * 2u + phase_x;
      if (image_7 < 2u && y < 9u && x < 9u) {
        let sum = vec4<Sum>(a_7_0_0, a_7_0_1, a_7_0_2, a_7_0_3);
        let v = sum;
        let pixel = (image_7 * 9u + y) * 9u + x;
        let at = pixel * 2u + quad;
        let element = (pixel * (2u / 2u) + quad / 2u) * 8u + quad % 2u * 4u;
        dx[at] = quantize(finish(v, at), zdx, element, key, lanes);
      }
    }
    {
      let y = row_8 * 2u + phase_y;
      let x = column_8 * 2u + phase_x;
      if (image_8 < 2u && y < 9u && x < 9u) {
        let sum = vec4<Sum>(a_8_0_0, a_8_0_1, a_8_0_2, a_8_0_3);
        let v = sum;
        let pixel = (image_8 * 9u + y) * 9u + x;
        let at = pixel * 2u + quad;
        let element = (pixel * (2u / 2u) + quad / 2u) * 8u + quad % 2u * 4u;
        dx[at] = quantize(finish(v, at), zdx, element, key, lanes);
      }
    }
    {
      let y = row_9 * 2u + phase_y;
      let x = column_9 * 2u + phase_x;
      if (image_9 < 2u && y < 9u && x < 9u) {
        let sum = vec4<Sum>(a_9_0_0, a_9_0_1, a_9_0_2, a_9_0_3);
        let v = sum;
        let pixel = (image_9 * 9u + y) * 9u + x;
        let at = pixel * 2u + quad;
        let element = (pixel * (2u / 2u) + quad / 2u) * 8u + quad % 2u * 4u;
        dx[at] = quantize(finish(v, at), zdx, element, key, lanes);
      }
    }
    {
      let y = row_10 * 2u + phase_y;
      let x = column_10 * 2u + phase_x;
      if (image_10 < 2u && y < 9u && x < 9u) {
        let sum = vec4<Sum>(a_10_0_0, a_10_0_1, a_10_0_2, a_10_0_3);
        let v = sum;
        let pixel = (image_10 * 9u + y) * 9u + x;
        let at = pixel * 2u + quad;
        let element = (pixel * (2u / 2u) + quad / 2u) * 8u + quad % 2u * 4u;
        dx[at] = quantize(finish(v, at), zdx, element, key, lanes);
      }
    }
    {
      let y = row_11 * 2u + phase_y;
      let x = column_11 * 2u + phase_x;
      if (image_11 < 2u && y < 9u && x < 9u) {
        let sum = vec4<Sum>(a_11_0_0, a_11_0_1, a_11_0_2, a_11_0_3);
        let v = sum;
        let pixel = (image_11 * 9u + y) * 9u + x;
        let at = pixel * 2u + quad;
        let element = (pixel * (2u / 2u) + quad / 2u) * 8u + quad % 2u * 4u;
        dx[at] = quantize(finish(v, at), zdx, element, key, lanes);
      }
    }
  }
  {
    let quad = first_quad + 1u;
    let lanes = min(4u, 8u - quad % 2u * 4u);
    {
      let y = row_0 * 2u + phase_y;
      let x = column_0 * 2u + phase_x;
      if (image_0 < 2u && y < 9u && x < 9u) {
        let sum = vec4<Sum>(a_0_1_0, a_0_1_1, a_0_1_2, a_0_1_3);
        let v = sum;
        let pixel = (image_0 * 9u + y) * 9u + x;
        let at = pixel * 2u + quad;
        let element = (pixel * (2u / 2u) + quad / 2u) * 8u + quad % 2u * 4u;
        dx[at] = quantize(finish(v, at), zdx, element, key, lanes);
      }
    }
    {
      let y = row_1 * 2u + phase_y;
      let x = column_1 * 2u + phase_x;
      if (image_1 < 2u && y < 9u && x < 9u) {
        let sum = vec4<Sum>(a_1_1_0, a_1_1_1, a_1_1_2, a_1_1_3);
        let v = sum;
        let pixel = (image_1 * 9u + y) * 9u + x;
        let at = pixel * 2u + quad;
        let element = (pixel * (2u / 2u) + quad / 2u) * 8u + quad % 2u * 4u;
        dx[at] = quantize(finish(v, at), zdx, element, key, lanes);
      }
    }
    {
      let y = row_2 * 2u + phase_y;
      let x = column_2 * 2u + phase_x;
      if (image_2 < 2u && y < 9u && x < 9u) {
        let sum = vec4<Sum>(a_2_1_0, a_2_1_1, a_2_1_2, a_2_1_3);
        let v = sum;
        let pixel = (image_2 * 9u + y) * 9u + x;
        let at = pixel * 2u + quad;
        let element = (pixel * (2u / 2u) + quad / 2u) * 8u + quad % 2u * 4u;
        dx[at] = quantize(finish(v, at), zdx, element, key, lanes);
      }
    }
    {
      let y = row_3 * 2u + phase_y;
      let x = column_3 * 2u + phase_x;
      if (image_3 < 2u && y < 9u && x < 9u) {
        let sum = vec4<Sum>(a_3_1_0, a_3_1_1, a_3_1_2, a_3_1_3);
        let v = sum;
        let pixel = (image_3 * 9u + y) * 9u + x;
        let at = pixel * 2u + quad;
        let element = (pixel * (2u / 2u) + quad / 2u) * 8u + quad % 2u * 4u;
        dx[at] = quantize(finish(v, at), zdx, element, key, lanes);
      }
    }
    {
      let y = row_4 * 2u + phase_y;
      let x = column_4 * 2u + phase_x;
      if (image_4 < 2u && y < 9u && x < 9u) {
        let sum = vec4<Sum>(a_4_1_0, a_4_1_1, a_4_1_2, a_4_1_3);
        let v = sum;
        let pixel = (image_4 * 9u + y) * 9u + x;
        let at = pixel * 2u + quad;
        let element = (pixel * (2u / 2u) + quad / 2u) * 8u + quad % 2u * 4u;
        dx[at] = quantize(finish(v, at), zdx, element, key, lanes);
      }
    }
    {
      let y = row_5 * 2u + phase_y;
      let x = column_5 * 2u + phase_x;
      if (image_5 < 2u && y < 9u && x < 9u) {
        let sum = vec4<Sum>(a_5_1_0, a_5_1_1, a_5_1_2, a_5_1_3);
        let v = sum;
        let pixel = (image_5 * 9u + y) * 9u + x;
        let at = pixel * 2u + quad;
        let element = (pixel * (2u / 2u) + quad / 2u) * 8u + quad % 2u * 4u;
        dx[at] = quantize(finish(v, at), zdx, element, key, lanes);
      }
    }
    {
      let y = row_6 * 2u + phase_y;
      let x = column_6 * 2u + phase_x;
      if (image_6 < 2u && y < 9u && x < 9u) {
        let sum = vec4<Sum>(a_6_1_0, a_6_1_1, a_6_1_2, a_6_1_3);
        let v = sum;
        let pixel = (image_6 * 9u + y) * 9u + x;
        let at = pixel * 2u + quad;
        let element = (pixel * (2u / 2u) + quad / 2u) * 8u + quad % 2u * 4u;
        dx[at] = quantize(finish(v, at), zdx, element, key, lanes);
      }
    }
    {
      let y = row_7 * 2u + phase_y;
      let x = column_7 * 2u + phase_x;
      if (image_7 < 2u && y < 9u && x < 9u) {
        let sum = vec4<Sum>(a_7_1_0, a_7_1_1, a_7_1_2, a_7_1_3);
        let v = sum;
        let pixel = (image_7 * 9u + y) * 9u + x;
        let at = pixel * 2u + quad;
        let element = (pixel * (2u / 2u) + quad / 2u) * 8u + quad % 2u * 4u;
        dx[at] = quantize(finish(v, at), zdx, element, key, lanes);
      }
    }
    {
      let y = row_8 * 2u + phase_y;
      let x = column_8 * 2u + phase_x;
      if (image_8 < 2u && y < 9u && x < 9u) {
        let sum = vec4<Sum>(a_8_1_0, a_8_1_1, a_8_1_2, a_8_1_3);
        let v = sum;
        let pixel = (image_8 * 9u + y) * 9u + x;
        let at = pixel * 2u + quad;
        let element = (pixel * (2u / 2u) + quad / 2u) * 8u + quad % 2u * 4u;
        dx[at] = quantize(finish(v, at), zdx, element, key, lanes);
      }
    }
    {
      let y = row_9 * 2u + phase_y;
      let x = column_9 * 2u + phase_x;
      if (image_9 < 2u && y < 9u && x < 9u) {
        let sum = vec4<Sum>(a_9_1_0, a_9_1_1, a_9_1_2, a_9_1_3);
        let v = sum;
        let pixel = (image_9 * 9u + y) * 9u + x;
        let at = pixel * 2u + quad;
        let element = (pixel * (2u / 2u) + quad / 2u) * 8u + quad % 2u * 4u;
        dx[at] = quantize(finish(v, at), zdx, element, key, lanes);
      }
    }
    {
      let y = row_10 * 2u + phase_y;
      let x = column_10 * 2u + phase_x;
      if (image_10 < 2u && y < 9u && x < 9u) {
        let sum = vec4<Sum>(a_10_1_0, a_10_1_1, a_10_1_2, a_10_1_3);
        let v = sum;
        let pixel = (image_10 * 9u + y) * 9u + x;
        let at = pixel * 2u + quad;
        let element = (pixel * (2u / 2u) + quad / 2u) * 8u + quad % 2u * 4u;
        dx[at] = quantize(finish(v, at), zdx, element, key, lanes);
      }
    }
    {
      let y = row_11 * 2u + phase_y;
      let x = column_11 * 2u + phase_x;
      if (image_11 < 2u && y < 9u && x < 9u) {
        let sum = vec4<Sum>(a_11_1_0, a_11_1_1, a_11_1_2, a_11_1_3);
        let v = sum;
        let pixel = (image_11 * 9u + y) * 9u + x;
        let at = pixel * 2u + quad;
        let element = (pixel * (2u / 2u) + quad / 2u) * 8u + quad % 2u * 4u;
        dx[at] = quantize(finish(v, at), zdx, element, key, lanes);
      }
    }
  }
  record(operands.DX_ROW, tile + group.z, lane);
}

struct Operands { MASK_ROW: u32, DY_ROW: u32, DX_ROW: u32 }
@group(0) @binding(15) var<uniform> operands: Operands;

