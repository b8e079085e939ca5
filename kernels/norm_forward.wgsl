// norm_forward: A = act(a·(Y − mean) + beta), per channel
//
//   y             [PIXELS, 4·V·CW] quads, V at a time
//   coefficients  see norm_coefficients
//   output        [PIXELS, 4·V·CW] quads
//
// A thread owns one wide of R pixels, so coefficients are read once for R.
// Reference: lib/reference/norm_forward.ts
//@ operands CHANNELS PIXELS
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
  let block = thread % ${CW}u;
  let first = thread / ${CW}u * ${R}u;
  let zy = quantizers[${Y_ROW}];
  let za = quantizers[${A_ROW}];
  //@ for v in 0..V
  //@ if RAGGED
  let lanes_${v} = min(4u, ${CHANNELS}u - (block * ${V}u + ${v}u) * 4u);
  //@ else
  let lanes_${v} = 4u;
  //@ end
  //@ end
  //@ for r in 0..R
  if (first + ${r}u < ${PIXELS}u) {
    let at = (first + ${r}u) * ${CW}u + block;
    let wide = y[at];
    //@ for v in 0..V
    let q_${v} = quantize(activate(normed(real(part${v}(wide), zy), block * ${V}u + ${v}u)), za, 0u, vec2<u32>(), lanes_${v});
    //@ end
    //@ include store_wide
  }
  //@ end
  record(${A_ROW}u, tile, lane);
}
