// reduce_quantization_error: joins the tiles of quantization_error into a quantizer's row of the telemetry
//
//   errors     [TILES] vec4
//   fidelity   [rows] vec4: Σ x², Σ x·e, Σ e²
//
// Reference: kernels/reduce_quantization_error/reference.ts

@group(0) @binding(3) var<storage, read> errors: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> fidelity: array<vec4<f32>>;

@compute @workgroup_size(1)
fn main() {
  var sum = vec4<f32>();
  var tile = 0u;
  for (; tile + 8u <= ${TILES}u; tile += 8u) {
    //@ for i in 0..8
    let errors_${i} = errors[tile + ${i}u];
    //@ end
    //@ for i in 0..8
    sum += errors_${i};
    //@ end
  }
  for (; tile < ${TILES}u; tile++) { sum += errors[tile]; }
  fidelity[${ROW}] = sum;
}
