// dropout_quantizer: the quantizer of dropout's output, which has the codes of its input: the same zero
// point, and a scale times FACTOR, 1 / (1 − rate) in training and 1 in evaluation
//
//   table   the network's table of quantizers; row Y_ROW is written
//
// One thread. Reference: kernels/dropout_quantizer/reference.ts

@group(0) @binding(3) var<storage, read_write> table: array<Quantizer>;
//@ include quantizer_layout

@compute @workgroup_size(1)
fn main() {
  let x = table[${X_ROW}];
  let scale = min(x.scale * ${FACTOR}, 3e38);
  table[${Y_ROW}] = Quantizer(scale, 1.0 / scale, x.zero, x.qmin, x.qmax, x.low * ${FACTOR}, x.high * ${FACTOR}, x.rate_factor);
}
