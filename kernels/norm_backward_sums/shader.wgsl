// norm_backward_sums: per channel, the two sums that the backward pass of batch norm needs, where
// g = dA where the activation passes it on, else 0
//
//   da            [PIXELS, 4·V·CW] quads, V at a time
//   y             [PIXELS, 4·V·CW] quads: input of the forward pass; the mask is recomputed from it
//   coefficients  see norm_coefficients
//   sums          [CHUNKS, 4·V·CW] vec2    int8: Σ(g − z), Σ(g − z)(y − z_y), exact: a chunk is at most
//                                          33,000 pixels; f32: Σ g, Σ g·(y − mean)
//
// A workgroup owns neighbouring wides, each of one chunk; with LANES above 1, which int8 allows, LANES
// threads add every LANES-th pixel of one. int8: products are f32, which multiplies faster than i32, and
// 256 of them, at most 256·255² < 2²⁴, are summed exactly before they are added as i32.
// Reference: kernels/norm_backward_sums/reference.ts
//@ include quad
//@ include norm

@group(0) @binding(3) var<storage, read> da: array<Wide>;
@group(0) @binding(4) var<storage, read> y: array<Wide>;
@group(0) @binding(6) var<storage, read_write> sums: array<vec2<Sum>>;

//@ if LANES > 1
var<workgroup> joined: array<atomic<i32>, ${JOINED}>;
//@ end

@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  //@ include open_sums
  let zda = quantizers[${DA_ROW}];
  let zy = quantizers[${Y_ROW}];
  //@ for v in 0..V
  let map_${v} = affine(block * ${V}u + ${v}u);
  //@ end
  //@ if INT8
  while (p < last) {
    //@ for v in 0..V
    var exact_first_${v} = vec4<f32>();
    var exact_second_${v} = vec4<f32>();
    //@ end
    let stop = min(last, p + 256u * ${LANES}u);
    while (p < stop) {
      let wide_da = da[at];
      let wide_y = y[at];
      //@ for v in 0..V
      {
        let d = vec4<f32>(codes(part${v}(wide_y))) - vec4<f32>(zy.zero);
        let open = activation_passes(normalized(d * zy.scale, map_${v}));
        let g = select(vec4<f32>(), vec4<f32>(codes(part${v}(wide_da))) - vec4<f32>(zda.zero), open);
        exact_first_${v} += g;
        exact_second_${v} += g * d;
      }
      //@ end
      at += next;
      p += ${LANES}u;
    }
    //@ for v in 0..V
    first_${v} += vec4<i32>(exact_first_${v});
    second_${v} += vec4<i32>(exact_second_${v});
    //@ end
  }
  //@ else
  while (p < last) {
    let value = y[at];
    let g = select(vec4<f32>(), da[at], activation_passes(normalized(value, map_0)));
    first_0 += g;
    second_0 += g * (value - map_0.mean);
    at += next;
    p++;
  }
  //@ end
  //@ include store_sums
}
