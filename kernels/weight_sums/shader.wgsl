// weight_sums: sums of weight codes that correct for the zero point of the other operand
//
//   forward       [TAPS, IQ, OQ] four quads   → forward_sum   [OQ] vec4<i32>: Σ over taps and inputs
//   backward      [TAPS, OQ, IQ] four quads   → backward_sum  [SH·SW, IQ] vec4<i32>: Σ over the taps that
//                 a phase of the input uses (tap ≡ phase + padding mod stride) and over outputs
//
// Reference: kernels/weight_sums/reference.ts
//@ include quad

@group(0) @binding(3) var<storage, read> forward: array<Four>;
@group(0) @binding(4) var<storage, read_write> forward_sum: array<vec4<i32>>;
//@ if BACKWARD
@group(0) @binding(5) var<storage, read> backward: array<Four>;
@group(0) @binding(6) var<storage, read_write> backward_sum: array<vec4<i32>>;
//@ end

fn sum_of(q: Quad) -> i32 {
  let c = codes(q);
  return c.x + c.y + c.z + c.w;
}
fn sums_of(w: Four) -> vec4<i32> { return vec4<i32>(sum_of(w.x), sum_of(w.y), sum_of(w.z), sum_of(w.w)); }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let taps_down = ${KH}u;
  let taps_across = ${KW}u;
  let stride_y = ${SH}u;
  let stride_x = ${SW}u;
  let padding_y = ${PH}u;
  let padding_x = ${PW}u;
  let out_quads = ${OQ}u;
  let in_quads = ${IQ}u;
  let at = id.x;
  if (at < out_quads) {
    let row = taps_down * taps_across * in_quads;
    var sum = vec4<i32>();
    for (var k = 0u; k < row; k++) {
      sum += sums_of(forward[k * out_quads + at]);
    }
    forward_sum[at] = sum;
  }
  //@ if BACKWARD
  if (at < stride_y * stride_x * in_quads) {
    let phase = at / in_quads;
    let input = at % in_quads;
    var sum = vec4<i32>();
    for (var ky = (phase / stride_x + padding_y) % stride_y; ky < taps_down; ky += stride_y) {
      for (var kx = (phase % stride_x + padding_x) % stride_x; kx < taps_across; kx += stride_x) {
        for (var o = 0u; o < out_quads; o++) {
          sum += sums_of(backward[((ky * taps_across + kx) * out_quads + o) * in_quads + input]);
        }
      }
    }
    backward_sum[at] = sum;
  }
  //@ end
}
