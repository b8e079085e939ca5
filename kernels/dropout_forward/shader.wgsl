// dropout_forward: Y = X·mask / (1 − rate) in training (TRAIN), Y = X in evaluation
//
// Codes are copied, or become that of zero. The factor 1 / (1 − rate) is in Y's row of the table
// (dropout_quantizer), so nothing is rounded a second time, and evaluation is the identity to the bit.
// Without INT8 values are multiplied by FACTOR.
//
//   x, y   [QUADS] quads, CQ to a pixel
//
// Reference: kernels/dropout_forward/reference.ts
//@ include quad
//@ if TRAIN
//@ include dropout
//@ end

@group(0) @binding(3) var<storage, read> x: array<Quad>;
@group(0) @binding(4) var<storage, read_write> y: array<Quad>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = (group.y * groups.x + group.x) * 64u + lane;
  if (at >= ${QUADS}u) { return; }
  //@ if TRAIN
  let kept = keeps(at / ${CQ}u, at % ${CQ}u);
  //@ if INT8
  let zero = vec4<i32>(i32(quantizers[${X_ROW}].zero));
  y[at] = pack(select(zero, codes(x[at]), kept));
  //@ else
  y[at] = select(vec4<f32>(0.0), x[at] * ${FACTOR}, kept);
  //@ end
  //@ else
  y[at] = x[at];
  //@ end
}
