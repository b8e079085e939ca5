// quantize_depthwise_weights: codes of the master weights, which the passes forward and backward read alike
//
//   weight    [TAPS, CQ] vec4<f32>   master weights, padded lanes 0
//   forward   [TAPS, CQ] quads       without INT8 the real values that the codes stand for
//   scales    [CQ] vec4<f32>         with INT8: the scale of each channel's codes
//
// PER_CHANNEL: each channel has its own range, ± its largest |w|; its output and the gradient of its
// input are sums of one channel's products, so its scale factors out. Else all channels share one range.
// A thread owns a quad. Reference: kernels/quantize_depthwise_weights/reference.ts
//@ include quad

@group(0) @binding(3) var<storage, read> weight: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> forward: array<Quad>;
//@ if INT8
@group(0) @binding(5) var<storage, read_write> scales: array<vec4<f32>>;
//@ end

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let quads = ${CQ}u;
  let taps = ${TAPS}u;
  let quad = id.x;
  if (quad >= quads) { return; }
  let z = quantizers[${W_ROW}];
  //@ if PER_CHANNEL
  var most = vec4<f32>();
  for (var tap = 0u; tap < taps; tap++) { most = max(most, abs(weight[tap * quads + quad])); }
  let usable = (most > vec4<f32>(0.0)) & (most <= vec4<f32>(3.4028234e38));
  let scale = select(vec4<f32>(1.0), max(most / z.qmax, vec4<f32>(7.888609052210118e-31)), usable);
  let inverse = 1.0 / scale;
  //@ else
  let scale = vec4<f32>(z.scale);
  let inverse = vec4<f32>(z.inverse);
  //@ end
  for (var tap = 0u; tap < taps; tap++) {
    let at = tap * quads + quad;
    let c = clamp(round(weight[at] * inverse), vec4<f32>(z.qmin), vec4<f32>(z.qmax));
    //@ if INT8
    forward[at] = pack(vec4<i32>(c));
    //@ else
    forward[at] = c * scale;
    //@ end
  }
  //@ if INT8
  scales[quad] = scale;
  //@ end
}
