// sgd: one parameter tensor, as PyTorch's SGD
//
//   g = gradient + weight_decay·w;  m ← momentum·m + g;  w ← w − rate·(g + momentum·m | m)   (Nesterov | not)
//
//   gradient, weight, velocity   [SIZE] vec4<f32>
//   clip                         [factor, norm, 0, 0], with CLIP: gradient is times the factor
//   found_nonfinite              [0]: not 0, nothing changes (check_finite)
//
// With SCALED the learning rate has the factor that `dsgc` gave the layer's gradient. With STORE
// the minimum and maximum of the new weights go to the statistics: the next iteration's weight quantizer
// is set from them before its pass. A new weight that is not finite raises the second word of NONFINITE.
// Reference: kernels/sgd/reference.ts
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

// Real values → what is stored, with the statistics of what went in. Each thread calls `quantize` for
// its values, then every thread of the workgroup calls `record` once (it holds a barrier).
// STORE: 0 real values as they are, not seen (no quantizer); 1 quantized now: codes with INT8, else
// the real values that the codes stand for; 2 real values, seen but not quantized yet: the range
// waits for them.
// QUIET: nothing is recorded, as the tensor was seen when it was made first.
// Reference: kernels/include/quantize.ts

alias Stored = Quad;
alias StoredWide = Wide;

// Extremes are kept per lane and joined once a thread.
var<private> seen_min: vec4<f32> = vec4<f32>(3.4028234e38);
var<private> seen_max: vec4<f32> = vec4<f32>(-3.4028234e38);
var<private> seen_clipped: vec4<u32>;
var<private> seen_nonfinite: vec4<u32>;

// The slot of this workgroup.
var<workgroup> tile_seen: array<atomic<u32>, SLOT_WORDS>;

const LANES = vec4<u32>(0u, 1u, 2u, 3u);

fn stream(row: u32) -> vec2<u32> { return vec2<u32>(0u); }

// `element` is the logical, unpadded index of the first lane; `lanes` how many lanes are real.
fn quantize(v: vec4<f32>, z: Quantizer, element: u32, key: vec2<u32>, lanes: u32) -> Stored {
  let bad = (bitcast<vec4<u32>>(v) & vec4<u32>(0x7f800000u)) == vec4<u32>(0x7f800000u);
  let x = select(v, vec4<f32>(0.0), bad);
  let real_lane = LANES < vec4<u32>(lanes);
  seen_min = min(seen_min, select(vec4<f32>(3.4028234e38), x, real_lane));
  seen_max = max(seen_max, select(vec4<f32>(-3.4028234e38), x, real_lane));
  seen_nonfinite += vec4<u32>(bad & real_lane);
  let t = round(x * z.inverse) + z.zero;
  let c = clamp(t, vec4<f32>(z.qmin), vec4<f32>(z.qmax));
  seen_clipped += vec4<u32>(c != t);
  return pack(vec4<i32>(c));
}

// f32 → u32 so that the order of numbers is the order of words; −0 counts as +0.
fn ordered(x: f32) -> u32 {
  let b = select(bitcast<u32>(x), 0u, x == 0.0);
  return select(b | 0x80000000u, ~b, b >= 0x80000000u);
}

// Folds what this workgroup saw into slot `tile` mod SLOTS of the quantizer's row. Integer atomics on
// ordered words: independent of the order of tiles.
fn record(row: u32, tile: u32, lane: u32) {
  let min_ = min(min(seen_min.x, seen_min.y), min(seen_min.z, seen_min.w));
  let max_ = max(max(seen_max.x, seen_max.y), max(seen_max.z, seen_max.w));
  let clipped = seen_clipped.x + seen_clipped.y + seen_clipped.z + seen_clipped.w;
  let nonfinite = seen_nonfinite.x + seen_nonfinite.y + seen_nonfinite.z + seen_nonfinite.w;
  if (min_ <= max_) {
    atomicMax(&tile_seen[SLOT_NEGATED_MIN], ~ordered(min_));
    atomicMax(&tile_seen[SLOT_MAX], ordered(max_));
    if (clipped > 0u) { atomicAdd(&tile_seen[SLOT_CLIPPED], clipped); }
    if (nonfinite > 0u) { atomicAdd(&tile_seen[SLOT_NONFINITE], nonfinite); }
  }
  workgroupBarrier();
  if (lane == 0u) {
    let at = slot_at(row, tile % SLOTS);
    atomicMax(&statistics[at + SLOT_NEGATED_MIN], atomicLoad(&tile_seen[SLOT_NEGATED_MIN]));
    atomicMax(&statistics[at + SLOT_MAX], atomicLoad(&tile_seen[SLOT_MAX]));
    atomicAdd(&statistics[at + SLOT_CLIPPED], atomicLoad(&tile_seen[SLOT_CLIPPED]));
    atomicAdd(&statistics[at + SLOT_NONFINITE], atomicLoad(&tile_seen[SLOT_NONFINITE]));
  }
}

