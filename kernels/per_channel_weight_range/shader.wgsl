// per_channel_weight_range: scale and 1/scale of each output channel of a weight tensor, symmetric, from its
// largest |w|: quantization per channel (simulated arithmetic: in int8 the gradient of the input
// sums over output channels, so a scale per channel does not factor out)
//
//   weight    [4·OQ, SIZE] vec4<f32>   master weights
//   channels  [4·OQ] vec2: scale, 1/scale
//
// A thread owns a channel. Reference: kernels/per_channel_weight_range/reference.ts
//@ include quad

@group(0) @binding(3) var<storage, read> weight: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> channels: array<vec2<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= ${OQ}u * 4u) { return; }
  var most = vec4<f32>();
  for (var i = 0u; i < ${SIZE}u; i++) { most = max(most, abs(weight[id.x * ${SIZE}u + i])); }
  let extreme = max(max(most.x, most.y), max(most.z, most.w));
  var scale = 1.0;
  if (extreme > 0.0 && extreme <= 3.4028234e38) {
    scale = max(extreme / quantizers[${W_ROW}].qmax, 7.888609052210118e-31);
  }
  channels[id.x] = vec2<f32>(scale, 1.0 / scale);
}
