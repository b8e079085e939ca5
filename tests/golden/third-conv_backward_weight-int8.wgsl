// conv_backward_weight: dW[o, tap, c] = Σ_p dY[p, o] · X[p·stride − padding + tap, c], in chunks
//
// The sum runs over pixels, but bytes run along channels: four pixels are read and their 4×4 bytes
// transposed in registers. A thread owns YQ·4 output × XQ·4 input channels of one tap and one chunk
// of at most 32,768 pixels, so |Σ| ≤ 32,768·128² < 2³¹. It reads K pixels at a time, in one load each
// for all its channels: of a tile of 16 × 16 (llvmpipe: 53 GOP/s) eight loads serve 1024 products, of
// 8 × 8 (33 GOP/s) 256.
//
//   x         [n, H, W, 4·IQ]                  quads
//   dy        [n, HO, WO, 4·DQ]                quads; OQ of them from FIRST on, which is all of them
//                                              where the weights are not split (lib/program/shards.ts)
//   partial   [CHUNKS, 4·OQ, KH·KW, IQ] vec4   raw sums of products of codes
//   x_total   [CHUNKS, KH·KW, IQ] vec4<i32>    Σ X, and
//   dy_total  [CHUNKS, OQ] vec4                Σ dY: they correct for the zero points
//
// The number of chunks follows from the shape alone, so tile choice never changes a float sum.
// The totals are made by the workgroups of the first output tile and of the first tap only, where
// the branch is uniform. Without INT8 the same loops add f32 products, pixel by pixel.
// Sizes are operands, as in conv_forward; coordinates of a pixel are counted on, not divided again.
// Reference: kernels/conv_backward_weight/reference.ts
// include quad

// include dot

