// gradient_clip_scale: the norm of all gradients together, and the factor that an update multiplies them by
//
//   norm = √Σ g²,   factor = min(1, CLIP_NORM/norm)
//
//   square_tiles  [TILES] f32, see gradient_norm_partials
//   clip          [factor, norm, 0, 0]
//
// A norm that is not finite clips nothing: gradients that are not finite stay visible to check_finite.
// Lanes add every 64th tile, then the first lane adds the lanes: one order.
// Reference: kernels/gradient_clip_scale/reference.ts

@group(0) @binding(3) var<storage, read> square_tiles: array<f32>;
@group(0) @binding(4) var<storage, read_write> clip: array<f32>;

var<workgroup> lanes: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) lane: u32) {
  var sum = 0.0;
  for (var tile = lane; tile < ${TILES}u; tile += 64u) { sum += square_tiles[tile]; }
  lanes[lane] = sum;
  workgroupBarrier();
  if (lane == 0u) {
    var total = 0.0;
    for (var i = 0u; i < 64u; i++) { total += lanes[i]; }
    let norm = sqrt(total);
    let finite = (bitcast<u32>(norm) & 0x7f800000u) != 0x7f800000u;
    var factor = 1.0;
    if (finite && norm > f32(${CLIP_NORM})) { factor = f32(${CLIP_NORM}) / norm; }
    clip[0] = factor;
    clip[1] = norm;
  }
}
