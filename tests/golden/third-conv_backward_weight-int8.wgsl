// conv_backward_weight: dW[o, tap, c] = s_x·s_dy · Σ_p (dY[p, o] − z_dy) · (X[p·stride − padding + tap, c] − z_x)
//                       db[o]         = s_dy · Σ_p (dY[p, o] − z_dy)
//
// Two dispatches: `main` sums slices of the pixels into `partial`, `join` adds the slices.
//
//   x         [n, H, W, 4·IQ]                  quads
//   dy        [n, HO, WO, 4·DQ]                quads; OQ of them from FIRST on, which is all of them
//                                              where the weights are not split (lib/program/shards.ts)
//   partial   [SLICES] of                      raw sums of codes; room for ROOM slices
//               [4·OQ, KH·KW, IQ] vec4         Σ dY·X,
//               [KH·KW, IQ] vec4               Σ X, with INT8, and
//               [OQ] vec4                      Σ dY: they correct for the zero points
//   gradient       [4·OQ, KH·KW, IQ] vec4<f32>
//   bias_gradient  [OQ] vec4<f32>, with BIAS; of a part of the weights, from quad FIRST on
//
// With INT8 the sums are exact in any order: how many slices there are is an affair of the tile. A slice
// has at most 32,768 pixels, so its sums of products, of codes + 128 too (DOT), are below 32,768·255² < 2³¹,
// and so is Σ (dY − z)(X − z), although its terms may wrap. Slices are joined in 64 bits, and rounded once.
// Without INT8 the slices are the chunks of CHUNK pixels that follow from the shape: pixels are added
// ascending within a chunk, then the chunks.
// With ACCUMULATE the result is added to that of the micro-batches before this one. One that is not finite
// raises NONFINITE, or BIAS_NONFINITE.
//
// The sum runs over pixels, but bytes run along channels: four pixels are read and their 4×4 bytes
// transposed in registers. Tiles (kernel.ts) have one of two forms:
//   in workgroup memory, K > 4  for GPUs: include/weight_gradient_group.wgsl
//   in registers   for CPU adapters, which suspend threads at barriers, and would spill the registers of a
//     GPU. A thread owns YQ·4 output × XQ·4 input channels of one tap and one slice. It reads K pixels at a
//     time, in one load each for all its channels: of a tile of 16 × 16 (llvmpipe: 53 GOP/s) eight loads
//     serve 1024 products, of 8 × 8 (33 GOP/s) 256.
// Sizes are operands, as in conv_forward; coordinates of a pixel are counted on, not divided again.
// The totals are made by the workgroups of the first rows and of the first columns only, where the branch
// is uniform.
// Reference: kernels/conv_backward_weight/reference.ts
// include quad

// include dot

// include pixel_coords

// include finite

// include int64


alias XWide = vec2<u32>;
alias YWide = vec2<u32>;

@group(0) @binding(3) var<storage, read> x: array<XWide>;
@group(0) @binding(4) var<storage, read> dy: array<YWide>;
@group(0) @binding(5) var<storage, read_write> partial: array<vec4<Sum>>;
@group(0) @binding(6) var<storage, read_write> gradient: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> bias_gradient: array<vec4<f32>>;

// Vectors of the sums of products of a slice, and of all sums.
fn products_size() -> u32 { return 4u * operand_OQ() * operand_KH() * operand_KW() * operand_IQ(); }
fn slice_size() -> u32 { return products_size() + operand_KH() * operand_KW() * operand_IQ() + operand_OQ(); }

// Codes of no pixel: `factor` makes zeros of them.
const NOTHING = 0u;

