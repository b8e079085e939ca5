// add_gradients: dX = dY (+ addend), masked: where no other kernel makes the last contribution to a
// gradient, because every consumer of the tensor is an addition or an activation
//
//   dy, dx        [QUADS] quads, CQ to a pixel
//   addend, mask  see include/gradient.wgsl
//
// Reference: kernels/add_gradients/reference.ts
//@ include quad
//@ include quantize
//@ include gradient

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
    let v = finish(real(dy[at], quantizers[${DY_ROW}]), at);
    let zdx = quantizers[${DX_ROW}];
    let key = stream(${DX_ROW}u);
    //@ if RAGGED
    let pixel = at / ${CQ}u;
    let channel = (at - pixel * ${CQ}u) * 4u;
    dx[at] = quantize(v, zdx, pixel * ${CHANNELS}u + channel, key, min(4u, ${CHANNELS}u - channel));
    //@ else
    dx[at] = quantize(v, zdx, at * 4u, key, 4u);
    //@ end
  }
  record(${DX_ROW}u, tile, lane);
}
