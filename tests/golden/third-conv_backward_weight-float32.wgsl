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
//                                              where the weights are not split (lib/program/shards.ts)
//   partial   [CHUNKS, 4·OQ, KH·KW, IQ] vec4   raw sums of products of codes
//   x_total   [CHUNKS, KH·KW, IQ] vec4<i32>    Σ X, and
//   dy_total  [CHUNKS, OQ] vec4                Σ dY: what the zero points are corrected with
//
// The number of chunks follows from the shape alone, so tile choice never changes a float sum.
// The totals are made by the workgroups of the first output tile and of the first tap only, where
// the branch is uniform. Without INT8 the same loops add f32 products, pixel by pixel.
// Sizes are operands, as in conv_forward; where a pixel lies is counted on, not divided anew.
// Reference: kernels/conv_backward_weight/reference.ts
// The unit of storage: four neighbouring channels of one pixel, a *quad*. With INT8 a quad is four
// codes in a u32; without, a vec4<f32>. A *wide* is V quads read in one load: the bounds check that
// every driver adds is then paid once for 4·V values (int8 512³ on llvmpipe: 17 GOP/s by words,
// 48 by four).
// Padded channels always hold the code of zero.
// Reference: kernels/include/quantize.ts (row, reader)

struct Quantizer {
  scale: f32, // real = scale · (code − zero)
  inverse: f32, // 1 / scale
  zero: f32, // zero point, a whole number
  qmin: f32, // smallest code
  qmax: f32, // largest code
  low: f32, // the range that the codes cover; low and high are 0 while there is none
  high: f32,
  rate_factor: f32, // factor of the learning rate of what this gradient trains
}

struct Step {
  seed: u32, // of the run
  step: u32, // counts from 0
  samples: u32, // images of this micro-batch that count; the rest is padding
  first: u32, // images of the batch before this micro-batch
  learning_rate: f32,
  norm_weight: f32, // 1: running statistics follow this batch; 0: they stay (calibration)
  total: u32, // images of the whole batch that count
  smoothing: f32, // share of a label that is spread over all classes
  first_correction: f32, // 1/(1 − β₁ᵗ), the bias correction of AdamW's first average
  second_correction: f32, // 1/√(1 − β₂ᵗ), that of its second
  origin: u32, // 0, which no compiler knows: see shader() in lib/runtime/gpu/executor.ts
  padding: u32, // a uniform block is a multiple of 16 bytes
}

// The statistics are [rows, SLOTS] slots, an array of u32 or of atomics.
const SLOTS = 16u;
const SLOT_WORDS = 4u;
const SLOT_NEGATED_MIN = 0u; // largest key of −x: the complement of the key of the minimum
const SLOT_MAX = 1u; // largest key of x
const SLOT_CLIPPED = 2u; // values outside the range
const SLOT_NONFINITE = 3u; // NaN and infinite values
// The first word of a slot.
fn slot_at(row: u32, slot: u32) -> u32 { return row * (SLOTS * SLOT_WORDS) + slot * SLOT_WORDS; }


@group(0) @binding(0) var<storage, read> quantizers: array<Quantizer>;
@group(0) @binding(1) var<storage, read_write> statistics: array<atomic<u32>>;
@group(0) @binding(2) var<uniform> step: Step;

alias Quad = vec4<f32>;
alias Wide = vec4<f32>;
alias Sum = f32;
fn part0(w: Wide) -> Quad { return w; }
fn zero_quad(z: Quantizer) -> Quad { return vec4<f32>(0.0); }
fn real(q: Quad, z: Quantizer) -> vec4<f32> { return q; }
alias Four = mat4x4<f32>;
fn dot_four(q: Quad, w: Four) -> vec4<f32> { return q * w; }

// Where a pixel lies in images of height × width. Kernels divide for their first pixel and count on
// from it: a division by a size that only the step knows is eight scalar ones on a CPU adapter.
// References need none of it: they loop over pixels.

struct Place {
  image: u32,
  row: u32,
  column: u32,
}

fn place(pixel: u32, height: u32, width: u32) -> Place {
  let line = pixel / width;
  let image = line / height;
  return Place(image, line - image * height, pixel - line * width);
}

// As many pixels on as there are before `by`.
fn onwards(p: Place, by: Place, height: u32, width: u32) -> Place {
  let column = p.column + by.column;
  let wraps = column >= width;
  let row = p.row + by.row + u32(wraps);
  let ends = row >= height;
  return Place(p.image + by.image + u32(ends), select(row, row - height, ends), select(column, column - width, wraps));
}


alias XWide = Quad;
alias YWide = Quad;

