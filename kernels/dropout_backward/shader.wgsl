// dropout_backward: dX = dY·mask / (1 − rate), with the mask that dropout_forward drew in this step
//
//   dy, dx         [QUADS] quads, CQ to a pixel
//   addend, mask   see include/gradient.wgsl
//
// Reference: kernels/dropout_backward/reference.ts
//@ include quad
//@ include quantize
//@ include gradient
//@ include dropout

@group(0) @binding(3) var<storage, read> dy: array<Quad>;
@group(0) @binding(8) var<storage, read_write> dx: array<Stored>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let tile = group.y * groups.x + group.x;
  let at = tile * 64u + lane;
  if (at < ${QUADS}u) {
    let pixel = at / ${CQ}u;
    let quad = at % ${CQ}u;
    //@ if INT8
    // The factor comes first: Mesa would put it there, as it is a constant.
    let z = quantizers[${DY_ROW}];
    let g = (vec4<f32>(codes(dy[at])) - vec4<f32>(z.zero)) * ${FACTOR} * z.scale;
    //@ else
    let g = dy[at] * ${FACTOR};
    //@ end
    let v = finish(select(vec4<f32>(0.0), g, keeps(pixel, quad)), at);
    let lanes = min(4u, ${CHANNELS}u - quad * 4u);
    dx[at] = quantize(v, quantizers[${DX_ROW}], pixel * ${CHANNELS}u + quad * 4u, stream(${DX_ROW}u), lanes);
  }
  record(${DX_ROW}u, tile, lane);
}
