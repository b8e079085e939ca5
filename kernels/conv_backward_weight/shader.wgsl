// conv_backward_weight: dW[o, tap, c] = s_x·s_dy · Σ_p (dY[p, o] − z_dy) · (X[p·stride − padding + tap, c] − z_x)
//                       db[o]         = s_dy · Σ_p (dY[p, o] − z_dy)
//
// Two dispatches: `main` sums slices of the pixels into `partial`, `join` adds the slices.
//
//   x         [n, H, W, 4·IQ]                  quads
//   dy        [n, HO, WO, 4·DQ]                quads; OQ of them from FIRST on, which is all of them
//                                              where the weights are not split (lib/program/shards.ts)
//   partial   [SLICES] of                      raw sums of codes; room for ROOM slices
//               [4·OQ, KH·KW, IQ] vec4         Σ dY·X,
//               [KH·KW, IQ] vec4               Σ X, with INT8, and
//               [OQ] vec4                      Σ dY: they correct for the zero points
//   gradient       [4·OQ, KH·KW, IQ] vec4<f32>
//   bias_gradient  [OQ] vec4<f32>, with BIAS; of a part of the weights, from quad FIRST on
//
// With INT8 the sums are exact in any order: how many slices there are is an affair of the tile. A slice
// has at most 32,768 pixels, so its sums of products, of codes + 128 too (DOT), are below 32,768·255² < 2³¹,
// and so is Σ (dY − z)(X − z), although its terms may wrap. Slices are joined in 64 bits, and rounded once.
// Without INT8 the slices are the chunks of CHUNK pixels that follow from the shape: pixels are added
// ascending within a chunk, then the chunks.
// With ACCUMULATE the result is added to that of the micro-batches before this one. One that is not finite
// raises NONFINITE, or BIAS_NONFINITE.
//
// The sum runs over pixels, but bytes run along channels: four pixels are read and their 4×4 bytes
// transposed in registers. Tiles (kernel.ts) have one of two forms:
//   in workgroup memory, K > 4  for GPUs: include/weight_gradient_group.wgsl
//   in registers   for CPU adapters, which suspend threads at barriers, and would spill the registers of a
//     GPU. A thread owns YQ·4 output × XQ·4 input channels of one tap and one slice. It reads K pixels at a
//     time, in one load each for all its channels: of a tile of 16 × 16 (llvmpipe: 53 GOP/s) eight loads
//     serve 1024 products, of 8 × 8 (33 GOP/s) 256.
// Sizes are operands, as in conv_forward; coordinates of a pixel are counted on, not divided again.
// The totals are made by the workgroups of the first rows and of the first columns only, where the branch
// is uniform.
// Reference: kernels/conv_backward_weight/reference.ts
//@ include quad
//@ include dot
//@ include pixel_coords
//@ include finite
//@ if INT8
//@ include int64
//@ end

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
@group(0) @binding(6) var<storage, read_write> gradient: array<vec4<f32>>;
//@ if BIAS
@group(0) @binding(7) var<storage, read_write> bias_gradient: array<vec4<f32>>;
//@ end

// Vectors of the sums of products of a slice, and of all sums.
fn products_size() -> u32 { return 4u * ${OQ}u * ${KH}u * ${KW}u * ${IQ}u; }
fn slice_size() -> u32 { return products_size() + ${KH}u * ${KW}u * ${IQ}u + ${OQ}u; }

//@ if INT8
// Codes of no pixel: `factor` makes zeros of them.
//@ if DOT == 1
const NOTHING = 0x80808080u;
//@ else
const NOTHING = 0u;
//@ end

// Rows are four pixels of one quad; the result's rows are four channels of the four pixels.
fn transpose(w: u32, x: u32, y: u32, z: u32) -> Four {
  let a = factor(w);
  let b = factor(x);
  let c = factor(y);
  let d = factor(z);
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

//@ if K > 4
//@ include weight_gradient_group
//@ else
const PIXELS_OF_ROUND = ${K}u;

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
  let slice = thread / (in_quads / ${XQ}u);
  let x_tile = thread - slice * (in_quads / ${XQ}u);
  if (slice >= ${SLICES}u) { return; }
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

  let end = min((slice + 1u) * ${SLICE}u, ${PIXELS}u);
  // Loads per pixel, and the first one of this thread.
  let x_loads = in_quads / ${XV}u;
  let x_own = x_tile * (${XQ}u / ${XV}u);
  let dy_loads = ${DQ}u / ${YV}u;
  let dy_own = ${FIRST}u / ${YV}u + y_tile * (${YQ}u / ${YV}u);
  var here = pixel_coords(slice * ${SLICE}u, out_height, out_width);
  for (var first = slice * ${SLICE}u; first < end; first += ${K}u) {
    //@ for k in 0..K
    let p_${k} = first + ${k}u;
    let real_${k} = p_${k} < end;
    let y_${k} = u32(i32(here.row * stride_y) + shift_y);
    let column_${k} = u32(i32(here.column * stride_x) + shift_x);
    let inside_${k} = real_${k} & (y_${k} < height) & (column_${k} < width);
    let x_at_${k} = select(0u, ((here.image * height + y_${k}) * width + column_${k}) * x_loads + x_own, inside_${k});
    let dy_at_${k} = select(0u, p_${k} * dy_loads + dy_own, real_${k});
    here = advance(here, PixelCoords(0u, 0u, 1u), out_height, out_width);
    //@ end
    //@ if INT8
    //@ for k in 0..4
    let x_${k} = select(padding, x[x_at_${k}], inside_${k});
    let dy_${k} = select(YWide(NOTHING), dy[dy_at_${k}], real_${k});
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
    a_${o}_${j}_${i} = fma(vec4<f32>(dy_${o}[${j}]), x_${i}, a_${o}_${j}_${i});
    //@ end
    //@ end
    //@ end
    //@ end
  }

  let to = slice * slice_size();
  let column = tap * in_quads + x_tile * ${XQ}u;
  //@ for i in 0..XQ
  //@ for o in 0..YQ
  //@ for j in 0..4
  partial[to + ((y_tile * ${YQ}u + ${o}u) * 4u + ${j}u) * (${KH}u * ${KW}u * in_quads) + column + ${i}u] = a_${o}_${j}_${i};
  //@ end
  //@ end
  //@ if INT8
  if (y_tile == 0u) { partial[to + products_size() + column + ${i}u] = x_sum_${i}; }
  //@ end
  //@ end
  if (tap == 0u && x_tile == 0u) {
    //@ for o in 0..YQ
    partial[to + slice_size() - ${OQ}u + y_tile * ${YQ}u + ${o}u] = dy_sum_${o};
    //@ end
  }
}
//@ end

