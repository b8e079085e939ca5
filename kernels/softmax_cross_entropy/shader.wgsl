// softmax_cross_entropy: mean loss, correct answers, and the gradient of the logits, quantized on
// the way out
//
//   logits   [N, CQ] vec4<f32>
//   labels   [N] u32         with WEIGHTED the weights of the classes follow: [CQ] vec4<f32>, mean 1
//   mixes    [N] vec2<u32>     with MIXED: a second label, and the bits of the weight of the first
//   dlogits  [N, CQ] quads     (softmax − one-hot) / samples of the whole batch; zero for the padding
//   losses   [N] vec2<f32>     loss and 1 when correct, by sample
//   metrics  [4] f32           sums of both over the samples, added in their order; then the sums of
//                              all batches (with MICROS above 1, micro-batches) since the buffer was
//                              cleared
//
// LANES 1: a thread has a sample; 64: a workgroup has one, whose threads read its logits side by side and
// share the exponentials in workgroup memory, BLOCK quads at a time. Sums over classes have their order
// either way. The second dispatch, `join`, adds the samples in theirs.
// Of equal logits the first is the answer; it is correct if it equals the (first) label.
//
// With TARGETS a label is a distribution, as in PyTorch: (1 − smoothing)·(weight·one-hot + (1 −
// weight)·one-hot of the second label) + smoothing/CLASSES, and the loss is log Σ exp − Σ target·logit.
// smoothing comes from the step's uniform: it is 0 in an evaluation.
//
// With WEIGHTED (and TARGETS) each class's share of a label is multiplied by its weight, as in PyTorch:
// the loss is −Σ weight·target·log p, divided by the sum of the weights of the batch's labels. The factor
// samples / that sum comes from the step's uniform, so that weights average 1 over the batch; in an
// evaluation it is 0, and no class is weighted. Σ weight·target has a closed form, as the mean of all
// weights is 1. The weights share a buffer with the labels: with MIXED the kernel has eight already.
// Reference: kernels/softmax_cross_entropy/reference.ts
//@ include quad
//@ include quantize

@group(0) @binding(3) var<storage, read> logits: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> labels: array<u32>;
@group(0) @binding(5) var<storage, read_write> dlogits: array<Stored>;
@group(0) @binding(6) var<storage, read_write> losses: array<vec2<f32>>;
@group(0) @binding(7) var<storage, read_write> metrics: Metrics;
//@ include metrics_layout

//@ if MIXED
@group(0) @binding(8) var<storage, read> mixes: array<vec2<u32>>;
//@ end

//@ if LANES > 1
const BLOCK = 256u;
var<workgroup> exps: array<vec4<f32>, BLOCK>;
//@ if TARGETS
var<workgroup> expectations: array<vec4<f32>, BLOCK>;
//@ end
var<workgroup> lane_best: array<f32, 64>;
var<workgroup> lane_answer: array<u32, 64>;
//@ end

//@ if WEIGHTED
// The weight of a class in this batch.
fn class_weight(k: u32) -> f32 {
  let factor = step.weight_factor;
  return select(factor * bitcast<f32>(labels[${N}u + k]), 1.0, factor == 0.0);
}

// Σ weight·target of sample n.
fn target_sum(label: u32, n: u32) -> f32 {
  //@ if MIXED
  let share = bitcast<f32>(mixes[n].y);
  let own = share * class_weight(label) + (1.0 - share) * class_weight(mixes[n].x);
  //@ else
  let own = class_weight(label);
  //@ end
  return (1.0 - step.smoothing) * own + step.smoothing * step.weight_factor;
}
//@ end

fn classes(q: u32) -> vec4<u32> { return vec4<u32>(q * 4u) + vec4<u32>(0u, 1u, 2u, 3u); }
fn is_class(q: u32) -> vec4<bool> { return classes(q) < vec4<u32>(${CLASSES}u); }

// Target probabilities of a quad of classes, with WEIGHTED times their weights.
fn wanted(q: u32, label: u32, n: u32) -> vec4<f32> {
  let hot = vec4<f32>(classes(q) == vec4<u32>(label));
  //@ if TARGETS
  //@ if MIXED
  let weight = bitcast<f32>(mixes[n].y);
  let both = weight * hot + (1.0 - weight) * vec4<f32>(classes(q) == vec4<u32>(mixes[n].x));
  //@ else
  let both = hot;
  //@ end
  //@ if WEIGHTED
  let k = q * 4u;
  let weights = vec4<f32>(class_weight(k), class_weight(k + 1u), class_weight(k + 2u), class_weight(k + 3u));
  return ((1.0 - step.smoothing) * both + step.smoothing / ${CLASSES}.0) * weights;
  //@ else
  return (1.0 - step.smoothing) * both + step.smoothing / ${CLASSES}.0;
  //@ end
  //@ else
  return hot;
  //@ end
}