// Whether one of four values is NaN or infinite, by its bits: compilers fold `x != x` to false.
// Where one is, who made it adds one to its alarm, a word behind the rows of the statistics
// (lib/program/passes/nonfinite_guard.ts). Reference: Number.isFinite where the kernels' references raise it.

fn not_finite(v: vec4<f32>) -> bool {
  return any((bitcast<vec4<u32>>(v) & vec4<u32>(0x7f800000u)) == vec4<u32>(0x7f800000u));
}


@group(0) @binding(3) var<storage, read> gradient: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> weight: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> velocity: array<vec4<f32>>;
@group(0) @binding(8) var<storage, read> found_nonfinite: array<u32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let goes = found_nonfinite[0] == 0u; // No return: a barrier follows.
  let tile = group.y * groups.x + group.x;
  let rate = step.learning_rate;
  {
    let at = (tile * 4u + 0u) * 64u + lane;
    if (at < operand_SIZE() && goes) {
      var w = weight[at];
      let g = gradient[at] + f32(0.0001) * w;
      let m = f32(0.9) * velocity[at] + g;
      velocity[at] = m;
      w = w - rate * m;
      weight[at] = w;
      if (not_finite(w)) { atomicAdd(&statistics[operand_NONFINITE()], 1u); }
      seen_min = min(seen_min, w);
      seen_max = max(seen_max, w);
      seen_nonfinite += vec4<u32>((bitcast<vec4<u32>>(w) & vec4<u32>(0x7f800000u)) == vec4<u32>(0x7f800000u));
    }
  }
  {
    let at = (tile * 4u + 1u) * 64u + lane;
    if (at < operand_SIZE() && goes) {
      var w = weight[at];
      let g = gradient[at] + f32(0.0001) * w;
      let m = f32(0.9) * velocity[at] + g;
      velocity[at] = m;
      w = w - rate * m;
      weight[at] = w;
      if (not_finite(w)) { atomicAdd(&statistics[operand_NONFINITE()], 1u); }
      seen_min = min(seen_min, w);
      seen_max = max(seen_max, w);
      seen_nonfinite += vec4<u32>((bitcast<vec4<u32>>(w) & vec4<u32>(0x7f800000u)) == vec4<u32>(0x7f800000u));
    }
  }
  {
    let at = (tile * 4u + 2u) * 64u + lane;
    if (at < operand_SIZE() && goes) {
      var w = weight[at];
      let g = gradient[at] + f32(0.0001) * w;
      let m = f32(0.9) * velocity[at] + g;
      velocity[at] = m;
      w = w - rate * m;
      weight[at] = w;
      if (not_finite(w)) { atomicAdd(&statistics[operand_NONFINITE()], 1u); }
      seen_min = min(seen_min, w);
      seen_max = max(seen_max, w);
      seen_nonfinite += vec4<u32>((bitcast<vec4<u32>>(w) & vec4<u32>(0x7f800000u)) == vec4<u32>(0x7f800000u));
    }
  }
  {
    let at = (tile * 4u + 3u) * 64u + lane;
    if (at < operand_SIZE() && goes) {
      var w = weight[at];
      let g = gradient[at] + f32(0.0001) * w;
      let m = f32(0.9) * velocity[at] + g;
      velocity[at] = m;
      w = w - rate * m;
      weight[at] = w;
      if (not_finite(w)) { atomicAdd(&statistics[operand_NONFINITE()], 1u); }
      seen_min = min(seen_min, w);
      seen_max = max(seen_max, w);
      seen_nonfinite += vec4<u32>((bitcast<vec4<u32>>(w) & vec4<u32>(0x7f800000u)) == vec4<u32>(0x7f800000u));
    }
  }
  record(operand_W_ROW(), tile, lane);
}

@group(0) @binding(15) var<uniform> operands: array<vec4<u32>, 16>;

fn operand_SIZE() -> u32 { return operands[0u + step.origin].x; }
fn operand_NONFINITE() -> u32 { return operands[0u + step.origin].y; }
fn operand_W_ROW() -> u32 { return operands[0u + step.origin].z; }

