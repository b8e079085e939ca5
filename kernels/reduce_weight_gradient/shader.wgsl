// reduce_weight_gradient: joins the chunks of conv_backward_weight
//
//   dW = s_x·s_dy · Σ_chunks (Σ dY·X − z_x·Σ dY − z_dy·Σ X + n·z_x·z_dy),   db = s_dy · Σ_chunks (Σ dY − n·z_dy)
//
// A chunk's bracket is Σ (dY − z)(X − z) over at most 32,768 pixels: below 2³¹, so it is exact in
// i32 although its terms may wrap. Chunks are added in their order, in f32; with ACCUMULATE the sum is
// added to that of the micro-batches before this one. One that is not finite raises NONFINITE, or BIAS_NONFINITE.
//
//   partial, x_total, dy_total   see conv_backward_weight
//   gradient       [4·OQ, TAPS, IQ] vec4<f32>
//   bias_gradient  [OQ] vec4<f32>, with BIAS; of a part of the weights, from quad FIRST on
//
// Reference: kernels/reduce_weight_gradient/reference.ts
//@ include quad
//@ include finite

@group(0) @binding(3) var<storage, read> partial: array<vec4<Sum>>;
//@ if INT8
@group(0) @binding(4) var<storage, read> x_total: array<vec4<Sum>>;
//@ end
@group(0) @binding(5) var<storage, read> dy_total: array<vec4<Sum>>;
@group(0) @binding(6) var<storage, read_write> gradient: array<vec4<f32>>;
//@ if BIAS
@group(0) @binding(7) var<storage, read_write> bias_gradient: array<vec4<f32>>;
//@ end

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  // A thread owns the four outputs of a quad, which share the totals of X.
  let inputs = ${TAPS}u * ${IQ}u;
  let outputs = ${OQ}u;
  let chunks = ${CHUNKS}u;
  let chunk_pixels = ${CHUNK}u;
  let all_pixels = ${PIXELS}u;
  let size = 4u * outputs * inputs;
  let at = (group.y * groups.x + group.x) * 64u + lane;
  let zx = quantizers[${X_ROW}];
  let zdy = quantizers[${DY_ROW}];
  if (at < outputs * inputs) {
    let output = at / inputs;
    let input = at - output * inputs;
    let first = output * 4u * inputs + input;
    //@ for j in 0..4
    var sum_${j} = vec4<f32>();
    //@ end
    for (var chunk = 0u; chunk < chunks; chunk++) {
      //@ if INT8
      let pixels = i32(min(chunk_pixels, all_pixels - chunk * chunk_pixels));
      let zero_x = i32(zx.zero);
      let zero_dy = i32(zdy.zero);
      let of_dy = zero_x * (dy_total[chunk * outputs + output] - vec4<i32>(pixels * zero_dy));
      let of_x = zero_dy * x_total[chunk * inputs + input];
      //@ for j in 0..4
      sum_${j} += vec4<f32>(partial[chunk * size + first + ${j}u * inputs] - of_x - vec4<i32>(of_dy[${j}]));
      //@ end
      //@ else
      //@ for j in 0..4
      sum_${j} += partial[chunk * size + first + ${j}u * inputs];
      //@ end
      //@ end
    }
    //@ for j in 0..4
    {
      let to = first + ${j}u * inputs;
      //@ if INT8
      var sum = sum_${j} * (zx.scale * zdy.scale);
      //@ else
      var sum = sum_${j};
      //@ end
      //@ if ACCUMULATE
      if (step.first > 0u) { sum += gradient[to]; }
      //@ end
      gradient[to] = sum;
      if (not_finite(sum)) { atomicAdd(&statistics[${NONFINITE}u], 1u); }
    }
    //@ end
  }
  //@ if BIAS
  if (at < outputs) {
    var sum = vec4<f32>();
    for (var chunk = 0u; chunk < chunks; chunk++) {
      //@ if INT8
      let pixels = i32(min(chunk_pixels, all_pixels - chunk * chunk_pixels));
      sum += vec4<f32>(dy_total[chunk * outputs + at] - vec4<i32>(pixels * i32(zdy.zero)));
      //@ else
      sum += dy_total[chunk * outputs + at];
      //@ end
    }
    //@ if INT8
    sum = sum * zdy.scale;
    //@ end
    //@ if ACCUMULATE
    if (step.first > 0u) { sum += bias_gradient[${FIRST}u + at]; }
    //@ end
    bias_gradient[${FIRST}u + at] = sum;
    if (not_finite(sum)) { atomicAdd(&statistics[${BIAS_NONFINITE}u], 1u); }
  }
  //@ end
}
