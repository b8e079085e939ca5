// norm_running_coefficients: batch norm's coefficients from its running statistics, for evaluation and for
// frozen layers
//
//   affine, running, coefficients   see norm_coefficients
//
// Reference: kernels/norm_running_coefficients/reference.ts

@group(0) @binding(4) var<storage, read> affine: array<f32>;
@group(0) @binding(5) var<storage, read> running: array<f32>;
@group(0) @binding(6) var<storage, read_write> coefficients: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let channel = id.x;
  if (channel >= ${CHANNELS}u) { return; }
  let inverse = 1.0 / sqrt(running[${CHANNELS}u + channel] + f32(${EPSILON}));
  let at = channel / 4u * 24u + channel % 4u;
  coefficients[at] = affine[channel] * inverse;
  coefficients[at + 4u] = running[channel];
  coefficients[at + 8u] = affine[${CHANNELS}u + channel];
}
