// channel_sums: per channel, the two sums that batch norm needs of a tensor whose producer did not
// make them (every f32 tensor; with int8, conv_forward makes them in its epilogue)
//
//   y     [PIXELS, 4·V·CW] quads, read V at a time
//   sums  [CHUNKS, 4·V·CW] vec2     int8: Σ(q − z), Σ(q − z)², exact, a chunk is at most 33,000 pixels
//                                   f32: Σ y and Σ (y − mean of the chunk)², which do not cancel
//
// One thread sums one wide of one chunk, in pixel order; chunks follow from the shape alone.
// Reference: kernels/channel_sums/reference.ts
//@ include quad

@group(0) @binding(3) var<storage, read> y: array<Wide>;
@group(0) @binding(4) var<storage, read_write> sums: array<vec2<Sum>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let blocks = ${CW}u;
  let chunk = id.x / blocks;
  let block = id.x - chunk * blocks;
  if (chunk >= ${CHUNKS}u) { return; }
  let first = chunk * ${CHUNK}u;
  let last = min(first + ${CHUNK}u, ${PIXELS}u);
  //@ for v in 0..V
  var total_${v}: vec4<Sum>;
  var square_${v}: vec4<Sum>;
  //@ end
  //@ if INT8
  let zero = vec4<i32>(i32(quantizers[${Y_ROW}].zero));
  for (var p = first; p < last; p++) {
    let wide = y[p * blocks + block];
    //@ for v in 0..V
    let d_${v} = codes(part${v}(wide)) - zero;
    total_${v} += d_${v};
    square_${v} += d_${v} * d_${v};
    //@ end
  }
  //@ else
  for (var p = first; p < last; p++) { total_0 += y[p * blocks + block]; }
  let mean = total_0 / f32(last - first);
  for (var p = first; p < last; p++) {
    let d = y[p * blocks + block] - mean;
    square_0 += d * d;
  }
  //@ end
  let at = (chunk * blocks + block) * (4u * ${V}u);
  //@ for v in 0..V
  //@ for j in 0..4
  sums[at + ${v}u * 4u + ${j}u] = vec2<Sum>(total_${v}[${j}], square_${v}[${j}]);
  //@ end
  //@ end
}
