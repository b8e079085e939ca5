// softmax_cross_entropy: mean loss, correct answers, and the gradient of the logits, quantized on
// the way out
//
//   logits   [N, 4·CQ] f32
//   labels   [N] u32
//   mixes    [N] vec2<u32>     with MIXED: a second label, and the bits of the weight of the first
//   dlogits  [N, CQ] quads     (softmax − one-hot) / samples of the whole batch; zero for the padding
//   losses   [N] vec2<f32>     loss and 1 when correct, by sample
//   metrics  [4] f32           sums of both over the samples, added in their order; then the sums of
//                              all batches (with MICROS above 1, micro-batches) since the buffer was
//                              cleared
//
// One workgroup walks the batch, so that the sum has one order: a batch is a few hundred samples.
// Of equal logits the first is the answer; it is correct where it is the (first) label.
//
// With TARGETS a label is a distribution, as in PyTorch: (1 − smoothing)·(weight·one-hot + (1 −
// weight)·one-hot of the second label) + smoothing/CLASSES, and the loss is log Σ exp − Σ target·logit.
// smoothing is the step's: an evaluation has none.
// Reference: kernels/softmax_cross_entropy/reference.ts
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

// Two words that name a stream of random numbers: (seed, step, quantizer).
fn mix(x: u32) -> u32 {
  var h = (x ^ (x >> 16u)) * 0x7feb352du;
  h = (h ^ (h >> 15u)) * 0x846ca68bu;
  return h ^ (h >> 16u);
}
fn stream(row: u32) -> vec2<u32> {
  let a = mix(mix(step.seed ^ 0x9e3779b9u) + step.step);
  return vec2<u32>(mix(a + row), mix((a ^ 0x85ebca6bu) + row));
}
// Uniform in [0, 1): the top 24 bits of a hash of the element's index, so a resumed run draws the
// same numbers. 32 bits would round to 1.0 and turn an exact zero into 1. With IMAGE, the elements of
// an image, the index is that in the whole batch, of which this is a micro-batch.
fn uniforms(local: u32, key: vec2<u32>) -> vec4<f32> {
  let element = local;
  var h = (vec4<u32>(element) + LANES) * vec4<u32>(0x9e3779b1u) + vec4<u32>(key.x);
  h = (h ^ (h >> vec4<u32>(16u))) * vec4<u32>(0x7feb352du);
  h = ((h ^ (h >> vec4<u32>(15u))) + vec4<u32>(key.y)) * vec4<u32>(0x846ca68bu);
  h = h ^ (h >> vec4<u32>(16u));
  return vec4<f32>(h >> vec4<u32>(8u)) * 5.9604644775390625e-8;
}

// `element` is the logical, unpadded index of the first lane; `lanes` how many lanes are real.
fn quantize(v: vec4<f32>, z: Quantizer, element: u32, key: vec2<u32>, lanes: u32) -> Stored {
  let bad = (bitcast<vec4<u32>>(v) & vec4<u32>(0x7f800000u)) == vec4<u32>(0x7f800000u);
  let x = select(v, vec4<f32>(0.0), bad);
  let real_lane = LANES < vec4<u32>(lanes);
  seen_min = min(seen_min, select(vec4<f32>(3.4028234e38), x, real_lane));
  seen_max = max(seen_max, select(vec4<f32>(-3.4028234e38), x, real_lane));
  seen_nonfinite += vec4<u32>(bad & real_lane);
  let t = floor(x * z.inverse + uniforms(element, key)) + z.zero;
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


@group(0) @binding(3) var<storage, read> logits: array<f32>;
@group(0) @binding(4) var<storage, read> labels: array<u32>;
@group(0) @binding(5) var<storage, read_write> dlogits: array<Stored>;
@group(0) @binding(6) var<storage, read_write> losses: array<vec2<f32>>;
@group(0) @binding(7) var<storage, read_write> metrics: Metrics;
struct Metrics {
  loss: f32, // sum over the samples of the last micro-batch
  correct: f32, // right answers among them
  total_loss: f32, // the same of all micro-batches since the buffer was cleared
  total_correct: f32,
}



fn wanted(c: u32, label: u32, n: u32) -> f32 { return f32(c == label); }

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) lane: u32) {
  let z = quantizers[i32(operand_D_ROW())];
  let key = stream(operand_D_ROW());
  let samples = f32(step.samples);
  for (var n = lane; n < 2u; n += 64u) {
    let row = n * 1u * 4u;
    var best = logits[row];
    var answer = 0u;
    for (var c = 1u; c < 3u; c++) {
      let l = logits[row + c];
      if (l > best) { best = l; answer = c; }
    }
    var sum = 0.0;
    for (var c = 0u; c < 3u; c++) { sum += exp(logits[row + c] - best); }
    let label = labels[n];
    let counts = n < step.samples;
    let expected = logits[row + label] - best;
    losses[n] = select(vec2<f32>(), vec2<f32>(log(sum) - expected, f32(answer == label)), counts);
    for (var q = 0u; q < 1u; q++) {
      var d: vec4<f32>;
      {
        let c = q * 4u + 0u;
        let p = exp(logits[row + c] - best) / sum;
        d[0] = select(0.0, (p - wanted(c, label, n)) / samples, counts && c < 3u);
      }
      {
        let c = q * 4u + 1u;
        let p = exp(logits[row + c] - best) / sum;
        d[1] = select(0.0, (p - wanted(c, label, n)) / samples, counts && c < 3u);
      }
      {
        let c = q * 4u + 2u;
        let p = exp(logits[row + c] - best) / sum;
        d[2] = select(0.0, (p - wanted(c, label, n)) / samples, counts && c < 3u);
      }
      {
        let c = q * 4u + 3u;
        let p = exp(logits[row + c] - best) / sum;
        d[3] = select(0.0, (p - wanted(c, label, n)) / samples, counts && c < 3u);
      }
      dlogits[n * 1u + q] = quantize(d, z, n * 3u + q * 4u, key, min(4u, 3u - q * 4u));
    }
  }
  storageBarrier();
  workgroupBarrier();
  if (lane == 0u) {
    var total = vec2<f32>();
    for (var n = 0u; n < 2u; n++) { total += losses[n]; }
    metrics.loss = total.x;
    metrics.correct = total.y;
    metrics.total_loss += total.x;
    metrics.total_correct += total.y;
  }
  record(operand_D_ROW(), 0u, lane);
}

@group(0) @binding(15) var<uniform> operands: array<vec4<u32>, 16>;

fn operand_D_ROW() -> u32 { return operands[0u + step.origin].x; }

