// norm_backward_coefficients: gradients of gamma and beta, and the coefficients of the gradient of Y
//
//   dbeta = Σ g,  dgamma = Σ g·x̂,  dY = a·g + c1·(y − mean) + c2,
//   c1 = −a·dgamma/N·inverse,  c2 = −a·dbeta/N,  with inverse = 1/√(variance + ε)
//
//   sums          [CHUNKS, CHANNELS] vec2    see norm_backward_sums
//   total         [CHANNELS] i32             Σ(q − z) of the forward pass
//   coefficients  see norm_coefficients; c1 and c2 are written
//   gradient      [2, CHANNELS]              dgamma, dbeta; with ACCUMULATE added to those of the
//                                            micro-batches before this one
//
// int8: Σ g·(y − mean) = scale·(N·Σ(g−z)(y−z) − Σ(y−z)·Σ(g−z))/N with the bracket exact in 64 bits.
// LANES threads own a channel: as many as its parts keep busy; COLUMNS neighbouring channels are a
// workgroup's. A gradient that is not finite raises NONFINITE.
// Reference: kernels/norm_backward_coefficients/reference.ts
//@ include quad
//@ include finite
//@ include int64

@group(0) @binding(3) var<storage, read> sums: array<vec2<Sum>>;
//@ if INT8
@group(0) @binding(4) var<storage, read> total: array<i32>;
var<workgroup> lane_sums: array<vec4<u32>, ${THREADS}>;
//@ else
var<workgroup> lane_sums: array<vec2<f32>, ${THREADS}>;
//@ end
@group(0) @binding(5) var<storage, read_write> coefficients: array<f32>;
@group(0) @binding(6) var<storage, read_write> gradient: array<f32>;

@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let own = lane / ${COLUMNS}u;
  let column = lane - own * ${COLUMNS}u;
  let channel = group.x * ${COLUMNS}u + column;
  let pixels = f32(${PIXELS});
  let channels = ${CHANNELS}u;
  let parts = ${CHUNKS}u;
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
    second = add64(second, int64(s_${i}.y));
    //@ end
  }
  for (; at < end; at += next) {
    let s = sums[at];
    first = add64(first, int64(s.x));
    second = add64(second, int64(s.y));
  }
  lane_sums[lane] = vec4<u32>(first, second);
  workgroupBarrier();
  if (own > 0u || channel >= channels) { return; }
  for (var i = 1u; i < used; i++) {
    first = add64(first, lane_sums[i * ${COLUMNS}u + column].xy);
    second = add64(second, lane_sums[i * ${COLUMNS}u + column].zw);
  }
  let bracket = add64(multiply64(vec2<u32>(${PIXELS}u, 0u), second), negate64(multiply64(int64(total[channel]), first)));
  let to = channel / 4u * 24u + channel % 4u;
  let inverse = coefficients[to + 20u];
  let scale = quantizers[${DA_ROW}].scale;
  let dbeta = float64(first) * scale;
  let dgamma = float64(bracket) / pixels * scale * quantizers[${Y_ROW}].scale * inverse;
  //@ else
  var sum = vec2<f32>();
  var at = begin;
  for (; at + 3u * next < end; at += 4u * next) {
    //@ for i in 0..4
    let s_${i} = sums[at + ${i}u * next];
    //@ end
    //@ for i in 0..4
    sum += s_${i};
    //@ end
  }
  for (; at < end; at += next) { sum += sums[at]; }
  lane_sums[lane] = sum;
  workgroupBarrier();
  if (own > 0u || channel >= channels) { return; }
  for (var i = 1u; i < used; i++) { sum += lane_sums[i * ${COLUMNS}u + column]; }
  let to = channel / 4u * 24u + channel % 4u;
  let inverse = coefficients[to + 20u];
  let dbeta = sum.x;
  let dgamma = sum.y * inverse;
  //@ end
  let a = coefficients[to];
  coefficients[to + 12u] = -a * (dgamma / pixels) * inverse;
  coefficients[to + 16u] = -a * (dbeta / pixels);
  var both = vec2<f32>(dgamma, dbeta);
  //@ if ACCUMULATE
  if (step.first > 0u) { both += vec2<f32>(gradient[channel], gradient[channels + channel]); }
  //@ end
  gradient[channel] = both.x;
  gradient[channels + channel] = both.y;
  if (not_finite(both.xyxy)) { atomicAdd(&statistics[${NONFINITE}u], 1u); }
}
