// sgd: one parameter tensor, as PyTorch's SGD
//
//   g = gradient + weight_decay·w;  m ← momentum·m + g;  w ← w − rate·(g + momentum·m | m)   (Nesterov | not)
//
//   gradient, weight, velocity   [SIZE] vec4<f32>
//   clip                         [factor, norm, 0, 0], with CLIP: the gradient is multiplied by the factor
//   found_nonfinite              [0]: if not 0, nothing changes (check_finite)
//
// SCALED multiplies the learning rate by the factor that `dsgc` gave the layer's gradient. STORE records
// minimum and maximum of the new weights in the statistics: they set the weight's quantizer before the
// next step. A new weight that is not finite increments the second word of NONFINITE.
// Reference: kernels/sgd/reference.ts
//@ include quad
//@ include quantize
//@ include finite

@group(0) @binding(3) var<storage, read> gradient: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> weight: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> velocity: array<vec4<f32>>;
//@ if CLIP
@group(0) @binding(6) var<storage, read> clip: array<f32>;
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
  //@ for r in 0..R
  {
    let at = (tile * ${R}u + ${r}u) * 64u + lane;
    if (at < ${SIZE}u && goes) {
      var w = weight[at];
      //@ if CLIP
      let g = gradient[at] * clip[0] + f32(${WEIGHT_DECAY}) * w;
      //@ else
      let g = gradient[at] + f32(${WEIGHT_DECAY}) * w;
      //@ end
      let m = f32(${MOMENTUM}) * velocity[at] + g;
      velocity[at] = m;
      //@ if NESTEROV
      w = w - rate * (g + f32(${MOMENTUM}) * m);
      //@ else
      w = w - rate * m;
      //@ end
      weight[at] = w;
      if (not_finite(w)) { atomicAdd(&statistics[${NONFINITE}u], 1u); }
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