// Rows are four pixels of one quad; the result's rows are four channels of the four pixels.
fn transpose(w: u32, x: u32, y: u32, z: u32) -> Four {
  let a = factor(w);
  let b = factor(x);
  let c = factor(y);
  let d = factor(z);
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

const PIXELS_OF_ROUND = 4u;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let height = operand_H();
  let width = operand_W();
  let out_height = operand_HO();
  let out_width = operand_WO();
  let stride_y = operand_SH();
  let stride_x = operand_SW();
  let in_quads = operand_IQ();
  let thread = group.x * 64u + lane;
  let slice = thread / (in_quads / 2u);
  let x_tile = thread - slice * (in_quads / 2u);
  if (slice >= operand_SLICES()) { return; }
  let y_tile = group.y;
  let tap = group.z;
  let tap_y = tap / operand_KW();
  let shift_y = i32(tap_y) - i32(operand_PH());
  let shift_x = i32(tap - tap_y * operand_KW()) - i32(operand_PW());
  let padding = XWide(zero_quad(quantizers[i32(operand_X_ROW())]));

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

  let end = min((slice + 1u) * operand_SLICE(), operand_PIXELS());
  // Loads per pixel, and the first one of this thread.
  let x_loads = in_quads / 2u;
  let x_own = x_tile * (2u / 2u);
  let dy_loads = operand_DQ() / 2u;
  let dy_own = operand_FIRST() / 2u + y_tile * (2u / 2u);
  var here = pixel_coords(slice * operand_SLICE(), out_height, out_width);
  for (var first = slice * operand_SLICE(); first < end; first += 4u) {
    let p_0 = first + 0u;
    let real_0 = p_0 < end;
    let y_0 = u32(i32(here.row * stride_y) + shift_y);
    let column_0 = u32(i32(here.column * stride_x) + shift_x);
    let inside_0 = real_0 & (y_0 < height) & (column_0 < width);
    let x_at_0 = select(0u, ((here.image * height + y_0) * width + column_0) * x_loads + x_own, inside_0);
    let dy_at_0 = select(0u, p_0 * dy_loads + dy_own, real_0);
    here = advance(here, PixelCoords(0u, 0u, 1u), out_height, out_width);
    let p_1 = first + 1u;
    let real_1 = p_1 < end;
    let y_1 = u32(i32(here.row * stride_y) + shift_y);
    let column_1 = u32(i32(here.column * stride_x) + shift_x);
    let inside_1 = real_1 & (y_1 < height) & (column_1 < width);
    let x_at_1 = select(0u, ((here.image * height + y_1) * width + column_1) * x_loads + x_own, inside_1);
    let dy_at_1 = select(0u, p_1 * dy_loads + dy_own, real_1);
    here = advance(here, PixelCoords(0u, 0u, 1u), out_height, out_width);
    let p_2 = first + 2u;
    let real_2 = p_2 < end;
    let y_2 = u32(i32(here.row * stride_y) + shift_y);
    let column_2 = u32(i32(here.column * stride_x) + shift_x);
    let inside_2 = real_2 & (y_2 < height) & (column_2 < width);
    let x_at_2 = select(0u, ((here.image * height + y_2) * width + column_2) * x_loads + x_own, inside_2);
    let dy_at_2 = select(0u, p_2 * dy_loads + dy_own, real_2);
    here = advance(here, PixelCoords(0u, 0u, 1u), out_height, out_width);
    let p_3 = first + 3u;
    let real_3 = p_3 < end;
    let y_3 = u32(i32(here.row * stride_y) + shift_y);
    let column_3 = u32(i32(here.column * stride_x) + shift_x);
    let inside_3 = real_3 & (y_3 < height) & (column_3 < width);
    let x_at_3 = select(0u, ((here.image * height + y_3) * width + column_3) * x_loads + x_own, inside_3);
    let dy_at_3 = select(0u, p_3 * dy_loads + dy_own, real_3);
    here = advance(here, PixelCoords(0u, 0u, 1u), out_height, out_width);
    let x_0 = select(padding, x[x_at_0], inside_0);
    let dy_0 = select(YWide(NOTHING), dy[dy_at_0], real_0);
    let x_1 = select(padding, x[x_at_1], inside_1);
    let dy_1 = select(YWide(NOTHING), dy[dy_at_1], real_1);
    let x_2 = select(padding, x[x_at_2], inside_2);
    let dy_2 = select(YWide(NOTHING), dy[dy_at_2], real_2);
    let x_3 = select(padding, x[x_at_3], inside_3);
    let dy_3 = select(YWide(NOTHING), dy[dy_at_3], real_3);
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

  let to = slice * slice_size();
  let column = tap * in_quads + x_tile * 2u;
  partial[to + ((y_tile * 2u + 0u) * 4u + 0u) * (operand_KH() * operand_KW() * in_quads) + column + 0u] = a_0_0_0;
  partial[to + ((y_tile * 2u + 0u) * 4u + 1u) * (operand_KH() * operand_KW() * in_quads) + column + 0u] = a_0_1_0;
  partial[to + ((y_tile * 2u + 0u) * 4u + 2u) * (operand_KH() * operand_KW() * in_quads) + column + 0u] = a_0_2_0;
  partial[to + ((y_tile * 2u + 0u) * 4u + 3u) * (operand_KH() * operand_KW() * in_quads) + column + 0u] = a_0_3_0;
  partial[to + ((y_tile * 2u + 1u) * 4u + 0u) * (operand_KH() * operand_KW() * in_quads) + column + 0u] = a_1_0_0;
  partial[to + ((y_tile * 2u + 1u) * 4u + 1u) * (operand_KH() * operand_KW() * in_quads) + column + 0u] = a_1_1_0;
  partial[to + ((y_tile * 2u + 1u) * 4u + 2u) * (operand_KH() * operand_KW() * in_quads) + column + 0u] = a_1_2_0;
  partial[to + ((y_tile * 2u + 1u) * 4u + 3u) * (operand_KH() * operand_KW() * in_quads) + column + 0u] = a_1_3_0;
  if (y_tile == 0u) { partial[to + products_size() + column + 0u] = x_sum_0; }
  partial[to + ((y_tile * 2u + 0u) * 4u + 0u) * (operand_KH() * operand_KW() * in_quads) + column + 1u] = a_0_0_1;
  partial[to + ((y_tile * 2u + 0u) * 4u + 1u) * (operand_KH() * operand_KW() * in_quads) + column + 1u] = a_0_1_1;
  partial[to + ((y_tile * 2u + 0u) * 4u + 2u) * (operand_KH() * operand_KW() * in_quads) + column + 1u] = a_0_2_1;
  partial[to + ((y_tile * 2u + 0u) * 4u + 3u) * (operand_KH() * operand_KW() * in_quads) + column + 1u] = a_0_3_1;
  partial[to + ((y_tile * 2u + 1u) * 4u + 0u) * (operand_KH() * operand_KW() * in_quads) + column + 1u] = a_1_0_1;
  partial[to + ((y_tile * 2u + 1u) * 4u + 1u) * (operand_KH() * operand_KW() * in_quads) + column + 1u] = a_1_1_1;
  partial[to + ((y_tile * 2u + 1u) * 4u + 2u) * (operand_KH() * operand_KW() * in_quads) + column + 1u] = a_1_2_1;
  partial[to + ((y_tile * 2u + 1u) * 4u + 3u) * (operand_KH() * operand_KW() * in_quads) + column + 1u] = a_1_3_1;
  if (y_tile == 0u) { partial[to + products_size() + column + 1u] = x_sum_1; }
  if (tap == 0u && x_tile == 0u) {
    partial[to + slice_size() - operand_OQ() + y_tile * 2u + 0u] = dy_sum_0;
    partial[to + slice_size() - operand_OQ() + y_tile * 2u + 1u] = dy_sum_1;
  }
}

// A sum of up to 65,536 integers in halves: each is high · 2¹⁶ + low.
struct Halves {
  low: vec4<u32>,
  high: vec4<i32>,
}

fn plus(a: Halves, v: vec4<i32>) -> Halves {
  return Halves(a.low + (bitcast<vec4<u32>>(v) & vec4<u32>(0xffffu)), a.high + (v >> vec4<u32>(16u)));
}

fn rounded(a: Halves, i: u32) -> f32 {
  let high = a.high[i];
  return float64(add64(vec2<u32>(bitcast<u32>(high) << 16u, bitcast<u32>(high >> 16u)), vec2<u32>(a.low[i], 0u)));
}

fn real_of(a: Halves, scale: f32) -> vec4<f32> {
  return vec4<f32>(rounded(a, 0u), rounded(a, 1u), rounded(a, 2u), rounded(a, 3u)) * scale;
}

// The zero point of the operands of dot products.
fn operand_zero(z: Quantizer) -> i32 {
  return i32(z.zero);
}

fn pixels_of(slice: u32) -> i32 { return i32(min(operand_SLICE(), operand_PIXELS() - slice * operand_SLICE())); }

// The pixels that a slice sums, whole rounds of them: one that is missing has dY = 0 and X = z_x.
fn summed_pixels_of(slice: u32) -> i32 {
  let pixels = i32(PIXELS_OF_ROUND);
  return (pixels_of(slice) + pixels - 1) / pixels * pixels;
}

@compute @workgroup_size(64)
fn join(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  // A thread owns the four outputs of a quad, which share the totals of X.
  let inputs = operand_KH() * operand_KW() * operand_IQ();
  let outputs = operand_OQ();
  let slices = operand_SLICES();
  let size = slice_size();
  let at = (group.y * groups.x + group.x) * 64u + lane;
  let zx = operand_zero(quantizers[i32(operand_X_ROW())]);
  let zdy = operand_zero(quantizers[i32(operand_DY_ROW())]);
  if (at < outputs * inputs) {
    let output = at / inputs;
    let input = at - output * inputs;
    let first = output * 4u * inputs + input;
    var sum_0: Halves;
    var sum_1: Halves;
    var sum_2: Halves;
    var sum_3: Halves;
    for (var slice = 0u; slice < slices; slice++) {
      let start = slice * size;
      let of_dy = zx * (partial[start + size - outputs + output] - vec4<i32>(summed_pixels_of(slice) * zdy));
      let of_x = zdy * partial[start + size - outputs - inputs + input];
      sum_0 = plus(sum_0, partial[start + first + 0u * inputs] - of_x - vec4<i32>(of_dy[0]));
      sum_1 = plus(sum_1, partial[start + first + 1u * inputs] - of_x - vec4<i32>(of_dy[1]));
      sum_2 = plus(sum_2, partial[start + first + 2u * inputs] - of_x - vec4<i32>(of_dy[2]));
      sum_3 = plus(sum_3, partial[start + first + 3u * inputs] - of_x - vec4<i32>(of_dy[3]));
    }
    {
      let to = first + 0u * inputs;
      var sum = real_of(sum_0, quantizers[i32(operand_X_ROW())].scale * quantizers[i32(operand_DY_ROW())].scale);
      gradient[to] = sum;
      if (not_finite(sum)) { atomicAdd(&statistics[operand_NONFINITE()], 1u); }
    }
    {
      let to = first + 1u * inputs;
      var sum = real_of(sum_1, quantizers[i32(operand_X_ROW())].scale * quantizers[i32(operand_DY_ROW())].scale);
      gradient[to] = sum;
      if (not_finite(sum)) { atomicAdd(&statistics[operand_NONFINITE()], 1u); }
    }
    {
      let to = first + 2u * inputs;
      var sum = real_of(sum_2, quantizers[i32(operand_X_ROW())].scale * quantizers[i32(operand_DY_ROW())].scale);
      gradient[to] = sum;
      if (not_finite(sum)) { atomicAdd(&statistics[operand_NONFINITE()], 1u); }
    }
    {
      let to = first + 3u * inputs;
      var sum = real_of(sum_3, quantizers[i32(operand_X_ROW())].scale * quantizers[i32(operand_DY_ROW())].scale);
      gradient[to] = sum;
      if (not_finite(sum)) { atomicAdd(&statistics[operand_NONFINITE()], 1u); }
    }
  }
  if (at < outputs) {
    var total: Halves;
    for (var slice = 0u; slice < slices; slice++) {
      let of_slice = partial[(slice + 1u) * size - outputs + at];
      total = plus(total, of_slice - vec4<i32>(pixels_of(slice) * zdy));
    }
    var sum = real_of(total, quantizers[i32(operand_DY_ROW())].scale);
    bias_gradient[operand_FIRST() + at] = sum;
    if (not_finite(sum)) { atomicAdd(&statistics[operand_BIAS_NONFINITE()], 1u); }
  }
}

@group(0) @binding(15) var<uniform> operands: array<vec4<u32>, 16>;

fn operand_OQ() -> u32 { return operands[0u + step.origin].x; }
fn operand_KH() -> u32 { return operands[0u + step.origin].y; }
fn operand_KW() -> u32 { return operands[0u + step.origin].z; }
fn operand_IQ() -> u32 { return operands[0u + step.origin].w; }
fn operand_H() -> u32 { return operands[1u + step.origin].x; }
fn operand_W() -> u32 { return operands[1u + step.origin].y; }
fn operand_HO() -> u32 { return operands[1u + step.origin].z; }
fn operand_WO() -> u32 { return operands[1u + step.origin].w; }
fn operand_SH() -> u32 { return operands[2u + step.origin].x; }
fn operand_SW() -> u32 { return operands[2u + step.origin].y; }
fn operand_SLICES() -> u32 { return operands[2u + step.origin].z; }
fn operand_PH() -> u32 { return operands[2u + step.origin].w; }
fn operand_PW() -> u32 { return operands[3u + step.origin].x; }
fn operand_X_ROW() -> u32 { return operands[3u + step.origin].y; }
fn operand_SLICE() -> u32 { return operands[3u + step.origin].z; }
fn operand_PIXELS() -> u32 { return operands[3u + step.origin].w; }
fn operand_DQ() -> u32 { return operands[4u + step.origin].x; }
fn operand_FIRST() -> u32 { return operands[4u + step.origin].y; }
fn operand_DY_ROW() -> u32 { return operands[4u + step.origin].z; }
fn operand_NONFINITE() -> u32 { return operands[4u + step.origin].w; }
fn operand_BIAS_NONFINITE() -> u32 { return operands[5u + step.origin].x; }

