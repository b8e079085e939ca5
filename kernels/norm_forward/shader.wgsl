// norm_forward: A = act(a·(Y − mean) + beta), per channel
//
//   y             [PIXELS, 4·V·CW] quads, V at a time
//   coefficients  see norm_coefficients
//   output        [PIXELS, 4·V·CW] quads
//
// A thread owns one wide of every STRIDE-th pixel, so it reads its coefficients once for several pixels,
// and neighbouring threads read neighbouring words.
// Reference: kernels/norm_forward/reference.ts
//@ include quad
//@ include quantize
//@ include norm

@group(0) @binding(3) var<storage, read> y: array<Wide>;
@group(0) @binding(4) var<storage, read_write> output: array<StoredWide>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let tile = group.y * groups.x + group.x;
  let thread = tile * 64u + lane;
  let blocks = ${CW}u;
  let stride = ${STRIDE}u;
  let first = thread / blocks;
  let block = thread - first * blocks;
  let zy = quantizers[${Y_ROW}];
  let za = quantizers[${A_ROW}];
  //@ for v in 0..V
  //@ if RAGGED
  let lanes_${v} = min(4u, ${CHANNELS}u - (block * ${V}u + ${v}u) * 4u);
  //@ else
  let lanes_${v} = 4u;
  //@ end
  let map_${v} = affine(block * ${V}u + ${v}u);
  //@ end
  let next = stride * blocks;
  let end = select(0u, ${PIXELS}u * blocks, first < stride);
  for (var at = thread; at < end; at += next) {
    let wide = y[at];
    //@ for v in 0..V
    let q_${v} = quantize(activate(normalized(real(part${v}(wide), zy), map_${v})), za, 0u, vec2<u32>(), lanes_${v});
    //@ end
    //@ include store_wide
  }
  record(${A_ROW}u, tile, lane);
}