fn exponentials(l: vec4<f32>, best: f32, q: u32) -> vec4<f32> {
  return select(vec4<f32>(0.0), exp(l - best), is_class(q));
}

fn expectation(l: vec4<f32>, best: f32, q: u32, label: u32, n: u32) -> vec4<f32> {
  return select(vec4<f32>(0.0), wanted(q, label, n) * (l - best), is_class(q));
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let z = quantizers[${D_ROW}];
  let key = stream(${D_ROW}u);
  //@ if MICROS > 1
  let samples = f32(step.total);
  //@ else
  let samples = f32(step.samples);
  //@ end
  let tile = group.y * groups.x + group.x;
  //@ if LANES > 1
  let n = tile;
  let own = lane;
  //@ else
  let n = tile * 64u + lane;
  let own = 0u;
  //@ end
  let end = select(0u, ${CQ}u, n < ${N}u);
  let row = min(n, ${N}u - 1u) * ${CQ}u;
  let label = labels[min(n, ${N}u - 1u)];
  var best = logits[row].x;
  var answer = 0u;
  for (var q = own; q < end; q += ${LANES}u) {
    let l = logits[row + q];
    //@ for j in 0..4
    if (q * 4u + ${j}u < ${CLASSES}u && l[${j}] > best) { best = l[${j}]; answer = q * 4u + ${j}u; }
    //@ end
  }
  var sum = 0.0;
  var expected = 0.0;
  //@ if LANES > 1
  lane_best[lane] = best;
  lane_answer[lane] = answer;
  workgroupBarrier();
  for (var i = 0u; i < 64u; i++) {
    let l = lane_best[i];
    let c = lane_answer[i];
    if (l > best || (l == best && c < answer)) { best = l; answer = c; }
  }
  //@ for block in 0..BLOCKS
  for (var i = lane; i < BLOCK; i += 64u) {
    let q = ${block}u * BLOCK + i;
    if (q < end) {
      let l = logits[row + q];
      exps[i] = exponentials(l, best, q);
      //@ if TARGETS
      expectations[i] = expectation(l, best, q, label, n);
      //@ end
    }
  }
  workgroupBarrier();
  for (var i = 0u; i < BLOCK && ${block}u * BLOCK + i < end; i++) {
    let e = exps[i];
    sum = sum + e.x + e.y + e.z + e.w;
    //@ if TARGETS
    let t = expectations[i];
    expected = expected + t.x + t.y + t.z + t.w;
    //@ end
  }
  workgroupBarrier();
  //@ end
  //@ else
  for (var q = 0u; q < end; q++) {
    let l = logits[row + q];
    let e = exponentials(l, best, q);
    sum = sum + e.x + e.y + e.z + e.w;
    //@ if TARGETS
    let t = expectation(l, best, q, label, n);
    expected = expected + t.x + t.y + t.z + t.w;
    //@ end
  }
  //@ end
  //@ if TARGETS == 0
  expected = logits[row + label / 4u][label % 4u] - best;
  //@ end
  let counts = n < step.samples;
  //@ if WEIGHTED
  let weight = target_sum(label, min(n, ${N}u - 1u));
  //@ end
  if (own == 0u && n < ${N}u) {
    //@ if WEIGHTED
    losses[n] = select(vec2<f32>(), vec2<f32>(weight * log(sum) - expected, f32(answer == label)), counts);
    //@ else
    losses[n] = select(vec2<f32>(), vec2<f32>(log(sum) - expected, f32(answer == label)), counts);
    //@ end
  }
  for (var q = own; q < end; q += ${LANES}u) {
    let p = exponentials(logits[row + q], best, q) / sum;
    let real_class = is_class(q) & vec4<bool>(counts);
    //@ if WEIGHTED
    let d = select(vec4<f32>(0.0), (weight * p - wanted(q, label, n)) / samples, real_class);
    //@ else
    let d = select(vec4<f32>(0.0), (p - wanted(q, label, n)) / samples, real_class);
    //@ end
    dlogits[row + q] = quantize(d, z, n * ${CLASSES}u + q * 4u, key, min(4u, ${CLASSES}u - q * 4u));
  }
  record(${D_ROW}u, tile, lane);
}

@compute @workgroup_size(1)
fn join() {
  var total = vec2<f32>();
  for (var n = 0u; n < ${N}u; n += 8u) {
    //@ for i in 0..8
    let one_${i} = select(vec2<f32>(), losses[min(n + ${i}u, ${N}u - 1u)], n + ${i}u < ${N}u);
    //@ end
    //@ for i in 0..8
    total += one_${i};
    //@ end
  }
  metrics.loss = total.x;
  metrics.correct = total.y;
  metrics.total_loss += total.x;
  metrics.total_correct += total.y;
}
