// adamw: one parameter tensor, as PyTorch's AdamW (Loshchilov & Hutter, arXiv 1711.05101)
//
//   w ← w − rate·weight_decay·w
//   m ← β₁·m + (1 − β₁)·g,   v ← β₂·v + (1 − β₂)·g²
//   w ← w − rate/(1 − β₁ᵗ) · m / (√v/√(1 − β₂ᵗ) + ε)
//
//   gradient, weight, velocity, second   [SIZE] vec4<f32>; velocity is m, second is v
//   clip                                 [factor, norm, 0, 0], with CLIP: g = factor·gradient
//   found_nonfinite                      [0]: if not 0, nothing changes (check_finite)
//
// The host computes the corrections 1/(1 − β₁ᵗ) and 1/√(1 − β₂ᵗ) in f64 and writes them into the step's
// uniform. SCALED multiplies the learning rate by the factor that `dsgc` gave the layer's gradient;
// STORE records minimum and maximum of the new weights, as in sgd. A new value that is not finite
// increments the second word of NONFINITE.
// Reference: kernels/adamw/reference.ts
//@ include quad
//@ include quantize
//@ include finite

@group(0) @binding(3) var<storage, read> gradient: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> weight: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> velocity: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> second: array<vec4<f32>>;
//@ if CLIP
@group(0) @binding(7) var<storage, read> clip: array<f32>;
//@ end
@group(0) @binding(8) var<storage, read> found_nonfinite: array<u32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let goes = found_nonfinite[0] == 0u; // No return: a barrier follows.
  let tile = group.y * groups.x + group.x;
  //@ if SCALED
  let rate = step.learning_rate * quantizers[${RATE_ROW}].rate_factor;
  //@ else
  let rate = step.learning_rate;
  //@ end
  let decay = rate * f32(${WEIGHT_DECAY});
  let corrected = rate * step.first_correction;
  //@ for r in 0..R
  {
    let at = (tile * ${R}u + ${r}u) * 64u + lane;
    if (at < ${SIZE}u && goes) {
      //@ if CLIP
      let g = gradient[at] * clip[0];
      //@ else
      let g = gradient[at];
      //@ end
      var w = weight[at];
      w = w - decay * w;
      let m = f32(${BETA_1}) * velocity[at] + f32(${REST_1}) * g;
      let v = f32(${BETA_2}) * second[at] + f32(${REST_2}) * (g * g);
      velocity[at] = m;
      second[at] = v;
      w = w - corrected * (m / (sqrt(v) * step.second_correction + f32(${EPSILON})));
      weight[at] = w;
      if (not_finite(w) || not_finite(v)) { atomicAdd(&statistics[${NONFINITE}u], 1u); }
      //@ if STORE
      observe(w, w, bad_lanes(w));
      //@ end
    }
  }
  //@ end
  //@ if STORE
  record(${W_ROW}u, tile, lane);
  //@ end
}
