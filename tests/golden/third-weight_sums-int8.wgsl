// weight_sums: sums of weight codes that correct for the zero point of the other operand
//
//   forward       [TAPS, IQ, OQ] four quads   → forward_sum   [OQ] vec4<i32>: Σ over taps and inputs
//   backward      [TAPS, OQ, IQ] four quads   → backward_sum  [SH·SW, IQ] vec4<i32>: Σ over the taps that
//                 a phase of the input uses (tap ≡ phase + padding mod stride) and over outputs
//
// Reference: kernels/weight_sums/reference.ts
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


@group(0) @binding(3) var<storage, read> forward: array<Four>;
@group(0) @binding(4) var<storage, read_write> forward_sum: array<vec4<i32>>;
@group(0) @binding(5) var<storage, read> backward: array<Four>;
@group(0) @binding(6) var<storage, read_write> backward_sum: array<vec4<i32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let taps_down = operand_KH();
  let taps_across = operand_KW();
  let stride_y = operand_SH();
  let stride_x = operand_SW();
  let padding_y = operand_PH();
  let padding_x = operand_PW();
  let out_quads = operand_OQ();
  let in_quads = operand_IQ();
  let at = id.x;
  if (at < out_quads) {
    let row = taps_down * taps_across * in_quads;
    var sum = vec4<i32>();
    for (var k = 0u; k < row; k++) {
      sum += dot_four(0x01010101u, forward[k * out_quads + at]);
    }
    forward_sum[at] = sum;
  }
  if (at < stride_y * stride_x * in_quads) {
    let phase = at / in_quads;
    let input = at % in_quads;
    var sum = vec4<i32>();
    for (var ky = (phase / stride_x + padding_y) % stride_y; ky < taps_down; ky += stride_y) {
      for (var kx = (phase % stride_x + padding_x) % stride_x; kx < taps_across; kx += stride_x) {
        for (var o = 0u; o < out_quads; o++) {
          sum += dot_four(0x01010101u, backward[((ky * taps_across + kx) * out_quads + o) * in_quads + input]);
        }
      }
    }
    backward_sum[at] = sum;
  }
}

@group(0) @binding(15) var<uniform> operands: array<vec4<u32>, 16>;

fn operand_KH() -> u32 { return operands[0u + step.origin].x; }
fn operand_KW() -> u32 { return operands[0u + step.origin].y; }
fn operand_SH() -> u32 { return operands[0u + step.origin].z; }
fn operand_SW() -> u32 { return operands[0u + step.origin].w; }
fn operand_PH() -> u32 { return operands[1u + step.origin].x; }
fn operand_PW() -> u32 { return operands[1u + step.origin].y; }
fn operand_OQ() -> u32 { return operands[1u + step.origin].z; }
fn operand_IQ() -> u32 { return operands[1u + step.origin].w; }

