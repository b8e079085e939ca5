// conv_backward_weight: dW[o, tap, c] = Σ_p dY[p, o] · X[p·stride − padding + tap, c], in chunks
//
// The sum runs over pixels, but bytes run along channels: four pixels are read and their 4×4 bytes
// transposed in registers. A thread owns YQ·4 output × XQ·4 input channels of one tap and one chunk
// of at most 32,768 pixels, so |Σ| ≤ 32,768·128² < 2³¹. It reads K pixels at a time, in one load each
// for all its channels: of a tile of 16 × 16 (llvmpipe: 53 GOP/s) eight loads serve 1024 products, of
// 8 × 8 (33 GOP/s) 256.
//
//   x         [n, H, W, 4·IQ]                  quads
//   dy        [n, HO, WO, 4·DQ]                quads; OQ of them from FIRST on, which is all of them
//                                              where the weights are not split (lib/program/shards.ts)
//   partial   [CHUNKS, 4·OQ, KH·KW, IQ] vec4   raw sums of products of codes
//   x_total   [CHUNKS, KH·KW, IQ] vec4<i32>    Σ X, and
//   dy_total  [CHUNKS, OQ] vec4                Σ dY: they correct for the zero points
//
// The number of chunks follows from the shape alone, so tile choice never changes a float sum.
// The totals are made by the workgroups of the first output tile and of the first tap only, where
// the branch is uniform. Without INT8 the same loops add f32 products, pixel by pixel.
// Sizes are operands, as in conv_forward; coordinates of a pixel are counted on, not divided again.
// Reference: kernels/conv_backward_weight/reference.ts
//@ include quad
//@ include dot
//@ include pixel_coords

//@ if XV == 1
alias XWide = Quad;
//@ else
alias XWide = vec${XV}<u32>;
//@ end
//@ if YV == 1
alias YWide = Quad;
//@ else
alias YWide = vec${YV}<u32>;
//@ end

@group(0) @binding(3) var<storage, read> x: array<XWide>;
@group(0) @binding(4) var<storage, read> dy: array<YWide>;
@group(0) @binding(5) var<storage, read_write> partial: array<vec4<Sum>>;
//@ if INT8
@group(0) @binding(6) var<storage, read_write> x_total: array<vec4<Sum>>;
//@ end
@group(0) @binding(7) var<storage, read_write> dy_total: array<vec4<Sum>>;

