// The peak rate of f32 products in registers: each thread adds outer products of 8×8
// values with fma, y = Σ_ij Σ_k (a_i + k)·b_j, and reads nothing inside the loop.
// x: [72] f32; y: [threads] f32. Built like peak_int8.wgsl.
// No reference: the result is not used.

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  //@ for i in 0..8
  var a${i} = x[lane + ${i}u];
  let b${i} = x[${i}u];
  //@ for j in 0..8
  var sum${i}_${j} = 0.0;
  //@ end
  //@ end
  for (var k = 0u; k < ${TURNS}u; k++) {
    //@ for i in 0..8
    a${i} += 1.0;
    //@ end
    //@ for i in 0..8
    //@ for j in 0..8
    sum${i}_${j} = fma(a${i}, b${j}, sum${i}_${j});
    //@ end
    //@ end
  }
  var all = 0.0;
  //@ for i in 0..8
  //@ for j in 0..8
  all += sum${i}_${j};
  //@ end
  //@ end
  y[id.x] = all;
}
