// pack_weights: codes of the master weights in the two orders that convolutions read
//
//   weight    [4·OQ, TAPS, IQ] vec4<f32>   master weights, padded rows and lanes 0
//   forward   [4·OQ, TAPS, IQ] quads       with QUANTIZED: else the master weights are read
//   backward  [4·IQ, TAPS, ALL] quads      with BACKWARD
// With INT8, one load of four words brings four columns (kernels/include/packed_index.ts):
//   forward   [TAPS, IQ, 4·ALL] quads, backward [TAPS, ALL, 4·IQ] quads
//   channels  [4·OQ] vec2: scale, 1/scale  with PER_CHANNEL, of each output
//
// Weights may be a shard of those in `forward` and `backward` (lib/program/shards.ts): OQ of ALL quads of
// outputs, from quad FIRST on.
// Reference: kernels/pack_weights/reference.ts
//@ include quad

@group(0) @binding(3) var<storage, read> weight: array<vec4<f32>>;
//@ if QUANTIZED
@group(0) @binding(4) var<storage, read_write> forward: array<Quad>;
//@ end
//@ if BACKWARD
@group(0) @binding(5) var<storage, read_write> backward: array<Quad>;
//@ end

//@ if PER_CHANNEL
@group(0) @binding(6) var<storage, read> channels: array<vec2<f32>>;
//@ end

fn code(v: vec4<f32>, scale: vec4<f32>, inverse: vec4<f32>) -> Quad {
  //@ if QUANTIZED
  let z = quantizers[${W_ROW}];
  let c = clamp(round(v * inverse), vec4<f32>(z.qmin), vec4<f32>(z.qmax));
  //@ if INT8
  return pack(vec4<i32>(c));
  //@ else
  return c * scale;
  //@ end
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
  let size = 4u * ${OQ}u * ${TAPS}u * ${IQ}u;
  let at = (group.y * groups.x + group.x) * 64u + lane;
  if (at >= size) { return; }
  //@ if PER_CHANNEL
  let one = channels[at / (${TAPS}u * ${IQ}u)];
  let scale = vec4<f32>(one.x);
  let inverse = vec4<f32>(one.y);
  //@ else
  let scale = vec4<f32>(quantizers[${W_ROW}].scale);
  let inverse = vec4<f32>(quantizers[${W_ROW}].inverse);
  //@ end
  //@ if QUANTIZED
  //@ if INT8
  let row = at % (${TAPS}u * ${IQ}u);
  let column = ${FIRST}u * 4u + at / (${TAPS}u * ${IQ}u);
  forward[row * (4u * ${ALL}u) + column] = code(weight[at], scale, inverse);
  //@ else
  forward[${FIRST}u * (4u * ${TAPS}u * ${IQ}u) + at] = code(weight[at], scale, inverse);
  //@ end
  //@ end
  //@ if BACKWARD
  let output = at % ${OQ}u * 4u;
  let tap = at / ${OQ}u % ${TAPS}u;
  let input = at / (${OQ}u * ${TAPS}u);
  //@ if INT8
  let to = (tap * ${ALL}u + ${FIRST}u + output / 4u) * (4u * ${IQ}u) + input;
  //@ else
  let to = (input * ${TAPS}u + tap) * ${ALL}u + ${FIRST}u + output / 4u;
  //@ end
  //@ for j in 0..4
  let v_${j} = weight[((output + ${j}u) * ${TAPS}u + tap) * ${IQ}u + input / 4u][input % 4u];
  //@ end
  //@ if PER_CHANNEL
  let four = array<vec2<f32>, 4>(channels[output], channels[output + 1u], channels[output + 2u], channels[output + 3u]);
  let scales = vec4<f32>(four[0].x, four[1].x, four[2].x, four[3].x);
  let inverses = vec4<f32>(four[0].y, four[1].y, four[2].y, four[3].y);
  backward[to] = code(vec4<f32>(v_0, v_1, v_2, v_3), scales, inverses);
  //@ else
  backward[to] = code(vec4<f32>(v_0, v_1, v_2, v_3), scale, inverse);
  //@ end
  //@ end
}
