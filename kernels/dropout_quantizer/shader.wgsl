// dropout_quantizer: the quantizer of dropout's output, which has the codes of its input: the same zero
// point, and a scale times FACTOR, 1 / (1 − rate) in training and 1 in evaluation
//
//   table   the network's table of quantizers, rows of 8: scale, 1/scale, zero point, smallest and largest code,
//           low and high of the range, factor of the learning rate; row Y_ROW is written
//
// One thread. Reference: kernels/dropout_quantizer/reference.ts

@group(0) @binding(3) var<storage, read_write> table: array<array<f32, 8>>;

@compute @workgroup_size(1)
fn main() {
  let x = table[${X_ROW}];
  let scale = min(x[0] * ${FACTOR}, 3e38);
  table[${Y_ROW}] = array<f32, 8>(scale, 1.0 / scale, x[2], x[3], x[4], x[5] * ${FACTOR}, x[6] * ${FACTOR}, x[7]);
}