@group(0) @binding(3) var<storage, read> x: array<XWide>;
@group(0) @binding(4) var<storage, read> dy: array<YWide>;
@group(0) @binding(5) var<storage, read_write> partial: array<vec4<Sum>>;
@group(0) @binding(7) var<storage, read_write> dy_total: array<vec4<Sum>>;


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
  // Loads of a pixel, and where this thread's begin.
  let x_loads = in_quads / 1u;
  let x_own = x_tile * (2u / 1u);
  let dy_loads = operand_DQ() / 1u;
  let dy_own = operand_FIRST() / 1u + y_tile * (2u / 1u);
  var here = place(chunk * operand_CHUNK(), out_height, out_width);
  for (var first = chunk * operand_CHUNK(); first < end; first += 1u) {
    let p_0 = first + 0u;
    let real_0 = p_0 < end;
    let y_0 = u32(i32(here.row * stride_y) + shift_y);
    let column_0 = u32(i32(here.column * stride_x) + shift_x);
    let inside_0 = real_0 && y_0 < height && column_0 < width;
    let x_at_0 = select(0u, ((here.image * height + y_0) * width + column_0) * x_loads + x_own, inside_0);
    let dy_at_0 = select(0u, p_0 * dy_loads + dy_own, real_0);
    here = onwards(here, Place(0u, 0u, 1u), out_height, out_width);
    let x_0 = select(padding, x[x_at_0 + 0u], inside_0);
    let x_1 = select(padding, x[x_at_0 + 1u], inside_0);
    let dy_0 = dy[dy_at_0 + 0u];
    dy_sum_0 += dy_0;
    a_0_0_0 += dy_0[0] * x_0;
    a_0_0_1 += dy_0[0] * x_1;
    a_0_1_0 += dy_0[1] * x_0;
    a_0_1_1 += dy_0[1] * x_1;
    a_0_2_0 += dy_0[2] * x_0;
    a_0_2_1 += dy_0[2] * x_1;
    a_0_3_0 += dy_0[3] * x_0;
    a_0_3_1 += dy_0[3] * x_1;
    let dy_1 = dy[dy_at_0 + 1u];
    dy_sum_1 += dy_1;
    a_1_0_0 += dy_1[0] * x_0;
    a_1_0_1 += dy_1[0] * x_1;
    a_1_1_0 += dy_1[1] * x_0;
    a_1_1_1 += dy_1[1] * x_1;
    a_1_2_0 += dy_1[2] * x_0;
    a_1_2_1 += dy_1[2] * x_1;
    a_1_3_0 += dy_1[3] * x_0;
    a_1_3_1 += dy_1[3] * x_1;
  }

  partial[((chunk * operand_OQ() * 4u + (y_tile * 2u + 0u) * 4u + 0u) * (operand_KH() * operand_KW()) + tap) * in_quads + x_tile * 2u + 0u] = a_0_0_0;
  partial[((chunk * operand_OQ() * 4u + (y_tile * 2u + 0u) * 4u + 1u) * (operand_KH() * operand_KW()) + tap) * in_quads + x_tile * 2u + 0u] = a_0_1_0;
  partial[((chunk * operand_OQ() * 4u + (y_tile * 2u + 0u) * 4u + 2u) * (operand_KH() * operand_KW()) + tap) * in_quads + x_tile * 2u + 0u] = a_0_2_0;
  partial[((chunk * operand_OQ() * 4u + (y_tile * 2u + 0u) * 4u + 3u) * (operand_KH() * operand_KW()) + tap) * in_quads + x_tile * 2u + 0u] = a_0_3_0;
  partial[((chunk * operand_OQ() * 4u + (y_tile * 2u + 1u) * 4u + 0u) * (operand_KH() * operand_KW()) + tap) * in_quads + x_tile * 2u + 0u] = a_1_0_0;
  partial[((chunk * operand_OQ() * 4u + (y_tile * 2u + 1u) * 4u + 1u) * (operand_KH() * operand_KW()) + tap) * in_quads + x_tile * 2u + 0u] = a_1_1_0;
  partial[((chunk * operand_OQ() * 4u + (y_tile * 2u + 1u) * 4u + 2u) * (operand_KH() * operand_KW()) + tap) * in_quads + x_tile * 2u + 0u] = a_1_2_0;
  partial[((chunk * operand_OQ() * 4u + (y_tile * 2u + 1u) * 4u + 3u) * (operand_KH() * operand_KW()) + tap) * in_quads + x_tile * 2u + 0u] = a_1_3_0;
  partial[((chunk * operand_OQ() * 4u + (y_tile * 2u + 0u) * 4u + 0u) * (operand_KH() * operand_KW()) + tap) * in_quads + x_tile * 2u + 1u] = a_0_0_1;
  partial[((chunk * operand_OQ() * 4u + (y_tile * 2u + 0u) * 4u + 1u) * (operand_KH() * operand_KW()) + tap) * in_quads + x_tile * 2u + 1u] = a_0_1_1;
  partial[((chunk * operand_OQ() * 4u + (y_tile * 2u + 0u) * 4u + 2u) * (operand_KH() * operand_KW()) + tap) * in_quads + x_tile * 2u + 1u] = a_0_2_1;
  partial[((chunk * operand_OQ() * 4u + (y_tile * 2u + 0u) * 4u + 3u) * (operand_KH() * operand_KW()) + tap) * in_quads + x_tile * 2u + 1u] = a_0_3_1;
  partial[((chunk * operand_OQ() * 4u + (y_tile * 2u + 1u) * 4u + 0u) * (operand_KH() * operand_KW()) + tap) * in_quads + x_tile * 2u + 1u] = a_1_0_1;
  partial[((chunk * operand_OQ() * 4u + (y_tile * 2u + 1u) * 4u + 1u) * (operand_KH() * operand_KW()) + tap) * in_quads + x_tile * 2u + 1u] = a_1_1_1;
  partial[((chunk * operand_OQ() * 4u + (y_tile * 2u + 1u) * 4u + 2u) * (operand_KH() * operand_KW()) + tap) * in_quads + x_tile * 2u + 1u] = a_1_2_1;
  partial[((chunk * operand_OQ() * 4u + (y_tile * 2u + 1u) * 4u + 3u) * (operand_KH() * operand_KW()) + tap) * in_quads + x_tile * 2u + 1u] = a_1_3_1;
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

