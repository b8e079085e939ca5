// A gradient is written once, by the last kernel that contributes to it. Its epilogue adds the sum of
// the other branches (ADDEND) and applies the mask of the activation that made the tensor (MASK:
// 1 ReLU, 2 ReLU6), so the backward pass of an addition or an activation copies nothing.
// Reference: kernels/include/gradient.ts

//@ if ADDEND
@group(0) @binding(6) var<storage, read> addend: array<Quad>;
//@ end
//@ if MASK
@group(0) @binding(7) var<storage, read> mask: array<Quad>;
//@ end

fn finish(v: vec4<f32>, at: u32) -> vec4<f32> {
  var g = v;
  //@ if ADDEND
  g += real(addend[at], quantizers[${ADDEND_ROW}]);
  //@ end
  //@ if MASK
  let m = real(mask[at], quantizers[${MASK_ROW}]);
  //@ if MASK == 1
  g = select(vec4<f32>(0.0), g, m > vec4<f32>(0.0));
  //@ else
  g = select(vec4<f32>(0.0), g, (m > vec4<f32>(0.0)) & (m < vec4<f32>(6.0)));
  //@ end
  //@ end
  return g;
}
