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

