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
// include quad

// include quantize

// include finite


@group(0) @binding(3) var<storage, read> gradient: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> weight: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> velocity: array<vec4<f32>>;
@group(0) @binding(8) var<storage, read> found_nonfinite: array<u32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let goes = found_nonfinite[0] == 0u; // No return: a barrier follows.
  let tile = group.y * groups.x + group.x;
  let rate = step.learning_rate;
  {
    let at = (tile * 4u + 0u) * 64u + lane;
    if (at < operand_SIZE() && goes) {
      var w = weight[at];
      let g = gradient[at] + f32(0.0001) * w;
      let m = f32(0.9) * velocity[at] + g;
      velocity[at] = m;
      w = w - rate * m;
      weight[at] = w;
      if (not_finite(w)) { atomicAdd(&statistics[operand_NONFINITE()], 1u); }
      observe(w, w, bad_lanes(w));
    }
  }
  {
    let at = (tile * 4u + 1u) * 64u + lane;
    if (at < operand_SIZE() && goes) {
      var w = weight[at];
      let g = gradient[at] + f32(0.0001) * w;
      let m = f32(0.9) * velocity[at] + g;
      velocity[at] = m;
      w = w - rate * m;
      weight[at] = w;
      if (not_finite(w)) { atomicAdd(&statistics[operand_NONFINITE()], 1u); }
      observe(w, w, bad_lanes(w));
    }
  }
  {
    let at = (tile * 4u + 2u) * 64u + lane;
    if (at < operand_SIZE() && goes) {
      var w = weight[at];
      let g = gradient[at] + f32(0.0001) * w;
      let m = f32(0.9) * velocity[at] + g;
      velocity[at] = m;
      w = w - rate * m;
      weight[at] = w;
      if (not_finite(w)) { atomicAdd(&statistics[operand_NONFINITE()], 1u); }
      observe(w, w, bad_lanes(w));
    }
  }
  {
    let at = (tile * 4u + 3u) * 64u + lane;
    if (at < operand_SIZE() && goes) {
      var w = weight[at];
      let g = gradient[at] + f32(0.0001) * w;
      let m = f32(0.9) * velocity[at] + g;
      velocity[at] = m;
      w = w - rate * m;
      weight[at] = w;
      if (not_finite(w)) { atomicAdd(&statistics[operand_NONFINITE()], 1u); }
      observe(w, w, bad_lanes(w));
    }
  }
  record(operand_W_ROW(), tile, lane);
}

@group(0) @binding(15) var<uniform> operands: array<vec4<u32>, 16>;

fn operand_SIZE() -> u32 { return operands[0u + step.origin].x; }
fn operand_NONFINITE() -> u32 { return operands[0u + step.origin].y; }
fn operand_W_ROW() -> u32 { return operands[0u + step.origin].z; }

