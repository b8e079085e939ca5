// add_forward: Y = act(A + B), two quads with their own scales (ACT: 0 none, 1 ReLU)
//
//   a, b, output   [PIXELS, 4·V·CW] quads, V at a time
//
// Reference: kernels/add_forward/reference.ts
//@ include quad
//@ include quantize

@group(0) @binding(3) var<storage, read> a: array<Wide>;
@group(0) @binding(4) var<storage, read> b: array<Wide>;
@group(0) @binding(5) var<storage, read_write> output: array<StoredWide>;

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
  let next = stride * blocks;
  let end = select(0u, ${PIXELS}u * blocks, first < stride);
  let za = quantizers[${A_ROW}];
  let zb = quantizers[${B_ROW}];
  let zy = quantizers[${Y_ROW}];
  //@ for v in 0..V
  //@ if RAGGED
  let lanes_${v} = min(4u, ${CHANNELS}u - (block * ${V}u + ${v}u) * 4u);
  //@ else
  let lanes_${v} = 4u;
  //@ end
  //@ end
  for (var at = thread; at < end; at += next) {
    let wide_a = a[at];
    let wide_b = b[at];
    //@ for v in 0..V
    //@ if ACT == 1
    let v_${v} = max(real(part${v}(wide_a), za) + real(part${v}(wide_b), zb), vec4<f32>(0.0));
    //@ else
    let v_${v} = real(part${v}(wide_a), za) + real(part${v}(wide_b), zb);
    //@ end
    let q_${v} = quantize(v_${v}, zy, 0u, vec2<u32>(), lanes_${v});
    //@ end
    //@ include store_wide
  }
  record(${Y_ROW}u, tile, lane);
}
