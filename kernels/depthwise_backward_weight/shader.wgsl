// depthwise_backward_weight: dW[tap, c] = Σ_p dY[p, c] · X[p·stride − padding + tap, c], in chunks
//
// A thread owns a quad, a row ky of the window and a chunk of output rows; it walks runs of R pixels,
// whose windows share loads, S pixels at a time. With INT8 a run's products, at most R·255² < 2²⁴, are
// summed exactly in f32; runs are added in i32. A chunk is at most 32,768 pixels: |Σ| ≤ 32,768·255² < 2³¹.
// A workgroup owns COLUMNS neighbouring quads, of one chunk or of several; with LANES above 1, which INT8
// allows, LANES threads add every LANES-th run of one.
//
//   x          [n, H, W, CQ]             quads
//   dy         [n, HO, WO, CQ]           quads
//   partial    [CHUNKS, KH·KW, CQ] vec4  Σ (dY − z)·(X − z)
//   dy_total   [CHUNKS, CQ] vec4         with BIAS: Σ (dY − z)
//
// A row has RUNS runs. Chunks, and R without INT8, follow from the shape alone, so a float sum has one order.
// Reference: kernels/depthwise_backward_weight/reference.ts
//@ include quad
//@ include depthwise
//@ include pixel_coords

@group(0) @binding(3) var<storage, read> x: array<Quad>;
@group(0) @binding(4) var<storage, read> dy: array<Quad>;
@group(0) @binding(5) var<storage, read_write> partial: array<vec4<Sum>>;
//@ if BIAS
@group(0) @binding(6) var<storage, read_write> dy_total: array<vec4<Sum>>;
//@ end

//@ if LANES > 1
var<workgroup> joined: array<atomic<i32>, ${JOINED}>;

// Adds to the sum of the threads of a quad, which `joined_at` returns after a barrier.
fn join(v: vec4<i32>, at: u32) {
  //@ for j in 0..4
  atomicAdd(&joined[at + ${j}u * ${COLUMNS}u], v[${j}]);
  //@ end
}
fn joined_at(at: u32) -> vec4<i32> {
  return vec4<i32>(
    atomicLoad(&joined[at]),
    atomicLoad(&joined[at + ${COLUMNS}u]),
    atomicLoad(&joined[at + 2u * ${COLUMNS}u]),
    atomicLoad(&joined[at + 3u * ${COLUMNS}u]),
  );
}
//@ end

@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let height = ${H}u;
  let width = ${W}u;
  let out_height = ${HO}u;
  let out_width = ${WO}u;
  let quads = ${CQ}u;
  let stride_y = ${SH}u;
  let padding_y = ${PH}u;
  let padding_x = ${PW}u;
  let runs = ${RUNS}u;
  let own = lane / ${COLUMNS}u;
  let place = lane - own * ${COLUMNS}u;
  let item = group.x * ${COLUMNS}u + place;
  let chunk = item / quads;
  let quad = item - chunk * quads;
  let inside_chunk = chunk < ${CHUNKS}u;
  let ky = group.y;
  let zero_x = quantizers[${X_ROW}].zero;
  let zero_dy = quantizers[${DY_ROW}].zero;
  let first_line = chunk * ${ROWS}u;
  let lines = select(0u, min(${ROWS}u, ${LINES}u - first_line), inside_chunk);
  let last = lines * runs;
  //@ for kx in 0..KW
  var a_${kx}: vec4<Sum>;
  //@ end

  // Places are counted, and not multiplied: of the row of X that the first tap of a row meets, and of dY's.
  let next = pixel_coords(${LANES}u, out_height, runs);
  let x_row = width * quads;
  let x_line = stride_y * x_row;
  let dy_line = out_width * quads;
  let next_x = (next.image * height + next.row * stride_y) * x_row;
  let next_dy = (next.image * out_height + next.row) * dy_line;
  let next_image = height * x_row - out_height * x_line;
  var here = pixel_coords(first_line * runs + own, out_height, runs);
  var x_row_at = (here.image * height + here.row * stride_y + ky - padding_y) * x_row + quad;
  var dy_row_at = (here.image * out_height + here.row) * dy_line + quad;
  for (var run = own; run < last; run += ${LANES}u) {
    let top = i32(here.row * stride_y + ky) - i32(padding_y);
    if (u32(top) < height) {
      let first = here.column * ${R}u;
      let end = min(first + ${R}u, out_width);
      var left = i32(first * ${SW}u) - i32(padding_x);
      var x_at = x_row_at + u32(left) * quads;
      var dy_at = dy_row_at + first * quads;
      //@ for kx in 0..KW
      var s_${kx} = vec4<f32>();
      //@ end
      //@ if S < R
      for (var column = first; column < end; column += ${S}u) {
      //@ else
      {
        let column = first;
      //@ end
        var at = x_at;
        //@ for i in 0..SPAN
        //@ for p in 0..S
        //@ if i == p * SW
        var d_${p} = vec4<f32>();
        if (column + ${p}u < end) { d_${p} = zero_centred(dy[dy_at], zero_dy); }
        dy_at += quads;
        //@ end
        //@ end
        let inside_${i} = u32(left + ${i}) < width;
        let v_${i} = select(vec4<f32>(), zero_centred(x[select(0u, at, inside_${i})], zero_x), inside_${i});
        at += quads;
        //@ for kx in 0..KW
        //@ for p in 0..S
        //@ if i == p * SW + kx
        s_${kx} += d_${p} * v_${i};
        //@ end
        //@ end
        //@ end
        //@ end
        //@ if S < R
        left += ${S} * ${SW};
        x_at += ${S}u * ${SW}u * quads;
        //@ end
      }
      //@ for kx in 0..KW
      a_${kx} += vec4<Sum>(s_${kx});
      //@ end
    }
    let there = advance(here, next, out_height, runs);
    let wraps = there.column < here.column + next.column;
    let ends = there.row < here.row + next.row + u32(wraps);
    x_row_at += next_x + select(0u, x_line, wraps) + select(0u, next_image, ends);
    dy_row_at += next_dy + select(0u, dy_line, wraps);
    here = there;
  }
  //@ if BIAS
  var dy_sum: vec4<Sum>;
  if (ky == 0u) {
    let stop = (first_line + lines) * out_width;
    for (var p = first_line * out_width + own; p < stop; p += ${LANES}u) {
      dy_sum += vec4<Sum>(zero_centred(dy[p * quads + quad], zero_dy));
    }
  }
  //@ end
  //@ if LANES > 1
  //@ for kx in 0..KW
  join(a_${kx}, ${kx}u * 4u * ${COLUMNS}u + place);
  //@ end
  //@ if BIAS
  join(dy_sum, ${KW}u * 4u * ${COLUMNS}u + place);
  //@ end
  workgroupBarrier();
  if (own > 0u) { return; }
  //@ for kx in 0..KW
  a_${kx} = joined_at(${kx}u * 4u * ${COLUMNS}u + place);
  //@ end
  //@ if BIAS
  dy_sum = joined_at(${KW}u * 4u * ${COLUMNS}u + place);
  //@ end
  //@ end
  if (!inside_chunk) { return; }
  //@ for kx in 0..KW
  partial[((chunk * ${KH}u + ky) * ${KW}u + ${kx}u) * quads + quad] = a_${kx};
  //@ end
  //@ if BIAS
  if (ky == 0u) { dy_total[chunk * quads + quad] = dy_sum; }
  //@ end
}
