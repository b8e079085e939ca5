// The affine map of batch norm and the activation after it (ACT: 0 none, 1 ReLU, 2 ReLU6).

@group(0) @binding(5) var<storage, read> coefficients: array<vec4<f32>>;

struct Affine { a: vec4<f32>, mean: vec4<f32>, beta: vec4<f32> }

// Coefficients of one quad of channels. Read once per thread: on llvmpipe a load costs as much as 60 products.
fn affine(quad: u32) -> Affine {
  return Affine(coefficients[quad * 6u], coefficients[quad * 6u + 1u], coefficients[quad * 6u + 2u]);
}

fn normalized(y: vec4<f32>, m: Affine) -> vec4<f32> { return m.a * (y - m.mean) + m.beta; }

fn activate(v: vec4<f32>) -> vec4<f32> {
  //@ if ACT == 0
  return v;
  //@ end
  //@ if ACT == 1
  return max(v, vec4<f32>(0.0));
  //@ end
  //@ if ACT == 2
  return clamp(v, vec4<f32>(0.0), vec4<f32>(6.0));
  //@ end
}

// True where the activation passes a gradient on; `v` is the value before clipping.
fn activation_passes(v: vec4<f32>) -> vec4<bool> {
  //@ if ACT == 0
  return vec4<bool>(true);
  //@ end
  //@ if ACT == 1
  return v > vec4<f32>(0.0);
  //@ end
  //@ if ACT == 2
  return (v > vec4<f32>(0.0)) & (v < vec4<f32>(6.0));
  //@ end
}
