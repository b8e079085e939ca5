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
//
// A thread owns four outputs × four inputs of a tap, whose 4×4 values it transposes in registers, so each
// weight is read once. A workgroup owns LANES quads of inputs × 64/LANES quads of outputs: its threads
// read and write neighbouring vectors in all three orders.
// Reference: kernels/pack_weights/reference.ts
//@ include quad

//@ if INT8
alias Packed = Four;
//@ else
alias Packed = Quad;
//@ end

@group(0) @binding(3) var<storage, read> weight: array<vec4<f32>>;
//@ if QUANTIZED
@group(0) @binding(4) var<storage, read_write> forward: array<Packed>;
//@ end
//@ if BACKWARD
@group(0) @binding(5) var<storage, read_write> backward: array<Packed>;
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
  let in_quads = ${IQ}u;
  let out_quads = ${OQ}u;
  let all = ${ALL}u;
  let taps = ${TAPS}u;
  let tile = group.y * groups.x + group.x;
  let across = (in_quads + ${LANES}u - 1u) / ${LANES}u;
  let line = tile / across;
  let tap = line % taps;
  let input = (tile - line * across) * ${LANES}u + lane % ${LANES}u;
  let output = line / taps * (64u / ${LANES}u) + lane / ${LANES}u;
  if (input >= in_quads || output >= out_quads) { return; }
  let to = ${FIRST}u + output;
  let row = taps * in_quads;
  let at = (output * 4u * taps + tap) * in_quads + input;
  //@ for j in 0..4
  let w_${j} = weight[at + ${j}u * row];
  //@ end
  //@ if PER_CHANNEL
  //@ for j in 0..4
  let one_${j} = channels[output * 4u + ${j}u];
  let scale_${j} = vec4<f32>(one_${j}.x);
  let inverse_${j} = vec4<f32>(one_${j}.y);
  //@ end
  let scales = vec4<f32>(one_0.x, one_1.x, one_2.x, one_3.x);
  let inverses = vec4<f32>(one_0.y, one_1.y, one_2.y, one_3.y);
  //@ else
  let scales = vec4<f32>(quantizers[${W_ROW}].scale);
  let inverses = vec4<f32>(quantizers[${W_ROW}].inverse);
  //@ for j in 0..4
  let scale_${j} = scales;
  let inverse_${j} = inverses;
  //@ end
  //@ end
  //@ if QUANTIZED
  //@ if INT8
  forward[(tap * in_quads + input) * all + to] = Four(
    code(w_0, scale_0, inverse_0),
    code(w_1, scale_1, inverse_1),
    code(w_2, scale_2, inverse_2),
    code(w_3, scale_3, inverse_3),
  );
  //@ else
  let forward_at = ${FIRST}u * 4u * row + at;
  //@ for j in 0..4
  forward[forward_at + ${j}u * row] = code(w_${j}, scale_${j}, inverse_${j});
  //@ end
  //@ end
  //@ end
  //@ if BACKWARD
  let c_0 = code(vec4<f32>(w_0.x, w_1.x, w_2.x, w_3.x), scales, inverses);
  let c_1 = code(vec4<f32>(w_0.y, w_1.y, w_2.y, w_3.y), scales, inverses);
  let c_2 = code(vec4<f32>(w_0.z, w_1.z, w_2.z, w_3.z), scales, inverses);
  let c_3 = code(vec4<f32>(w_0.w, w_1.w, w_2.w, w_3.w), scales, inverses);
  //@ if INT8
  backward[(tap * all + to) * in_quads + input] = Four(c_0, c_1, c_2, c_3);
  //@ else
  let backward_at = (input * 4u * taps + tap) * all + to;
  //@ for j in 0..4
  backward[backward_at + ${j}u * (taps * all)] = c_${j};
  //@ end
  //@ end
  //@ end
}
