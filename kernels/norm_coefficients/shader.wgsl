// norm_coefficients: batch norm's coefficients per channel, from the sums of a batch
//
//   mean = E[y], variance = E[(y − mean)²], norm(y) = a·(y − mean) + beta, a = gamma / √(variance + ε)
//
//   sums          [TILES, CHANNELS] vec2    see channel_sums; any number of tiles
//   affine        [2, CHANNELS]             gamma, beta (padded channels 0, so they stay 0)
//   running       [2, CHANNELS]             running mean and unbiased variance, as PyTorch keeps them
//   coefficients  [CHANNELS / 4, 6] vec4    a, mean, beta, c1, c2, 1/√(variance + ε); c1, c2 by the backward pass;
//                 then [2, CHANNELS]: running as it was before the step
//   total         [CHANNELS] i32            Σ(q − z), for the backward pass
//   found_nonfinite  [0]: not 0, running stays (check_finite)
//
// running ← KEPT·running + MOMENTUM·batch, KEPT = 1 − MOMENTUM
//
// int8: N·Σ(q−z)² − (Σ(q−z))² is exact in 64 bits for N ≤ 8,388,608 (the planner refuses more), so
// the order of tiles cannot matter. f32: tiles join as (sum, squares about their own mean).
// LANES threads own a channel: as many as its parts keep busy; COLUMNS neighbouring channels are a
// workgroup's. A mean or variance that is not finite raises the third word of NONFINITE.
// Reference: kernels/norm_coefficients/reference.ts
//@ include quad
//@ include finite
//@ include int64

@group(0) @binding(3) var<storage, read> sums: array<vec2<Sum>>;
@group(0) @binding(4) var<storage, read> affine: array<f32>;
@group(0) @binding(5) var<storage, read_write> running: array<f32>;
@group(0) @binding(6) var<storage, read_write> coefficients: array<f32>;
//@ if INT8
@group(0) @binding(7) var<storage, read_write> total: array<i32>;
var<workgroup> lane_sums: array<vec4<u32>, ${THREADS}>;
//@ else
var<workgroup> lane_sums: array<f32, ${THREADS}>;
//@ end
@group(0) @binding(8) var<storage, read> found_nonfinite: array<u32>;

@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let own = lane / ${COLUMNS}u;
  let column = lane - own * ${COLUMNS}u;
  let channel = group.x * ${COLUMNS}u + column;
  let pixels = f32(${PIXELS});
  let channels = ${CHANNELS}u;
  let parts = ${TILES}u;
  // Parts to add for a channel, and the lanes that have one.
  let begin = own * channels + channel;
  let end = select(0u, parts * channels, channel < channels);
  let next = ${LANES}u * channels;
  let used = min(${LANES}u, parts);
  //@ if INT8
  var first = vec2<u32>();
  var second = vec2<u32>();
  var at = begin;
  // Four loads at a time: this is a walk of few threads through many parts.
  for (; at + 3u * next < end; at += 4u * next) {
    //@ for i in 0..4
    let s_${i} = sums[at + ${i}u * next];
    //@ end
    //@ for i in 0..4
    first = add64(first, int64(s_${i}.x));
    second = add64(second, vec2<u32>(bitcast<u32>(s_${i}.y), 0u));
    //@ end
  }
  for (; at < end; at += next) {
    let s = sums[at];
    first = add64(first, int64(s.x));
    second = add64(second, vec2<u32>(bitcast<u32>(s.y), 0u));
  }
  lane_sums[lane] = vec4<u32>(first, second);
  workgroupBarrier();
  if (own > 0u || channel >= channels) { return; }
  for (var i = 1u; i < used; i++) {
    first = add64(first, lane_sums[i * ${COLUMNS}u + column].xy);
    second = add64(second, lane_sums[i * ${COLUMNS}u + column].zw);
  }
  let scale = quantizers[${Y_ROW}].scale;
  let spread = add64(multiply64(vec2<u32>(${PIXELS}u, 0u), second), negate64(multiply64(first, first)));
  let mean = float64(first) / pixels * scale;
  let variance = float64(spread) / (pixels * pixels) * scale * scale;
  total[channel] = bitcast<i32>(first.x);
  //@ else
  var sum = 0.0;
  var at = begin;
  for (; at + 3u * next < end; at += 4u * next) {
    //@ for i in 0..4
    let s_${i} = sums[at + ${i}u * next].x;
    //@ end
    //@ for i in 0..4
    sum += s_${i};
    //@ end
  }
  for (; at < end; at += next) { sum += sums[at].x; }
  lane_sums[lane] = sum;
  workgroupBarrier();
  var mean = 0.0;
  for (var i = 0u; i < used; i++) { mean += lane_sums[i * ${COLUMNS}u + column]; }
  mean = mean / pixels;
  workgroupBarrier();
  var squares = 0.0;
  let chunk = ${CHUNK}u;
  var left = ${PIXELS}u - own * chunk;
  for (at = begin; at < end; at += next) {
    let s = sums[at];
    let n = f32(min(chunk, left));
    let d = s.x / n - mean;
    squares += s.y + n * d * d;
    left -= ${LANES}u * chunk;
  }
  lane_sums[lane] = squares;
  workgroupBarrier();
  if (own > 0u || channel >= channels) { return; }
  var variance = 0.0;
  for (var i = 0u; i < used; i++) { variance += lane_sums[i * ${COLUMNS}u + column]; }
  variance = variance / pixels;
  //@ end

  let inverse = 1.0 / sqrt(variance + f32(${EPSILON}));
  let to = channel / 4u * 24u + channel % 4u;
  coefficients[to] = affine[channel] * inverse;
  coefficients[to + 4u] = mean;
  coefficients[to + 8u] = affine[channels + channel];
  coefficients[to + 20u] = inverse;
  if (not_finite(vec2<f32>(mean, variance).xyxy)) { atomicAdd(&statistics[${NONFINITE}u], 1u); }
  if (step.norm_weight > 0.0 && found_nonfinite[0] == 0u) {
    if (step.first == 0u) {
      coefficients[6u * channels + channel] = running[channel];
      coefficients[7u * channels + channel] = running[channels + channel];
    }
    running[channel] = f32(${KEPT}) * running[channel] + f32(${MOMENTUM}) * mean;
    running[channels + channel] = f32(${KEPT}) * running[channels + channel] + f32(${MOMENTUM}) * (variance * (pixels / max(pixels - 1.0, 1.0)));
  }
}
