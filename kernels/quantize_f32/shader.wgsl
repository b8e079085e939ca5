// quantize_f32: quantizes f32 values in memory, with a range that was set after they were computed: the
// second pass of a dynamic estimator, which a static one saves
//
//   real  [QUADS] vec4<f32>, CQ to a pixel
//   q     [QUADS] quads
//
// Reference: kernels/quantize_f32/reference.ts
//@ include quad
//@ include quantize

@group(0) @binding(3) var<storage, read> real_values: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> q: array<Quad>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let tile = group.y * groups.x + group.x;
  let z = quantizers[${ROW}];
  let key = stream(${ROW}u);
  //@ for r in 0..R
  {
    let at = (tile * ${R}u + ${r}u) * 64u + lane;
    if (at < ${QUADS}u) {
      //@ if RAGGED
      let pixel = at / ${CQ}u;
      let channel = (at - pixel * ${CQ}u) * 4u;
      q[at] = quantize(real_values[at], z, pixel * ${CHANNELS}u + channel, key, min(4u, ${CHANNELS}u - channel));
      //@ else
      q[at] = quantize(real_values[at], z, at * 4u, key, 4u);
      //@ end
    }
  }
  //@ end
  record(${ROW}u, tile, lane);
}
