// conv_backward_weight: dW[o, tap, c] = Σ_p dY[p, o] · X[p·stride − padding + tap, c], in chunks
//
// The sum runs over pixels, but bytes lie along channels: four pixels are read and their 4×4 bytes
// transposed in registers. A thread owns YQ·4 output × XQ·4 input channels of one tap and one chunk
// of at most 32,768 pixels, so |Σ| ≤ 32,768·128² < 2³¹. It reads K pixels at a time, in one load each
// for all its channels: of a tile of 16 × 16 (llvmpipe: 53 GOP/s) eight loads serve 1024 products, of
// 8 × 8 (33 GOP/s) 256.
//
//   x         [n, H, W, 4·IQ]                  quads
//   dy        [n, HO, WO, 4·DQ]                quads; OQ of them from FIRST on, which is all of them
//                                              where the weights are not split (lib/ops/parts.ts)
//   partial   [CHUNKS, 4·OQ, KH·KW, IQ] vec4   raw sums of products of codes
//   x_total   [CHUNKS, KH·KW, IQ] vec4<i32>    Σ X, and
//   dy_total  [CHUNKS, OQ] vec4                Σ dY: what the zero points are corrected with
//
// The number of chunks follows from the shape alone, so tile choice never changes a float sum.
// The totals are made by the workgroups of the first output tile and of the first tap only, where
// the branch is uniform. Without INT8 the same loops add f32 products, pixel by pixel.
// Reference: lib/reference/conv_backward_weight.ts
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

alias Quad = u32;
alias Wide = u32;
fn part0(w: Wide) -> Quad { return w; }

fn codes(q: Quad) -> vec4<i32> {
  return unpack4xI8(q);
}

fn pack(c: vec4<i32>) -> Quad {
  return pack4xI8(c);
}

// The word whose four codes are those of zero: what padding reads.
fn zero_quad(z: Quantizer) -> Quad { return pack(vec4<i32>(i32(z.zero))); }

// Real values of a quad.
fn real(q: Quad, z: Quantizer) -> vec4<f32> {
  return (vec4<f32>(codes(q)) - vec4<f32>(z.zero)) * z.scale;
}

fn dot_quad(a: Quad, b: Quad) -> i32 {
  return dot4I8Packed(a, b);
}
alias Sum = i32;
// Four quads that are multiplied with the same one: codes of weights lie so (pack_weights).
alias Four = vec4<u32>;
fn dot_four(q: Quad, w: Four) -> vec4<i32> {
  return vec4<i32>(dot_quad(q, w.x), dot_quad(q, w.y), dot_quad(q, w.z), dot_quad(q, w.w));
}


alias XWide = vec2<u32>;
alias YWide = vec2<u32>;

@group(0) @binding(3) var<storage, read> x: array<XWide>;
@group(0) @binding(4) var<storage, read> dy: array<YWide>;
@group(0) @binding(5) var<storage, read_write> partial: array<vec4<Sum>>;
@group(0) @binding(6) var<storage, read_write> x_total: array<vec4<Sum>>;
@group(0) @binding(7) var<storage, read_write> dy_total: array<vec4<Sum>>;

