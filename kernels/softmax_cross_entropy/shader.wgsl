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
// Of equal logits the first is the answer; it is correct if it equals the (first) label.
//
// With TARGETS a label is a distribution, as in PyTorch: (1 − smoothing)·(weight·one-hot + (1 −
// weight)·one-hot of the second label) + smoothing/CLASSES, and the loss is log Σ exp − Σ target·logit.
// smoothing comes from the step's uniform: it is 0 in an evaluation.
// Reference: kernels/softmax_cross_entropy/reference.ts
//@ include quad
//@ include quantize

@group(0) @binding(3) var<storage, read> logits: array<f32>;
@group(0) @binding(4) var<storage, read> labels: array<u32>;
@group(0) @binding(5) var<storage, read_write> dlogits: array<Stored>;
@group(0) @binding(6) var<storage, read_write> losses: array<vec2<f32>>;
@group(0) @binding(7) var<storage, read_write> metrics: Metrics;
//@ include metrics_layout

//@ if MIXED
@group(0) @binding(8) var<storage, read> mixes: array<vec2<u32>>;
//@ end

//@ if TARGETS
// The target probability of class c.
fn wanted(c: u32, label: u32, n: u32) -> f32 {
  //@ if MIXED
  let weight = bitcast<f32>(mixes[n].y);
  let hot = weight * f32(c == label) + (1.0 - weight) * f32(c == mixes[n].x);
  //@ else
  let hot = f32(c == label);
  //@ end
  return (1.0 - step.smoothing) * hot + step.smoothing / ${CLASSES}.0;
}
//@ else
fn wanted(c: u32, label: u32, n: u32) -> f32 { return f32(c == label); }
//@ end

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) lane: u32) {
  let z = quantizers[${D_ROW}];
  let key = stream(${D_ROW}u);
  //@ if MICROS > 1
  let samples = f32(step.total);
  //@ else
  let samples = f32(step.samples);
  //@ end
  for (var n = lane; n < ${N}u; n += 64u) {
    let row = n * ${CQ}u * 4u;
    var best = logits[row];
    var answer = 0u;
    for (var c = 1u; c < ${CLASSES}u; c++) {
      let l = logits[row + c];
      if (l > best) { best = l; answer = c; }
    }
    var sum = 0.0;
    for (var c = 0u; c < ${CLASSES}u; c++) { sum += exp(logits[row + c] - best); }
    let label = labels[n];
    let counts = n < step.samples;
    //@ if TARGETS
    var expected = 0.0;
    for (var c = 0u; c < ${CLASSES}u; c++) { expected += wanted(c, label, n) * (logits[row + c] - best); }
    //@ else
    let expected = logits[row + label] - best;
    //@ end
    losses[n] = select(vec2<f32>(), vec2<f32>(log(sum) - expected, f32(answer == label)), counts);
    for (var q = 0u; q < ${CQ}u; q++) {
      var d: vec4<f32>;
      //@ for j in 0..4
      {
        let c = q * 4u + ${j}u;
        let p = exp(logits[row + c] - best) / sum;
        d[${j}] = select(0.0, (p - wanted(c, label, n)) / samples, counts && c < ${CLASSES}u);
      }
      //@ end
      dlogits[n * ${CQ}u + q] = quantize(d, z, n * ${CLASSES}u + q * 4u, key, min(4u, ${CLASSES}u - q * 4u));
    }
  }
  storageBarrier();
  workgroupBarrier();
  if (lane == 0u) {
    var total = vec2<f32>();
    for (var n = 0u; n < ${N}u; n++) { total += losses[n]; }
    metrics.loss = total.x;
    metrics.correct = total.y;
    metrics.total_loss += total.x;
    metrics.total_correct += total.y;
  }
  record(${D_ROW}u, 0u, lane);
}
