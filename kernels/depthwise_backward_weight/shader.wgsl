// depthwise_backward_weight: dW[tap, c] = Σ_p dY[p, c] · X[p·stride − padding + tap, c], in chunks
//
// A thread owns a quad, a row ky of the window and a chunk of output rows; it walks runs of R pixels,
// whose windows share loads. With INT8 a run's products, at most R·255² < 2²⁴, are
// summed exactly in f32; runs are added in i32. A chunk is at most 32,768 pixels: |Σ| ≤ 32,768·255² < 2³¹.
//
//   x          [n, H, W, CQ]             quads
//   dy         [n, HO, WO, CQ]           quads
//   partial    [CHUNKS, KH·KW, CQ] vec4  Σ (dY − z)·(X − z)
//   dy_total   [CHUNKS, CQ] vec4         with BIAS: Σ (dY − z)
//
// Chunks and R follow from the shape alone, so a float sum has one order.
// Reference: kernels/depthwise_backward_weight/reference.ts
//@ include quad
//@ include depthwise

@group(0) @binding(3) var<storage, read> x: array<Quad>;
@group(0) @binding(4) var<storage, read> dy: array<Quad>;
@group(0) @binding(5) var<storage, read_write> partial: array<vec4<Sum>>;
//@ if BIAS
@group(0) @binding(6) var<storage, read_write> dy_total: array<vec4<Sum>>;
//@ end

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let height = ${H}u;
  let width = ${W}u;
  let out_height = ${HO}u;
  let out_width = ${WO}u;
  let quads = ${CQ}u;
  let stride_y = ${SH}u;
  let padding_y = ${PH}u;
  let padding_x = ${PW}u;
  let rows = ${ROWS}u;
  let thread = group.x * 64u + lane;
  let chunk = thread / quads;
  let quad = thread - chunk * quads;
  if (chunk >= ${CHUNKS}u) { return; }
  let ky = group.y;
  let zero_x = quantizers[${X_ROW}].zero;
  let zero_dy = quantizers[${DY_ROW}].zero;
  let last_line = min((chunk + 1u) * rows, ${LINES}u);
  //@ for kx in 0..KW
  var a_${kx}: vec4<Sum>;
  //@ end

  var image = chunk * rows / out_height;
  var row = chunk * rows - image * out_height;
  for (var line = chunk * rows; line < last_line; line++) {
    let top = i32(row * stride_y + ky) - i32(padding_y);
    if (u32(top) < height) {
      for (var column = 0u; column < out_width; column += ${R}u) {
        let left = i32(column * ${SW}u) - i32(padding_x);
        let base = (i32(image * height) + top) * i32(width) + left;
        var x_at = u32(base) * quads + quad;
        var v: array<vec4<f32>, ${SPAN}>;
        //@ for i in 0..SPAN
        let inside_${i} = u32(left + ${i}) < width;
        v[${i}] = select(vec4<f32>(), zero_centred(x[select(0u, x_at, inside_${i})], zero_x), inside_${i});
        x_at += quads;
        //@ end
        var dy_at = (line * out_width + column) * quads + quad;
        //@ for p in 0..R
        var d_${p} = vec4<f32>();
        if (column + ${p}u < out_width) { d_${p} = zero_centred(dy[dy_at], zero_dy); }
        dy_at += quads;
        //@ end
        //@ for kx in 0..KW
        {
          var s = vec4<f32>();
          //@ for p in 0..R
          s += d_${p} * v[${p} * ${SW} + ${kx}];
          //@ end
          a_${kx} += vec4<Sum>(s);
        }
        //@ end
      }
    }
    let ends = row + 1u == out_height;
    row = select(row + 1u, 0u, ends);
    image += u32(ends);
  }
  //@ for kx in 0..KW
  partial[((chunk * ${KH}u + ky) * ${KW}u + ${kx}u) * quads + quad] = a_${kx};
  //@ end
  //@ if BIAS
  if (ky == 0u) {
    var dy_sum: vec4<Sum>;
    for (var p = chunk * rows * out_width; p < last_line * out_width; p++) {
      dy_sum += vec4<Sum>(zero_centred(dy[p * quads + quad], zero_dy));
    }
    dy_total[chunk * quads + quad] = dy_sum;
  }
  //@ end
}
