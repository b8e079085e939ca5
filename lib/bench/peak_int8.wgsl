// The peak rate of int8 products in registers: each thread adds outer products of 8×8
// words of four codes, y = xor of Σ_k dot(a_i + k, b_j), and reads nothing inside the loop.
// x: [72] u32; y: [threads] i32. Sixteen words and 64 named sums: an array might not stay in
// registers. a changes in every iteration, so that the products cannot be moved out of the loop.
// DOT: 0 is dot4I8Packed, 1 dot4U8Packed, which some GPUs have where they lack the signed one, 2 unpacks
// both words.
// No reference: the result is not used.

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<i32>;

fn product(a: u32, b: u32) -> i32 {
  //@ if DOT == 2
  let u = vec4<i32>(bitcast<i32>(a << 24u), bitcast<i32>(a << 16u), bitcast<i32>(a << 8u), bitcast<i32>(a)) >> vec4<u32>(24u);
  let v = vec4<i32>(bitcast<i32>(b << 24u), bitcast<i32>(b << 16u), bitcast<i32>(b << 8u), bitcast<i32>(b)) >> vec4<u32>(24u);
  return dot(u, v);
  //@ else
  //@ if DOT == 1
  return bitcast<i32>(dot4U8Packed(a, b));
  //@ else
  return dot4I8Packed(a, b);
  //@ end
  //@ end
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  //@ for i in 0..8
  var a${i} = x[lane + ${i}u];
  let b${i} = x[${i}u];
  //@ for j in 0..8
  var sum${i}_${j} = 0;
  //@ end
  //@ end
  for (var k = 0u; k < ${TURNS}u; k++) {
    //@ for i in 0..8
    a${i} += k;
    //@ end
    //@ for i in 0..8
    //@ for j in 0..8
    sum${i}_${j} += product(a${i}, b${j});
    //@ end
    //@ end
  }
  var all = 0;
  //@ for i in 0..8
  //@ for j in 0..8
  all ^= sum${i}_${j};
  //@ end
  //@ end
  y[id.x] = all;
}
