// norm_forward: A = act(a·(Y − mean) + beta), per channel
//
//   y             [PIXELS, 4·V·CW] quads, V at a time
//   coefficients  see norm_coefficients
//   output        [PIXELS, 4·V·CW] quads
//
// A thread owns one wide of every STRIDE-th pixel, so coefficients are read once for several, and
// neighbouring threads read neighbouring words.
// Reference: kernels/norm_forward/reference.ts
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

// Real values → what is stored, with the statistics of what went in. Each thread calls `quantize` for
// its values, then every thread of the workgroup calls `record` once (it holds a barrier).
// STORE: 0 real values as they are, not seen (no quantizer); 1 quantized now: codes with INT8, else
// the real values that the codes stand for; 2 real values, seen but not quantized yet: the range
// waits for them.
// QUIET: nothing is recorded, as the tensor was seen when it was made first.
// Reference: kernels/include/quantize.ts

alias Stored = vec4<f32>;
alias StoredWide = vec4<f32>;

fn stream(row: u32) -> vec2<u32> { return vec2<u32>(0u); }
fn quantize(v: vec4<f32>, z: Quantizer, element: u32, key: vec2<u32>, lanes: u32) -> Stored { return v; }
fn record(row: u32, tile: u32, lane: u32) {}

// The affine map of batch norm and the activation behind it (ACT: 0 none, 1 ReLU, 2 ReLU6).

@group(0) @binding(5) var<storage, read> coefficients: array<vec4<f32>>;

struct Affine { a: vec4<f32>, mean: vec4<f32>, beta: vec4<f32> }

// Of one quad of channels: to be read once a thread. On llvmpipe a load costs as much as 60 products.
fn affine(quad: u32) -> Affine {
  return Affine(coefficients[quad * 6u], coefficients[quad * 6u + 1u], coefficients[quad * 6u + 2u]);
}

fn normed(y: vec4<f32>, m: Affine) -> vec4<f32> { return m.a * (y - m.mean) + m.beta; }

fn activate(v: vec4<f32>) -> vec4<f32> {
  return max(v, vec4<f32>(0.0));
}

// Where the activation passes a gradient on, from the value before clipping.
fn passes(v: vec4<f32>) -> vec4<bool> {
  return v > vec4<f32>(0.0);
}


@group(0) @binding(3) var<storage, read> y: array<Wide>;
@group(0) @binding(4) var<storage, read_write> output: array<StoredWide>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let tile = group.y * groups.x + group.x;
  let thread = tile * 64u + lane;
  let blocks = operand_CW();
  let stride = operand_STRIDE();
  let first = thread / blocks;
  let block = thread - first * blocks;
  let zy = quantizers[i32(operand_Y_ROW())];
  let za = quantizers[i32(operand_A_ROW())];
  let lanes_0 = 4u;
  let map_0 = affine(block * 1u + 0u);
  let end = select(0u, operand_PIXELS(), first < stride);
  for (var pixel = first; pixel < end; pixel += stride) {
    let at = pixel * blocks + block;
    let wide = y[at];
    let q_0 = quantize(activate(normed(real(part0(wide), zy), map_0)), za, 0u, vec2<u32>(), lanes_0);
// Stores q_0 … q_(V−1), the V quads of a wide, at wide index `at` of `output`; no arithmetic, so no reference.
output[at] = q_0;

  }
  record(operand_A_ROW(), tile, lane);
}

@group(0) @binding(15) var<uniform> operands: array<vec4<u32>, 16>;

fn operand_CW() -> u32 { return operands[0u + step.origin].x; }
fn operand_STRIDE() -> u32 { return operands[0u + step.origin].y; }
fn operand_Y_ROW() -> u32 { return operands[0u + step.origin].z; }
fn operand_A_ROW() -> u32 { return operands[0u + step.origin].w; }
fn operand_PIXELS() -> u32 { return operands[1u + step.origin].x; }

