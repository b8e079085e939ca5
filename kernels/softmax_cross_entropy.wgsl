// softmax_cross_entropy: mean loss, correct answers, and the gradient of the logits, quantized on
// the way out
//
//   logits   [N, 4·CQ] f32
//   labels   [N] u32
//   dlogits  [N, CQ] quads     (softmax − one-hot) / samples of the whole batch; zero for the padding
//   losses   [N] vec2<f32>     loss and 1 when correct, by sample
//   metrics  [4] f32           sums of both over the samples, added in their order; then the sums of
//                              all batches (with MICROS above 1, micro-batches) since the buffer was
//                              cleared
//
// One workgroup walks the batch, so that the sum has one order: a batch is a few hundred samples.
// Of equal logits the first is the answer.
// Reference: lib/reference/softmax_cross_entropy.ts
//@ include quad
//@ include quantize

@group(0) @binding(3) var<storage, read> logits: array<f32>;
@group(0) @binding(4) var<storage, read> labels: array<u32>;
@group(0) @binding(5) var<storage, read_write> dlogits: array<Stored>;
@group(0) @binding(6) var<storage, read_write> losses: array<vec2<f32>>;
@group(0) @binding(7) var<storage, read_write> metrics: array<f32>;

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
    losses[n] = select(vec2<f32>(), vec2<f32>(log(sum) - (logits[row + label] - best), f32(answer == label)), counts);
    for (var q = 0u; q < ${CQ}u; q++) {
      var d: vec4<f32>;
      //@ for j in 0..4
      {
        let c = q * 4u + ${j}u;
        let p = exp(logits[row + c] - best) / sum;
        d[${j}] = select(0.0, (p - f32(c == label)) / samples, counts && c < ${CLASSES}u);
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
    metrics[0] = total.x;
    metrics[1] = total.y;
    metrics[2] += total.x;
    metrics[3] += total.y;
  }
  record(${D_ROW}u, 0u, lane);
}