// Rows are four pixels of one quad; the result's rows are four channels of the four pixels.
fn transpose(a: u32, b: u32, c: u32, d: u32) -> Four {
  let even_ab = (a & 0x00ff00ffu) | ((b & 0x00ff00ffu) << 8u);
  let odd_ab = ((a >> 8u) & 0x00ff00ffu) | (b & 0xff00ff00u);
  let even_cd = (c & 0x00ff00ffu) | ((d & 0x00ff00ffu) << 8u);
  let odd_cd = ((c >> 8u) & 0x00ff00ffu) | (d & 0xff00ff00u);
  return Four(
    (even_ab & 0xffffu) | (even_cd << 16u),
    (odd_ab & 0xffffu) | (odd_cd << 16u),
    (even_ab >> 16u) | (even_cd & 0xffff0000u),
    (odd_ab >> 16u) | (odd_cd & 0xffff0000u),
  );
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let thread = group.x * 64u + lane;
  let x_tile = thread % (2u / 2u);
  let chunk = thread / (2u / 2u);
  if (chunk >= 1u) { return; }
  let y_tile = group.y;
  let tap = group.z;
  let shift_y = i32(tap / 3u) - 1;
  let shift_x = i32(tap % 3u) - 1;
  let padding = XWide(zero_quad(quantizers[i32(operands.X_ROW)]));

  var a_0_0_0: vec4<Sum>;
  var a_0_0_1: vec4<Sum>;
  var a_0_1_0: vec4<Sum>;
  var a_0_1_1: vec4<Sum>;
  var a_0_2_0: vec4<Sum>;
  var a_0_2_1: vec4<Sum>;
  var a_0_3_0: vec4<Sum>;
  var a_0_3_1: vec4<Sum>;
  var dy_sum_0: vec4<Sum>;
  var a_1_0_0: vec4<Sum>;
  var a_1_0_1: vec4<Sum>;
  var a_1_1_0: vec4<Sum>;
  var a_1_1_1: vec4<Sum>;
  var a_1_2_0: vec4<Sum>;
  var a_1_2_1: vec4<Sum>;
  var a_1_3_0: vec4<Sum>;
  var a_1_3_1: vec4<Sum>;
  var dy_sum_1: vec4<Sum>;
  var x_sum_0: vec4<Sum>;
  var x_sum_1: vec4<Sum>;

  let end = min((chunk + 1u) * 64u, 50u);
  for (var first = chunk * 64u; first < end; first += 4u) {
    let p_0 = first + 0u;
    let real_0 = p_0 < end;
    let y_0 = u32(i32(p_0 / 5u % 5u * 2u) + shift_y);
    let column_0 = u32(i32(p_0 % 5u * 2u) + shift_x);
    let inside_0 = real_0 && y_0 < 9u && column_0 < 9u;
    let line_0 = p_0 / (5u * 5u) * 9u + y_0;
    let x_at_0 = select(0u, (line_0 * 9u + column_0) * (2u / 2u) + x_tile * (2u / 2u), inside_0);
    let dy_at_0 = select(0u, p_0 * (2u / 2u) + 0u / 2u + y_tile * (2u / 2u), real_0);
    let p_1 = first + 1u;
    let real_1 = p_1 < end;
    let y_1 = u32(i32(p_1 / 5u % 5u * 2u) + shift_y);
    let column_1 = u32(i32(p_1 % 5u * 2u) + shift_x);
    let inside_1 = real_1 && y_1 < 9u && column_1 < 9u;
    let line_1 = p_1 / (5u * 5u) * 9u + y_1;
    let x_at_1 = select(0u, (line_1 * 9u + column_1) * (2u / 2u) + x_tile * (2u / 2u), inside_1);
    let dy_at_1 = select(0u, p_1 * (2u / 2u) + 0u / 2u + y_tile * (2u / 2u), real_1);
    let p_2 = first + 2u;
    let real_2 = p_2 < end;
    let y_2 = u32(i32(p_2 / 5u % 5u * 2u) + shift_y);
    let column_2 = u32(i32(p_2 % 5u * 2u) + shift_x);
    let inside_2 = real_2 && y_2 < 9u && column_2 < 9u;
    let line_2 = p_2 / (5u * 5u) * 9u + y_2;
    let x_at_2 = select(0u, (line_2 * 9u + column_2) * (2u / 2u) + x_tile * (2u / 2u), inside_2);
    let dy_at_2 = select(0u, p_2 * (2u / 2u) + 0u / 2u + y_tile * (2u / 2u), real_2);
    let p_3 = first + 3u;
    let real_3 = p_3 < end;
    let y_3 = u32(i32(p_3 / 5u % 5u * 2u) + shift_y);
    let column_3 = u32(i32(p_3 % 5u * 2u) + shift_x);
    let inside_3 = real_3 && y_3 < 9u && column_3 < 9u;
    let line_3 = p_3 / (5u * 5u) * 9u + y_3;
    let x_at_3 = select(0u, (line_3 * 9u + column_3) * (2u / 2u) + x_tile * (2u / 2u), inside_3);
    let dy_at_3 = select(0u, p_3 * (2u / 2u) + 0u / 2u + y_tile * (2u / 2u), real_3);
    let x_0 = select(select(XWide(), padding, real_0), x[x_at_0], inside_0);
    let dy_0 = select(YWide(), dy[dy_at_0], real_0);
    let x_1 = select(select(XWide(), padding, real_1), x[x_at_1], inside_1);
    let dy_1 = select(YWide(), dy[dy_at_1], real_1);
    let x_2 = select(select(XWide(), padding, real_2), x[x_at_2], inside_2);
    let dy_2 = select(YWide(), dy[dy_at_2], real_2);
    let x_3 = select(select(XWide(), padding, real_3), x[x_at_3], inside_3);
    let dy_3 = select(YWide(), dy[dy_at_3], real_3);
    let xt_0 = transpose(x_0[0], x_1[0], x_2[0], x_3[0]);
    let xt_1 = transpose(x_0[1], x_1[1], x_2[1], x_3[1]);
    let yt_0 = transpose(dy_0[0], dy_1[0], dy_2[0], dy_3[0]);
    a_0_0_0 += dot_four(yt_0[0], xt_0);
    a_0_0_1 += dot_four(yt_0[0], xt_1);
    a_0_1_0 += dot_four(yt_0[1], xt_0);
    a_0_1_1 += dot_four(yt_0[1], xt_1);
    a_0_2_0 += dot_four(yt_0[2], xt_0);
    a_0_2_1 += dot_four(yt_0[2], xt_1);
    a_0_3_0 += dot_four(yt_0[3], xt_0);
    a_0_3_1 += dot_four(yt_0[3], xt_1);
    let yt_1 = transpose(dy_0[1], dy_1[1], dy_2[1], dy_3[1]);
    a_1_0_0 += dot_four(yt_1[0], xt_0);
    a_1_0_1 += dot_four(yt_1[0], xt_1);
    a_1_1_0 += dot_four(yt_1[1], xt_0);
    a_1_1_1 += dot_four(yt_1[1], xt_1);
    a_1_2_0 += dot_four(yt_1[2], xt_0);
    a_1_2_1 += dot_four(yt_1[2], xt_1);
    a_1_3_0 += dot_four(yt_1[3], xt_0);
    a_1_3_1 += dot_four(yt_1[3], xt_1);
    if (y_tile == 0u) {
      x_sum_0 += dot_four(0x01010101u, xt_0);
      x_sum_1 += dot_four(0x01010101u, xt_1);
    }
    if (tap == 0u) {
      dy_sum_0 += dot_four(0x01010101u, yt_0);
      dy_sum_1 += dot_four(0x01010101u, yt_1);
    }
  }

  partial[((chunk * 2u * 4u + (y_tile * 2u + 0u) * 4u + 0u) * (3u * 3u) + tap) * 2u + x_tile * 2u + 0u] = a_0_0_0;
  partial[((chunk * 2u * 4u + (y_tile * 2u + 0u) * 4u + 1u) * (3u * 3u) + tap) * 2u + x_tile * 2u + 0u] = a_0_1_0;
  partial[((chunk * 2u * 4u + (y_tile * 2u + 0u) * 4u + 2u) * (3u * 3u) + tap) * 2u + x_tile * 2u + 0u] = a_0_2_0;
  partial[((chunk * 2u * 4u + (y_tile * 2u + 0u) * 4u + 3u) * (3u * 3u) + tap) * 2u + x_tile * 2u + 0u] = a_0_3_0;
  partial[((chunk * 2u * 4u + (y_tile * 2u + 1u) * 4u + 0u) * (3u * 3u) + tap) * 2u + x_tile * 2u + 0u] = a_1_0_0;
  partial[((chunk * 2u * 4u + (y_tile * 2u + 1u) * 4u + 1u) * (3u * 3u) + tap) * 2u + x_tile * 2u + 0u] = a_1_1_0;
  partial[((chunk * 2u * 4u + (y_tile * 2u + 1u) * 4u + 2u) * (3u * 3u) + tap) * 2u + x_tile * 2u + 0u] = a_1_2_0;
  partial[((chunk * 2u * 4u + (y_tile * 2u + 1u) * 4u + 3u) * (3u * 3u) + tap) * 2u + x_tile * 2u + 0u] = a_1_3_0;
  if (y_tile == 0u) {
    x_total[(chunk * (3u * 3u) + tap) * 2u + x_tile * 2u + 0u] = x_sum_0;
  }
  partial[((chunk * 2u * 4u + (y_tile * 2u + 0u) * 4u + 0u) * (3u * 3u) + tap) * 2u + x_tile * 2u + 1u] = a_0_0_1;
  partial[((chunk * 2u * 4u + (y_tile * 2u + 0u) * 4u + 1u) * (3u * 3u) + tap) * 2u + x_tile * 2u + 1u] = a_0_1_1;
  partial[((chunk * 2u * 4u + (y_tile * 2u + 0u) * 4u + 2u) * (3u * 3u) + tap) * 2u + x_tile * 2u + 1u] = a_0_2_1;
  partial[((chunk * 2u * 4u + (y_tile * 2u + 0u) * 4u + 3u) * (3u * 3u) + tap) * 2u + x_tile * 2u + 1u] = a_0_3_1;
  partial[((chunk * 2u * 4u + (y_tile * 2u + 1u) * 4u + 0u) * (3u * 3u) + tap) * 2u + x_tile * 2u + 1u] = a_1_0_1;
  partial[((chunk * 2u * 4u + (y_tile * 2u + 1u) * 4u + 1u) * (3u * 3u) + tap) * 2u + x_tile * 2u + 1u] = a_1_1_1;
  partial[((chunk * 2u * 4u + (y_tile * 2u + 1u) * 4u + 2u) * (3u * 3u) + tap) * 2u + x_tile * 2u + 1u] = a_1_2_1;
  partial[((chunk * 2u * 4u + (y_tile * 2u + 1u) * 4u + 3u) * (3u * 3u) + tap) * 2u + x_tile * 2u + 1u] = a_1_3_1;
  if (y_tile == 0u) {
    x_total[(chunk * (3u * 3u) + tap) * 2u + x_tile * 2u + 1u] = x_sum_1;
  }
  if (tap == 0u && x_tile == 0u) {
    dy_total[chunk * 2u + y_tile * 2u + 0u] = dy_sum_0;
    dy_total[chunk * 2u + y_tile * 2u + 1u] = dy_sum_1;
  }
}

struct Operands { X_ROW: u32 }
@group(0) @binding(15) var<uniform> operands: Operands;

