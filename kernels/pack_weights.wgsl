// pack_weights: codes of the master weights in the two orders that convolutions read
//
//   weight    [4·OQ, TAPS, IQ] vec4<f32>   master weights, padded rows and lanes 0
//   forward   [4·OQ, TAPS, IQ] quads       (int8 only: f32 reads the master weights)
//   backward  [4·IQ, TAPS, OQ] quads       with BACKWARD
//
// Reference: lib/reference/pack_weights.ts
//@ include quad

@group(0) @binding(3) var<storage, read> weight: array<vec4<f32>>;
//@ if INT8
@group(0) @binding(4) var<storage, read_write> forward: array<Quad>;
//@ end
//@ if BACKWARD
@group(0) @binding(5) var<storage, read_write> backward: array<Quad>;
//@ end

fn code(v: vec4<f32>) -> Quad {
  //@ if INT8
  let z = quantizers[${W_ROW}];
  return pack(vec4<i32>(clamp(round(v * z.inverse), vec4<f32>(z.low), vec4<f32>(z.high))));
  //@ else
  return v;
  //@ end
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  const SIZE = 4u * ${OQ}u * ${TAPS}u * ${IQ}u;
  let at = (group.y * groups.x + group.x) * 64u + lane;
  if (at >= SIZE) { return; }
  //@ if INT8
  forward[at] = code(weight[at]);
  //@ end
  //@ if BACKWARD
  let output = at % ${OQ}u * 4u;
  let tap = at / ${OQ}u % ${TAPS}u;
  let input = at / (${OQ}u * ${TAPS}u);
  //@ for j in 0..4
  let v_${j} = weight[((output + ${j}u) * ${TAPS}u + tap) * ${IQ}u + input / 4u][input % 4u];
  //@ end
  backward[at] = code(vec4<f32>(v_0, v_1, v_2, v_3));
  //@ end
}
