// quantization_error: compares a quantized tensor x̂ with its real values x, with e = x̂ − x: per tile
// Σ x², Σ x·e, Σ e². From these the cosine and the signal-to-noise ratio follow without
// the cancellation of 1 − Σ x·x̂ / …: at 8 bits the distance is near 1e-5.
//
//   real_values  [QUADS] vec4<f32>, padded lanes are skipped
//   q            [QUADS] quads: the codes; with SEARCH x̂ is x rounded to nearest by the present row
//   errors       [tiles] vec4: three sums
//
// A tile is 64·R quads. Lanes are joined in their order, so the sum has one order.
// Reference: kernels/quantization_error/reference.ts
//@ include quad

@group(0) @binding(3) var<storage, read> real_values: array<vec4<f32>>;
//@ if SEARCH
//@ else
@group(0) @binding(4) var<storage, read> q: array<Quad>;
//@ end
@group(0) @binding(5) var<storage, read_write> errors: array<vec4<f32>>;
var<workgroup> lane_sums: array<vec4<f32>, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let z = quantizers[${ROW}];
  var xx = vec4<f32>();
  var xe = vec4<f32>();
  var ee = vec4<f32>();
  for (var r = 0u; r < ${R}u; r++) {
    let at = (group.x * ${R}u + r) * 64u + lane;
    if (at < ${QUADS}u) {
      //@ if RAGGED
      let lanes = ${CHANNELS}u - at % ${CQ}u * 4u;
      //@ else
      let lanes = 4u;
      //@ end
      let x = select(vec4<f32>(), real_values[at], vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(lanes));
      //@ if SEARCH
      let c = clamp(round(x * z.inverse) + z.zero, vec4<f32>(z.qmin), vec4<f32>(z.qmax));
      let e = (c - z.zero) * z.scale - x;
      //@ else
      let e = select(vec4<f32>(), real(q[at], z) - x, vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(lanes));
      //@ end
      xx += x * x;
      xe += x * e;
      ee += e * e;
    }
  }
  lane_sums[lane] = vec4<f32>(xx.x + xx.y + xx.z + xx.w, xe.x + xe.y + xe.z + xe.w, ee.x + ee.y + ee.z + ee.w, 0.0);
  workgroupBarrier();
  if (lane > 0u) { return; }
  var sum = lane_sums[0];
  for (var i = 1u; i < 64u; i++) { sum += lane_sums[i]; }
  errors[group.x] = sum;
}
