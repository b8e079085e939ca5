// depthwise_backward_weight: dW[tap, c] = Σ_p dY[p, c] · X[p·stride − padding + tap, c], in chunks
//
// A thread owns a quad, a row ky of the window and a chunk of output rows; it walks runs of R pixels,
// which share what their windows have in common. With INT8 a run's products, at most R·255² < 2²⁴, are
// summed exactly in f32; runs are added in i32. A chunk is at most 32,768 pixels: |Σ| ≤ 32,768·255² < 2³¹.
//
//   x          [n, H, W, CQ]             quads
//   dy         [n, HO, WO, CQ]           quads
//   partial    [CHUNKS, KH·KW, CQ] vec4  Σ (dY − z)·(X − z)
//   dy_total   [CHUNKS, CQ] vec4         with BIAS: Σ (dY − z)
//
// Chunks and R follow from the shape alone, so a float sum has one order.
// Reference: lib/reference/depthwise_backward_weight.ts
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
  let thread = group.x * 64u + lane;
  let quad = thread % ${CQ}u;
  let chunk = thread / ${CQ}u;
  if (chunk >= ${CHUNKS}u) { return; }
  let ky = group.y;
  let zero_x = quantizers[${X_ROW}].zero;
  let zero_dy = quantizers[${DY_ROW}].zero;
  let last_line = min((chunk + 1u) * ${ROWS}u, ${LINES}u);
  //@ for kx in 0..KW
  var a_${kx}: vec4<Sum>;
  //@ end

  for (var line = chunk * ${ROWS}u; line < last_line; line++) {
    let top = i32(line % ${HO}u * ${SH}u + ky) - ${PH};
    if (u32(top) < ${H}u) {
      for (var column = 0u; column < ${WO}u; column += ${R}u) {
        let left = i32(column * ${SW}u) - ${PW};
        let base = (i32(line / ${HO}u * ${H}u) + top) * ${W} + left;
        var v: array<vec4<f32>, ${SPAN}>;
        //@ for i in 0..SPAN
        let inside_${i} = u32(left + ${i}) < ${W}u;
        v[${i}] = select(vec4<f32>(), centred(x[select(0u, u32(base + ${i}) * ${CQ}u + quad, inside_${i})], zero_x), inside_${i});
        //@ end
        //@ for p in 0..R
        var d_${p} = vec4<f32>();
        if (column + ${p}u < ${WO}u) { d_${p} = centred(dy[(line * ${WO}u + column + ${p}u) * ${CQ}u + quad], zero_dy); }
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
  }
  //@ for kx in 0..KW
  partial[((chunk * ${KH}u + ky) * ${KW}u + ${kx}u) * ${CQ}u + quad] = a_${kx};
  //@ end
  //@ if BIAS
  if (ky == 0u) {
    var dy_sum: vec4<Sum>;
    for (var p = chunk * ${ROWS}u * ${WO}u; p < last_line * ${WO}u; p++) {
      dy_sum += vec4<Sum>(centred(dy[p * ${CQ}u + quad], zero_dy));
    }
    dy_total[chunk * ${CQ}u + quad] = dy_sum;
  }
  //@ end
}
