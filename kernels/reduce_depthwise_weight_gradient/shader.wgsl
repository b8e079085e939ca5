// reduce_depthwise_weight_gradient: joins the chunks of depthwise_backward_weight
//
//   dW = s_x·s_dy · Σ_chunks partial,   db = s_dy · Σ_chunks dy_total     (without INT8 the scales are left out)
//
//   partial, dy_total   see depthwise_backward_weight
//   gradient       [TAPS, CQ] vec4<f32>
//   bias_gradient  [CQ] vec4<f32>, with BIAS
//
// Chunks are added in their order, in f32; with ACCUMULATE to the sum of the micro-batches before. One
// that is not finite raises NONFINITE, or BIAS_NONFINITE.
// Reference: kernels/reduce_depthwise_weight_gradient/reference.ts
//@ include quad
//@ include finite

@group(0) @binding(3) var<storage, read> partial: array<vec4<Sum>>;
@group(0) @binding(4) var<storage, read_write> gradient: array<vec4<f32>>;
//@ if BIAS
@group(0) @binding(5) var<storage, read> dy_total: array<vec4<Sum>>;
@group(0) @binding(6) var<storage, read_write> bias_gradient: array<vec4<f32>>;
//@ end

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let size = ${TAPS}u * ${CQ}u;
  let chunks = ${CHUNKS}u;
  let zx = quantizers[${X_ROW}];
  let zdy = quantizers[${DY_ROW}];
  if (id.x < size) {
    var sum = vec4<f32>();
    // Eight loads at a time: this is a walk of few threads through many chunks.
    var at = id.x;
    var chunk = 0u;
    for (; chunk + 8u <= chunks; chunk += 8u) {
      //@ for i in 0..8
      let partial_${i} = partial[at + ${i}u * size];
      //@ end
      //@ for i in 0..8
      sum += vec4<f32>(partial_${i});
      //@ end
      at += 8u * size;
    }
    for (; chunk < chunks; chunk++) {
      sum += vec4<f32>(partial[at]);
      at += size;
    }
    //@ if INT8
    sum = sum * (zx.scale * zdy.scale);
    //@ end
    //@ if ACCUMULATE
    if (step.first > 0u) { sum += gradient[id.x]; }
    //@ end
    gradient[id.x] = sum;
    if (not_finite(sum)) { atomicAdd(&statistics[${NONFINITE}u], 1u); }
  }
  //@ if BIAS
  if (id.x < ${CQ}u) {
    var sum = vec4<f32>();
    for (var chunk = 0u; chunk < chunks; chunk++) { sum += vec4<f32>(dy_total[chunk * ${CQ}u + id.x]); }
    //@ if INT8
    sum = sum * zdy.scale;
    //@ end
    //@ if ACCUMULATE
    if (step.first > 0u) { sum += bias_gradient[id.x]; }
    //@ end
    bias_gradient[id.x] = sum;
    if (not_finite(sum)) { atomicAdd(&statistics[${BIAS_NONFINITE}u], 1u); }
  }
  //@ end
}
