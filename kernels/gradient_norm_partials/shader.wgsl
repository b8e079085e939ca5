// gradient_norm_partials: Σ g² of one parameter's gradient, by tiles, for the norm that gradients are clipped by
//
//   gradient      [SIZE] vec4<f32>
//   square_tiles  [all tiles of all parameters] f32: this one's from FIRST on
//
// A tile is 64·R vectors. A lane adds its R squares in their order, then its four components, and
// the first lane adds the lanes in theirs: one order, whatever the device.
// Reference: kernels/gradient_norm_partials/reference.ts

@group(0) @binding(3) var<storage, read> gradient: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> square_tiles: array<f32>;

var<workgroup> lanes: array<f32, 64>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let tile = group.y * groups.x + group.x;
  var sum = vec4<f32>();
  for (var r = 0u; r < ${R}u; r++) {
    let at = (tile * ${R}u + r) * 64u + lane;
    if (at < ${SIZE}u) {
      let g = gradient[at];
      sum += g * g;
    }
  }
  lanes[lane] = (sum.x + sum.y) + (sum.z + sum.w);
  workgroupBarrier();
  if (lane == 0u && tile < ${TILES}u) {
    var total = 0.0;
    for (var i = 0u; i < 64u; i++) { total += lanes[i]; }
    square_tiles[${FIRST}u + tile] = total;
  }
}
