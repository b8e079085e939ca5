// weight_sums: sums of weight codes that correct for the zero point of the other operand
//
//   forward       [TAPS, IQ, OQ] four quads   → forward_sum   [OQ] vec4<i32>: Σ over taps and inputs
//   backward      [TAPS, OQ, IQ] four quads   → backward_sum  [SH·SW, IQ] vec4<i32>: Σ over the taps that
//                 a phase of the input uses (tap ≡ phase + padding mod stride) and over outputs
//
// Reference: lib/reference/weight_sums.ts
//@ operands KH KW SH SW PH PW OQ IQ
//@ include quad

@group(0) @binding(3) var<storage, read> forward: array<Four>;
@group(0) @binding(4) var<storage, read_write> forward_sum: array<vec4<i32>>;
//@ if BACKWARD
@group(0) @binding(5) var<storage, read> backward: array<Four>;
@group(0) @binding(6) var<storage, read_write> backward_sum: array<vec4<i32>>;
//@ end

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let at = id.x;
  if (at < ${OQ}u) {
    let row = ${KH}u * ${KW}u * ${IQ}u;
    var sum = vec4<i32>();
    for (var k = 0u; k < row; k++) {
      sum += dot_four(0x01010101u, forward[k * ${OQ}u + at]);
    }
    forward_sum[at] = sum;
  }
  //@ if BACKWARD
  if (at < ${SH}u * ${SW}u * ${IQ}u) {
    let phase = at / ${IQ}u;
    let input = at % ${IQ}u;
    var sum = vec4<i32>();
    for (var ky = (phase / ${SW}u + ${PH}u) % ${SH}u; ky < ${KH}u; ky += ${SH}u) {
      for (var kx = (phase % ${SW}u + ${PW}u) % ${SW}u; kx < ${KW}u; kx += ${SW}u) {
        for (var o = 0u; o < ${OQ}u; o++) {
          sum += dot_four(0x01010101u, backward[((ky * ${KW}u + kx) * ${OQ}u + o) * ${IQ}u + input]);
        }
      }
    }
    backward_sum[at] = sum;
  }
  //@ end
}
