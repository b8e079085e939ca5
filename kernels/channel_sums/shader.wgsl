// channel_sums: per channel, the two sums that batch norm needs of a tensor whose producer did not
// make them (every f32 tensor; with int8, conv_forward makes them in its epilogue)
//
//   y     [PIXELS, 4·V·CW] quads, read V at a time
//   sums  [CHUNKS, 4·V·CW] vec2     int8: Σ(q − z), Σ(q − z)², exact, a chunk is at most 33,000 pixels
//                                   f32: Σ y and Σ (y − mean of the chunk)², which do not cancel
//
// Chunks follow from the shape alone. A workgroup owns neighbouring wides, each of one chunk; with LANES
// above 1, which int8 allows, LANES threads add every LANES-th pixel of one, else one thread adds all in
// their order. int8: products are f32, which multiplies faster than i32, and 256 of them, at most
// 256·255² < 2²⁴, are summed exactly before they are added as i32.
// Reference: kernels/channel_sums/reference.ts
//@ include quad

@group(0) @binding(3) var<storage, read> y: array<Wide>;
@group(0) @binding(4) var<storage, read_write> sums: array<vec2<Sum>>;

//@ if LANES > 1
var<workgroup> joined: array<atomic<i32>, ${JOINED}>;
//@ end

@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  //@ include open_sums
  //@ if INT8
  let zero = vec4<f32>(quantizers[${Y_ROW}].zero);
  //@ end
  //@ if INT8
  while (p < last) {
    //@ for v in 0..V
    var exact_first_${v} = vec4<f32>();
    var exact_second_${v} = vec4<f32>();
    //@ end
    let stop = min(last, p + 256u * ${LANES}u);
    while (p < stop) {
      let wide = y[at];
      //@ for v in 0..V
      let d_${v} = vec4<f32>(codes(part${v}(wide))) - zero;
      exact_first_${v} += d_${v};
      exact_second_${v} += d_${v} * d_${v};
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
    first_0 += y[at];
    at += next;
    p++;
  }
  let mean = first_0 / f32(last - begin);
  p = begin;
  at = p * blocks + block;
  while (p < last) {
    let d = y[at] - mean;
    second_0 += d * d;
    at += next;
    p++;
  }
  //@ end
  //@ include store_sums
}