// include pixel_coords


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
  let height = operand_H();
  let width = operand_W();
  let out_height = operand_HO();
  let out_width = operand_WO();
  let stride_y = operand_SH();
  let stride_x = operand_SW();
  let in_quads = operand_IQ();
  let thread = group.x * 64u + lane;
  let chunk = thread / (in_quads / 2u);
  let x_tile = thread - chunk * (in_quads / 2u);
  if (chunk >= operand_CHUNKS()) { return; }
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

  let end = min((chunk + 1u) * operand_CHUNK(), operand_PIXELS());
  // Loads per pixel, and the first one of this thread.
  let x_loads = in_quads / 2u;
  let x_own = x_tile * (2u / 2u);
  let dy_loads = operand_DQ() / 2u;
  let dy_own = operand_FIRST() / 2u + y_tile * (2u / 2u);
  var here = pixel_coords(chunk * operand_CHUNK(), out_height, out_width);
  for (var first = chunk * operand_CHUNK(); first < end; first += 4u) {
    let p_0 = first + 0u;
    let real_0 = p_0 < end;
    let y_0 = u32(i32(here.row * stride_y) + shift_y);
    let column_0 = u32(i32(here.column * stride_x) + shift_x);
    let inside_0 = real_0 && y_0 < height && column_0 < width;
    let x_at_0 = select(0u, ((here.image * height + y_0) * width + column_0) * x_loads + x_own, inside_0);
    let dy_at_0 = select(0u, p_0 * dy_loads + dy_own, real_0);
    here = advance(here, PixelCoords(0u, 0u, 1u), out_height, out_width);
    let p_1 = first + 1u;
    let real_1 = p_1 < end;
    let y_1 = u32(i32(here.row * stride_y) + shift_y);
    let column_1 = u32(i32(here.column * stride_x) + shift_x);
    let inside_1 = real_1 && y_1 < height && column_1 < width;
    let x_at_1 = select(0u, ((here.image * height + y_1) * width + column_1) * x_loads + x_own, inside_1);
    let dy_at_1 = select(0u, p_1 * dy_loads + dy_own, real_1);
    here = advance(here, PixelCoords(0u, 0u, 1u), out_height, out_width);
    let p_2 = first + 2u;
    let real_2 = p_2 < end;
    let y_2 = u32(i32(here.row * stride_y) + shift_y);
    let column_2 = u32(i32(here.column * stride_x) + shift_x);
    let inside_2 = real_2 && y_2 < height && column_2 < width;
    let x_at_2 = select(0u, ((here.image * height + y_2) * width + column_2) * x_loads + x_own, inside_2);
    let dy_at_2 = select(0u, p_2 * dy_loads + dy_own, real_2);
    here = advance(here, PixelCoords(0u, 0u, 1u), out_height, out_width);
    let p_3 = first + 3u;
    let real_3 = p_3 < end;
    let y_3 = u32(i32(here.row * stride_y) + shift_y);
    let column_3 = u32(i32(here.column * stride_x) + shift_x);
    let inside_3 = real_3 && y_3 < height && column_3 < width;
    let x_at_3 = select(0u, ((here.image * height + y_3) * width + column_3) * x_loads + x_own, inside_3);
    let dy_at_3 = select(0u, p_3 * dy_loads + dy_own, real_3);
    here = advance(here, PixelCoords(0u, 0u, 1u), out_height, out_width);
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

  partial[((chunk * operand_OQ() * 4u + (y_tile * 2u + 0u) * 4u + 0u) * (operand_KH() * operand_KW()) + tap) * in_quads + x_tile * 2u + 0u] = a_0_0_0;
  partial[((chunk * operand_OQ() * 4u + (y_tile * 2u + 0u) * 4u + 1u) * (operand_KH() * operand_KW()) + tap) * in_quads + x_tile * 2u + 0u] = a_0_1_0;
  partial[((chunk * operand_OQ() * 4u + (y_tile * 2u + 0u) * 4u + 2u) * (operand_KH() * operand_KW()) + tap) * in_quads + x_tile * 2u + 0u] = a_0_2_0;
  partial[((chunk * operand_OQ() * 4u + (y_tile * 2u + 0u) * 4u + 3u) * (operand_KH() * operand_KW()) + tap) * in_quads + x_tile * 2u + 0u] = a_0_3_0;
  partial[((chunk * operand_OQ() * 4u + (y_tile * 2u + 1u) * 4u + 0u) * (operand_KH() * operand_KW()) + tap) * in_quads + x_tile * 2u + 0u] = a_1_0_0;
  partial[((chunk * operand_OQ() * 4u + (y_tile * 2u + 1u) * 4u + 1u) * (operand_KH() * operand_KW()) + tap) * in_quads + x_tile * 2u + 0u] = a_1_1_0;
  partial[((chunk * operand_OQ() * 4u + (y_tile * 2u + 1u) * 4u + 2u) * (operand_KH() * operand_KW()) + tap) * in_quads + x_tile * 2u + 0u] = a_1_2_0;
  partial[((chunk * operand_OQ() * 4u + (y_tile * 2u + 1u) * 4u + 3u) * (operand_KH() * operand_KW()) + tap) * in_quads + x_tile * 2u + 0u] = a_1_3_0;
  if (y_tile == 0u) {
    x_total[(chunk * (operand_KH() * operand_KW()) + tap) * in_quads + x_tile * 2u + 0u] = x_sum_0;
  }
  partial[((chunk * operand_OQ() * 4u + (y_tile * 2u + 0u) * 4u + 0u) * (operand_KH() * operand_KW()) + tap) * in_quads + x_tile * 2u + 1u] = a_0_0_1;
  partial[((chunk * operand_OQ() * 4u + (y_tile * 2u + 0u) * 4u + 1u) * (operand_KH() * operand_KW()) + tap) * in_quads + x_tile * 2u + 1u] = a_0_1_1;
  partial[((chunk * operand_OQ() * 4u + (y_tile * 2u + 0u) * 4u + 2u) * (operand_KH() * operand_KW()) + tap) * in_quads + x_tile * 2u + 1u] = a_0_2_1;
  partial[((chunk * operand_OQ() * 4u + (y_tile * 2u + 0u) * 4u + 3u) * (operand_KH() * operand_KW()) + tap) * in_quads + x_tile * 2u + 1u] = a_0_3_1;
  partial[((chunk * operand_OQ() * 4u + (y_tile * 2u + 1u) * 4u + 0u) * (operand_KH() * operand_KW()) + tap) * in_quads + x_tile * 2u + 1u] = a_1_0_1;
  partial[((chunk * operand_OQ() * 4u + (y_tile * 2u + 1u) * 4u + 1u) * (operand_KH() * operand_KW()) + tap) * in_quads + x_tile * 2u + 1u] = a_1_1_1;
  partial[((chunk * operand_OQ() * 4u + (y_tile * 2u + 1u) * 4u + 2u) * (operand_KH() * operand_KW()) + tap) * in_quads + x_tile * 2u + 1u] = a_1_2_1;
  partial[((chunk * operand_OQ() * 4u + (y_tile * 2u + 1u) * 4u + 3u) * (operand_KH() * operand_KW()) + tap) * in_quads + x_tile * 2u + 1u] = a_1_3_1;
  if (y_tile == 0u) {
    x_total[(chunk * (operand_KH() * operand_KW()) + tap) * in_quads + x_tile * 2u + 1u] = x_sum_1;
  }
  if (tap == 0u && x_tile == 0u) {
    dy_total[chunk * operand_OQ() + y_tile * 2u + 0u] = dy_sum_0;
    dy_total[chunk * operand_OQ() + y_tile * 2u + 1u] = dy_sum_1;
  }
}

@group(0) @binding(15) var<uniform> operands: array<vec4<u32>, 16>;

fn operand_H() -> u32 { return operands[0u + step.origin].x; }
fn operand_W() -> u32 { return operands[0u + step.origin].y; }
fn operand_HO() -> u32 { return operands[0u + step.origin].z; }
fn operand_WO() -> u32 { return operands[0u + step.origin].w; }
fn operand_SH() -> u32 { return operands[1u + step.origin].x; }
fn operand_SW() -> u32 { return operands[1u + step.origin].y; }
fn operand_IQ() -> u32 { return operands[1u + step.origin].z; }
fn operand_CHUNKS() -> u32 { return operands[1u + step.origin].w; }
fn operand_KW() -> u32 { return operands[2u + step.origin].x; }
fn operand_PH() -> u32 { return operands[2u + step.origin].y; }
fn operand_PW() -> u32 { return operands[2u + step.origin].z; }
fn operand_X_ROW() -> u32 { return operands[2u + step.origin].w; }
fn operand_CHUNK() -> u32 { return operands[3u + step.origin].x; }
fn operand_PIXELS() -> u32 { return operands[3u + step.origin].y; }
fn operand_DQ() -> u32 { return operands[3u + step.origin].z; }
fn operand_FIRST() -> u32 { return operands[3u + step.origin].w; }
fn operand_OQ() -> u32 { return operands[4u + step.origin].x; }
fn operand_KH() -> u32 { return operands[4u + step.origin].y; }

