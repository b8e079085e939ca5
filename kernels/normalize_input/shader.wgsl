// normalize_input: pixels of a batch → the network's input tensor
//
//   real = pixel · gain[c] + offset[c]   (pixel/255 normalized by mean and standard deviation)
//
//   pixels  [N·H·W·CHANNELS] u8, four to a word, unpadded
//   affine  [2] vec4: gain and offset of channels 0–3
//   x       [N·H·W] quads (an image has at most four channels)
//
// The bounds of the normalization fix the range, so only values that are not finite are recorded.
// Reference: kernels/normalize_input/reference.ts
//@ include quad

@group(0) @binding(3) var<storage, read> pixels: array<u32>;
@group(0) @binding(4) var<storage, read> affine: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> x: array<Quad>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = (group.y * groups.x + group.x) * 64u + lane;
  if (at >= ${PIXELS}u) { return; }
  var v: vec4<f32>;
  //@ for j in 0..CHANNELS
  {
    let byte = at * ${CHANNELS}u + ${j}u;
    v[${j}] = f32((pixels[byte / 4u] >> (byte % 4u * 8u)) & 255u) * affine[0][${j}] + affine[1][${j}];
  }
  //@ end
  //@ if STORE
  // Bytes are finite, but gain and offset may not be.
  let bad = (bitcast<vec4<u32>>(v) & vec4<u32>(0x7f800000u)) == vec4<u32>(0x7f800000u);
  if (any(bad)) { atomicAdd(&statistics[slot_at(${X_ROW}u, 0u) + SLOT_NONFINITE], dot(vec4<u32>(bad), vec4<u32>(1u))); }
  let z = quantizers[${X_ROW}];
  let c = clamp(round(v * z.inverse) + z.zero, vec4<f32>(z.qmin), vec4<f32>(z.qmax));
  //@ if INT8
  x[at] = pack(vec4<i32>(c));
  //@ else
  x[at] = (c - vec4<f32>(z.zero)) * z.scale;
  //@ end
  //@ else
  x[at] = v;
  //@ end
}
