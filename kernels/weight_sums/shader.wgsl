// weight_sums: sums of weight codes that correct for the zero point of the other operand
//
//   forward       [TAPS, IQ, OQ] four quads   → forward_sum   [OQ] vec4<i32>: Σ over taps and inputs
//   backward      [TAPS, OQ, IQ] four quads   → backward_sum  [SH·SW, IQ] vec4<i32>: Σ over the taps that
//                 a phase of the input uses (tap ≡ phase + padding mod stride) and over outputs
//
// LANES threads own a column and add every LANES-th row of it; COLUMNS neighbouring columns are a workgroup's.
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

//@ if LANES > 1
var<workgroup> joined: array<atomic<i32>, 8 * ${COLUMNS}>;

fn join(v: vec4<i32>, first: u32) {
  //@ for j in 0..4
  atomicAdd(&joined[first + ${j}u], v[${j}]);
  //@ end
}
fn joined_at(first: u32) -> vec4<i32> {
  return vec4<i32>(
    atomicLoad(&joined[first]),
    atomicLoad(&joined[first + 1u]),
    atomicLoad(&joined[first + 2u]),
    atomicLoad(&joined[first + 3u]),
  );
}
//@ end

@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let taps_down = ${KH}u;
  let taps_across = ${KW}u;
  let stride_y = ${SH}u;
  let stride_x = ${SW}u;
  let padding_y = ${PH}u;
  let padding_x = ${PW}u;
  let out_quads = ${OQ}u;
  let in_quads = ${IQ}u;
  let own = lane / ${COLUMNS}u;
  let column = lane - own * ${COLUMNS}u;
  let at = group.x * ${COLUMNS}u + column;
  var forward_total = vec4<i32>();
  if (at < out_quads) {
    let end = taps_down * taps_across * in_quads * out_quads;
    let next = ${LANES}u * out_quads;
    for (var from_ = own * out_quads + at; from_ < end; from_ += next) {
      forward_total += sums_of(forward[from_]);
    }
  }
  //@ if BACKWARD
  let phase = at / in_quads;
  let input = at - phase * in_quads;
  var backward_total = vec4<i32>();
  let size = out_quads * in_quads;
  let next = ${LANES}u * in_quads;
  if (phase < stride_y * stride_x) {
    for (var ky = (phase / stride_x + padding_y) % stride_y; ky < taps_down; ky += stride_y) {
      for (var kx = (phase % stride_x + padding_x) % stride_x; kx < taps_across; kx += stride_x) {
        let tap = (ky * taps_across + kx) * size;
        for (var from_ = own * in_quads + input; from_ < size; from_ += next) {
          backward_total += sums_of(backward[tap + from_]);
        }
      }
    }
  }
  //@ end
  //@ if LANES > 1
  join(forward_total, column * 4u);
  //@ if BACKWARD
  join(backward_total, 4u * ${COLUMNS}u + column * 4u);
  //@ end
  workgroupBarrier();
  if (own > 0u) { return; }
  forward_total = joined_at(column * 4u);
  //@ if BACKWARD
  backward_total = joined_at(4u * ${COLUMNS}u + column * 4u);
  //@ end
  //@ end
  if (at < out_quads) { forward_sum[at] = forward_total; }
  //@ if BACKWARD
  if (phase < stride_y * stride_x) { backward_sum[at] = backward_total; }
  //@ end
}
