// activation_forward: Y = act(X), for an activation that does not follow batch norm or an addition
// (ACT: 1 ReLU, 2 ReLU6). Its backward pass is a mask in the kernel that makes dY.
//
//   x, y   [QUADS] quads, CQ to a pixel
//
// Reference: kernels/activation_forward/reference.ts
//@ include quad
//@ include quantize

@group(0) @binding(3) var<storage, read> x: array<Quad>;
@group(0) @binding(4) var<storage, read_write> y: array<Stored>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let tile = group.y * groups.x + group.x;
  let at = tile * 64u + lane;
  if (at < ${QUADS}u) {
    let v = real(x[at], quantizers[${X_ROW}]);
    //@ if ACT == 1
    let activated = max(v, vec4<f32>(0.0));
    //@ else
    let activated = clamp(v, vec4<f32>(0.0), vec4<f32>(6.0));
    //@ end
    //@ if RAGGED
    let lanes = min(4u, ${CHANNELS}u - at % ${CQ}u * 4u);
    //@ else
    let lanes = 4u;
    //@ end
    y[at] = quantize(activated, quantizers[${Y_ROW}], 0u, vec2<u32>(), lanes);
  }
  record(${Y_ROW}u, tile, lane);
}
