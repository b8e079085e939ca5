// per_channel_weight_range: scale and 1/scale of each output channel of a weight tensor, symmetric, from its
// largest |w|: quantization per channel (simulated arithmetic: in int8 the gradient of the input
// sums over output channels, so a scale per channel does not factor out)
//
//   weight    [4·OQ, SIZE] vec4<f32>   master weights
//   channels  [4·OQ] vec2: scale, 1/scale
//
// LANES neighbouring threads own a channel. Reference: kernels/per_channel_weight_range/reference.ts
//@ include quad

@group(0) @binding(3) var<storage, read> weight: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> channels: array<vec2<f32>>;

//@ if LANES > 1
var<workgroup> lane_extremes: array<f32, 64>;
//@ end

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let own = lane % ${LANES}u;
  let channel = group.x * (64u / ${LANES}u) + lane / ${LANES}u;
  let begin = channel * ${SIZE}u;
  let end = select(begin, begin + ${SIZE}u, channel < ${OQ}u * 4u);
  var most = vec4<f32>();
  for (var at = begin + own; at < end; at += ${LANES}u) { most = max(most, abs(weight[at])); }
  var extreme = max(max(most.x, most.y), max(most.z, most.w));
  //@ if LANES > 1
  lane_extremes[lane] = extreme;
  workgroupBarrier();
  for (var i = 0u; i < ${LANES}u; i++) { extreme = max(extreme, lane_extremes[lane - own + i]); }
  //@ end
  if (own > 0u || channel >= ${OQ}u * 4u) { return; }
  var scale = 1.0;
  if (extreme > 0.0 && extreme <= 3.4028234e38) {
    scale = max(extreme / quantizers[${W_ROW}].qmax, 7.888609052210118e-31);
  }
  channels[channel] = vec2<f32>(scale, 1.0 / scale);
}
