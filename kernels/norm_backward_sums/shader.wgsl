// norm_backward_sums: per channel, the two sums that the backward pass of batch norm needs, where
// g = dA where the activation passes it on, else 0
//
//   da            [PIXELS, 4·V·CW] quads, V at a time
//   y             [PIXELS, 4·V·CW] quads: input of the forward pass; the mask is recomputed from it
//   coefficients  see norm_coefficients
//   sums          [CHUNKS, 4·V·CW] vec2    int8: Σ(g − z), Σ(g − z)(y − z_y), exact: a chunk is at most
//                                          33,000 pixels; f32: Σ g, Σ g·(y − mean)
//
// Reference: kernels/norm_backward_sums/reference.ts
//@ include quad
//@ include norm

@group(0) @binding(3) var<storage, read> da: array<Wide>;
@group(0) @binding(4) var<storage, read> y: array<Wide>;
@group(0) @binding(6) var<storage, read_write> sums: array<vec2<Sum>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let blocks = ${CW}u;
  let chunk = id.x / blocks;
  let block = id.x - chunk * blocks;
  if (chunk >= ${CHUNKS}u) { return; }
  let zda = quantizers[${DA_ROW}];
  let zy = quantizers[${Y_ROW}];
  //@ for v in 0..V
  var first_${v}: vec4<Sum>;
  var second_${v}: vec4<Sum>;
  let map_${v} = affine(block * ${V}u + ${v}u);
  //@ end
  let last = min((chunk + 1u) * ${CHUNK}u, ${PIXELS}u);
  for (var p = chunk * ${CHUNK}u; p < last; p++) {
    let wide_da = da[p * blocks + block];
    let wide_y = y[p * blocks + block];
    //@ for v in 0..V
    {
      let open = activation_passes(normalized(real(part${v}(wide_y), zy), map_${v}));
      //@ if INT8
      let g = select(vec4<i32>(), codes(part${v}(wide_da)) - vec4<i32>(i32(zda.zero)), open);
      first_${v} += g;
      second_${v} += g * (codes(part${v}(wide_y)) - vec4<i32>(i32(zy.zero)));
      //@ else
      let g = select(vec4<f32>(), wide_da, open);
      first_${v} += g;
      second_${v} += g * (wide_y - map_${v}.mean);
      //@ end
    }
    //@ end
  }
  let at = (chunk * blocks + block) * (4u * ${V}u);
  //@ for v in 0..V
  //@ for j in 0..4
  sums[at + ${v}u * 4u + ${j}u] = vec2<Sum>(first_${v}[${j}], second_${v}[${j}]);
  //@ end
  //@ end
}