//@ if INT8
// Rows are four pixels of one quad; the result's rows are four channels of the four pixels.
fn transpose(a: u32, b: u32, c: u32, d: u32) -> Four {
  let even_ab = (a & 0x00ff00ffu) | ((b & 0x00ff00ffu) << 8u);
  let odd_ab = ((a >> 8u) & 0x00ff00ffu) | (b & 0xff00ff00u);
  let even_cd = (c & 0x00ff00ffu) | ((d & 0x00ff00ffu) << 8u);
  let odd_cd = ((c >> 8u) & 0x00ff00ffu) | (d & 0xff00ff00u);
  return Four(
    (even_ab & 0xffffu) | (even_cd << 16u),
    (odd_ab & 0xffffu) | (odd_cd << 16u),
    (even_ab >> 16u) | (even_cd & 0xffff0000u),
    (odd_ab >> 16u) | (odd_cd & 0xffff0000u),
  );
}
//@ end

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let height = ${H}u;
  let width = ${W}u;
  let out_height = ${HO}u;
  let out_width = ${WO}u;
  let stride_y = ${SH}u;
  let stride_x = ${SW}u;
  let in_quads = ${IQ}u;
  let thread = group.x * 64u + lane;
  let chunk = thread / (in_quads / ${XQ}u);
  let x_tile = thread - chunk * (in_quads / ${XQ}u);
  if (chunk >= ${CHUNKS}u) { return; }
  let y_tile = group.y;
  let tap = group.z;
  let tap_y = tap / ${KW}u;
  let shift_y = i32(tap_y) - ${PH};
  let shift_x = i32(tap - tap_y * ${KW}u) - ${PW};
  let padding = XWide(zero_quad(quantizers[${X_ROW}]));

  //@ for o in 0..YQ
  //@ for j in 0..4
  //@ for i in 0..XQ
  var a_${o}_${j}_${i}: vec4<Sum>;
  //@ end
  //@ end
  var dy_sum_${o}: vec4<Sum>;
  //@ end
  //@ for i in 0..XQ
  var x_sum_${i}: vec4<Sum>;
  //@ end

  let end = min((chunk + 1u) * ${CHUNK}u, ${PIXELS}u);
  // Loads per pixel, and the first one of this thread.
  let x_loads = in_quads / ${XV}u;
  let x_own = x_tile * (${XQ}u / ${XV}u);
  let dy_loads = ${DQ}u / ${YV}u;
  let dy_own = ${FIRST}u / ${YV}u + y_tile * (${YQ}u / ${YV}u);
  var here = pixel_coords(chunk * ${CHUNK}u, out_height, out_width);
  for (var first = chunk * ${CHUNK}u; first < end; first += ${K}u) {
    //@ for k in 0..K
    let p_${k} = first + ${k}u;
    let real_${k} = p_${k} < end;
    let y_${k} = u32(i32(here.row * stride_y) + shift_y);
    let column_${k} = u32(i32(here.column * stride_x) + shift_x);
    let inside_${k} = real_${k} && y_${k} < height && column_${k} < width;
    let x_at_${k} = select(0u, ((here.image * height + y_${k}) * width + column_${k}) * x_loads + x_own, inside_${k});
    let dy_at_${k} = select(0u, p_${k} * dy_loads + dy_own, real_${k});
    here = advance(here, PixelCoords(0u, 0u, 1u), out_height, out_width);
    //@ end
    //@ if INT8
    //@ for k in 0..4
    let x_${k} = select(select(XWide(), padding, real_${k}), x[x_at_${k}], inside_${k});
    let dy_${k} = select(YWide(), dy[dy_at_${k}], real_${k});
    //@ end
    //@ for i in 0..XQ
    //@ if XV == 1
    let xt_${i} = transpose(x_0, x_1, x_2, x_3);
    //@ else
    let xt_${i} = transpose(x_0[${i}], x_1[${i}], x_2[${i}], x_3[${i}]);
    //@ end
    //@ end
    //@ for o in 0..YQ
    //@ if YV == 1
    let yt_${o} = transpose(dy_0, dy_1, dy_2, dy_3);
    //@ else
    let yt_${o} = transpose(dy_0[${o}], dy_1[${o}], dy_2[${o}], dy_3[${o}]);
    //@ end
    //@ for j in 0..4
    //@ for i in 0..XQ
    a_${o}_${j}_${i} += dot_four(yt_${o}[${j}], xt_${i});
    //@ end
    //@ end
    //@ end
    if (y_tile == 0u) {
      //@ for i in 0..XQ
      x_sum_${i} += dot_four(0x01010101u, xt_${i});
      //@ end
    }
    if (tap == 0u) {
      //@ for o in 0..YQ
      dy_sum_${o} += dot_four(0x01010101u, yt_${o});
      //@ end
    }
    //@ else
    //@ for i in 0..XQ
    let x_${i} = select(padding, x[x_at_0 + ${i}u], inside_0);
    //@ end
    //@ for o in 0..YQ
    let dy_${o} = dy[dy_at_0 + ${o}u];
    dy_sum_${o} += dy_${o};
    //@ for j in 0..4
    //@ for i in 0..XQ
    a_${o}_${j}_${i} += dy_${o}[${j}] * x_${i};
    //@ end
    //@ end
    //@ end
    //@ end
  }

  //@ for i in 0..XQ
  //@ for o in 0..YQ
  //@ for j in 0..4
  partial[((chunk * ${OQ}u * 4u + (y_tile * ${YQ}u + ${o}u) * 4u + ${j}u) * (${KH}u * ${KW}u) + tap) * in_quads + x_tile * ${XQ}u + ${i}u] = a_${o}_${j}_${i};
  //@ end
  //@ end
  //@ if INT8
  if (y_tile == 0u) {
    x_total[(chunk * (${KH}u * ${KW}u) + tap) * in_quads + x_tile * ${XQ}u + ${i}u] = x_sum_${i};
  }
  //@ end
  //@ end
  if (tap == 0u && x_tile == 0u) {
    //@ for o in 0..YQ
    dy_total[chunk * ${OQ}u + y_tile * ${YQ}u + ${o}u] = dy_sum_${o};
    //@ end
  }
}