//@ if INT8
// A sum of up to 65,536 integers in halves: each is high · 2¹⁶ + low.
struct Halves {
  low: vec4<u32>,
  high: vec4<i32>,
}

fn plus(a: Halves, v: vec4<i32>) -> Halves {
  return Halves(a.low + (bitcast<vec4<u32>>(v) & vec4<u32>(0xffffu)), a.high + (v >> vec4<u32>(16u)));
}

fn rounded(a: Halves, i: u32) -> f32 {
  let high = a.high[i];
  return float64(add64(vec2<u32>(bitcast<u32>(high) << 16u, bitcast<u32>(high >> 16u)), vec2<u32>(a.low[i], 0u)));
}

fn real_of(a: Halves, scale: f32) -> vec4<f32> {
  return vec4<f32>(rounded(a, 0u), rounded(a, 1u), rounded(a, 2u), rounded(a, 3u)) * scale;
}

// The zero point of the operands of dot products.
fn operand_zero(z: Quantizer) -> i32 {
  //@ if DOT == 1
  return i32(z.zero) + 128;
  //@ else
  return i32(z.zero);
  //@ end
}

fn pixels_of(slice: u32) -> i32 { return i32(min(${SLICE}u, ${PIXELS}u - slice * ${SLICE}u)); }

// The pixels that a slice sums, whole rounds of them: one that is missing has dY = 0 and X = z_x.
fn summed_pixels_of(slice: u32) -> i32 {
  let pixels = i32(PIXELS_OF_ROUND);
  return (pixels_of(slice) + pixels - 1) / pixels * pixels;
}
//@ end

@compute @workgroup_size(64)
fn join(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  // A thread owns the four outputs of a quad, which share the totals of X.
  let inputs = ${KH}u * ${KW}u * ${IQ}u;
  let outputs = ${OQ}u;
  let slices = ${SLICES}u;
  let size = slice_size();
  let at = (group.y * groups.x + group.x) * 64u + lane;
  //@ if INT8
  let zx = operand_zero(quantizers[${X_ROW}]);
  let zdy = operand_zero(quantizers[${DY_ROW}]);
  //@ end
  if (at < outputs * inputs) {
    let output = at / inputs;
    let input = at - output * inputs;
    let first = output * 4u * inputs + input;
    //@ for j in 0..4
    //@ if INT8
    var sum_${j}: Halves;
    //@ else
    var sum_${j}: vec4<f32>;
    //@ end
    //@ end
    for (var slice = 0u; slice < slices; slice++) {
      let start = slice * size;
      //@ if INT8
      let of_dy = zx * (partial[start + size - outputs + output] - vec4<i32>(summed_pixels_of(slice) * zdy));
      let of_x = zdy * partial[start + size - outputs - inputs + input];
      //@ for j in 0..4
      sum_${j} = plus(sum_${j}, partial[start + first + ${j}u * inputs] - of_x - vec4<i32>(of_dy[${j}]));
      //@ end
      //@ else
      //@ for j in 0..4
      sum_${j} += partial[start + first + ${j}u * inputs];
      //@ end
      //@ end
    }
    //@ for j in 0..4
    {
      let to = first + ${j}u * inputs;
      //@ if INT8
      var sum = real_of(sum_${j}, quantizers[${X_ROW}].scale * quantizers[${DY_ROW}].scale);
      //@ else
      var sum = sum_${j};
      //@ end
      //@ if ACCUMULATE
      if (step.first > 0u) { sum += gradient[to]; }
      //@ end
      gradient[to] = sum;
      if (not_finite(sum)) { atomicAdd(&statistics[${NONFINITE}u], 1u); }
    }
    //@ end
  }
  //@ if BIAS
  if (at < outputs) {
    //@ if INT8
    var total: Halves;
    //@ else
    var sum: vec4<f32>;
    //@ end
    for (var slice = 0u; slice < slices; slice++) {
      let of_slice = partial[(slice + 1u) * size - outputs + at];
      //@ if INT8
      total = plus(total, of_slice - vec4<i32>(pixels_of(slice) * zdy));
      //@ else
      sum += of_slice;
      //@ end
    }
    //@ if INT8
    var sum = real_of(total, quantizers[${DY_ROW}].scale);
    //@ end
    //@ if ACCUMULATE
    if (step.first > 0u) { sum += bias_gradient[${FIRST}u + at]; }
    //@ end
    bias_gradient[${FIRST}u + at] = sum;
    if (not_finite(sum)) { atomicAdd(&statistics[${BIAS_NONFINITE}u], 1u); }
  }
  //@ end
}
