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
//   in workgroup memory, K > 4  for GPUs; described where it begins
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
//@ let SLOTS = YQ + XQ
//@ let XL = XQ * K / 16
//@ let YL = YQ * K / 16
//@ let XN = XL / XV
//@ let YN = YL / YV
// In workgroup memory: 16 × 16 threads own 16·YQ quads of rows, which are outputs, and 16·XQ quads of
// columns, which are inputs of taps, each thread YQ × XQ of them; a workgroup has one slice. A round copies K
// words of each row and column: of four pixels, transposed, or without INT8 of one. A thread copies XL quads
// of columns and YL of rows, in XN and YN loads, the same ones in all rounds; the place that a tap of its
// pixel has in X is counted on. Where WHOLE, four pixels of a word are of one row. What is past the last row
// or column is not stored, so it may be anything, read from anywhere.
// Arrays of arrays, with all indices but one constant: an index that the driver must clamp does not fold
// into the offset of a load. What follows from `lane` is computed where it is used: RDNA 2 then needs 64
// registers for 64 × 128 weights, which leaves room for 8 waves, and 72 otherwise.
//@ if INT8
alias Element = u32;
const PIXELS_OF_ROUND = 4u * ${K}u;
//@ else
alias Element = f32;
const PIXELS_OF_ROUND = ${K}u;
//@ end

const ROWS = 16u * ${YQ}u;
const COLUMNS = 16u * ${XQ}u;
// Threads that copy a word of rows or columns.
const SIDE = 256u / ${K}u;
// From a quad of rows in a slot to the next, and to that in the next slot; of columns.
//@ if YV == 1
const ROW_STEP = vec2<u32>(1u, 16u);
//@ else
const ROW_STEP = vec2<u32>(2u, 1u);
//@ end
//@ if XV == 1
const COLUMN_STEP = vec2<u32>(1u, 16u);
//@ else
const COLUMN_STEP = vec2<u32>(2u, 1u);
//@ end
// A word of all rows and columns: SLOTS slots of 16 quads, YQ of rows, then XQ of columns.
var<workgroup> words: array<array<vec4<Element>, 16 * ${SLOTS}>, ${K}>;
var<workgroup> totals: array<Sum, 256>;

// A place in X: row and column, which may be outside, and loads before it.
struct Place {
  y: i32,
  x: i32,
  at: i32,
}

// How far it is from one row of windows to the next, and from one image to the next.
struct Ends {
  y: i32,
  x: i32,
  row: Place,
  image: i32,
}

// Where the window of a pixel begins, without padding.
fn window_of(pixel: u32) -> Place {
  let p = pixel_coords(pixel, ${HO}u, ${WO}u);
  let y = p.row * ${SH}u;
  let x = p.column * ${SW}u;
  return Place(i32(y), i32(x), i32(((p.image * ${H}u + y) * ${W}u + x) * (${IQ}u / ${XV}u)));
}

// Moves a place of a tap on by the distance between the windows of pixel 0 and `by`. Places below and right
// of `last` are in the next row of windows, or image.
fn moved(p: Place, by: Place, last: vec2<i32>, ends: Ends) -> Place {
  let x = p.x + by.x;
  let wraps = x >= last.x;
  let y = p.y + by.y + select(0, ends.row.y, wraps);
  let passes = y >= last.y;
  return Place(
    select(y, y - ends.y, passes),
    select(x, x - ends.x, wraps),
    p.at + by.at + select(0, ends.row.at, wraps) + select(0, ends.image, passes),
  );
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let height = ${H}u;
  let width = ${W}u;
  let in_quads = ${IQ}u;
  let x_loads = in_quads / ${XV}u;
  let dy_loads = ${DQ}u / ${YV}u;
  let size = ${KH}u * ${KW}u * in_quads;
  let begin = group.z * ${SLICE}u;
  let end = min(begin + ${SLICE}u, ${PIXELS}u);
  let padding = XWide(zero_quad(quantizers[${X_ROW}]));
  let one = Place(0, ${SW}, i32(${SW}u * x_loads));
  let ends = Ends(
    ${HO} * ${SH},
    ${WO} * ${SW},
    Place(${SH}, 0, (${SH} * i32(width) - ${WO} * ${SW}) * i32(x_loads)),
    (i32(height) - ${HO} * ${SH}) * i32(width * x_loads),
  );
  //@ if INT8
  //@ if WHOLE
  let round = window_of(PIXELS_OF_ROUND);
  //@ else
  let round = window_of(PIXELS_OF_ROUND - 3u);
  //@ end
  //@ else
  let round = window_of(PIXELS_OF_ROUND);
  //@ end

  // What the thread copies: a word of some quads of rows and of columns.
  let side = lane % SIDE;
  let word = lane / SIDE;
  //@ if INT8
  let pixel = 4u * word;
  //@ else
  let pixel = word;
  //@ end
  let window = window_of(begin + pixel);
  //@ for i in 0..XN
  let input_${i} = group.x * COLUMNS + side * COLUMN_STEP.x + ${i}u * COLUMN_STEP.y;
  let tap_${i} = input_${i} / in_quads;
  let shift_y_${i} = i32(tap_${i} / ${KW}u) - ${PH};
  let shift_x_${i} = i32(tap_${i} % ${KW}u) - ${PW};
  let shift_at_${i} = (shift_y_${i} * i32(width) + shift_x_${i}) * i32(x_loads) + i32(input_${i} % in_quads / ${XV}u);
  var place_${i} = Place(window.y + shift_y_${i}, window.x + shift_x_${i}, window.at + shift_at_${i});
  let last_${i} = vec2<i32>(ends.x + shift_x_${i}, ends.y + shift_y_${i});
  //@ end
  var dy_at = (begin + pixel) * dy_loads + (${FIRST}u + group.y * ROWS + side * ROW_STEP.x) / ${YV}u;

  // What it computes.
  let down = lane / 16u;
  let across = lane % 16u;
  //@ for o in 0..YQ
  //@ for j in 0..4
  //@ for i in 0..XQ
  var a_${o}_${j}_${i}: vec4<Sum>;
  //@ end
  //@ end
  //@ end

  var total = Sum();

  for (var first = begin; first < end; first += PIXELS_OF_ROUND) {
    let left = end - first;
    //@ if INT8
    //@ for k in 0..4
    let real_${k} = pixel + ${k}u < left;
    //@ for o in 0..YN
    let dy_${o}_${k} = select(YWide(NOTHING), dy[dy_at + ${k}u * dy_loads + ${o}u * ROW_STEP.y], real_${k});
    //@ end
    //@ for i in 0..XN
    //@ if WHOLE
    let inside_${i}_${k} = (u32(place_${i}.y) < height) & (u32(place_${i}.x + ${k} * one.x) < width) & real_${k};
    let x_${i}_${k} = select(padding, x[u32(place_${i}.at + ${k} * one.at)], inside_${i}_${k});
    //@ else
    let inside_${i}_${k} = (u32(place_${i}.y) < height) & (u32(place_${i}.x) < width) & real_${k};
    let x_${i}_${k} = select(padding, x[u32(place_${i}.at)], inside_${i}_${k});
    //@ if k < 3
    place_${i} = moved(place_${i}, one, last_${i}, ends);
    //@ end
    //@ end
    //@ end
    //@ end
    //@ else
    let real = pixel < left;
    //@ for i in 0..XN
    let inside_${i} = (u32(place_${i}.y) < height) & (u32(place_${i}.x) < width) & real;
    let xs_${i} = select(padding, x[u32(place_${i}.at)], inside_${i});
    //@ end
    //@ for o in 0..YN
    let dys_${o} = select(Quad(), dy[dy_at + ${o}u * ROW_STEP.y], real);
    //@ end
    //@ end
    //@ for i in 0..XN
    place_${i} = moved(place_${i}, round, last_${i}, ends);
    //@ end
    dy_at += PIXELS_OF_ROUND * dy_loads;
    workgroupBarrier();
    //@ for i in 0..XL
    //@ if INT8
    //@ if XV == 1
    let xs_${i} = transpose(x_${i}_0, x_${i}_1, x_${i}_2, x_${i}_3);
    //@ else
    let xs_${i} = transpose(x_0_0[${i}], x_0_1[${i}], x_0_2[${i}], x_0_3[${i}]);
    //@ end
    //@ end
    //@ if K == 16
    words[word][16u * (${YQ}u + ${i}u) + side] = xs_${i};
    //@ else
    words[word][16u * ${YQ}u + side] = xs_${i};
    //@ end
    //@ end
    //@ for o in 0..YL
    //@ if INT8
    //@ if YV == 1
    let dys_${o} = transpose(dy_${o}_0, dy_${o}_1, dy_${o}_2, dy_${o}_3);
    //@ else
    let dys_${o} = transpose(dy_0_0[${o}], dy_0_1[${o}], dy_0_2[${o}], dy_0_3[${o}]);
    //@ end
    //@ end
    //@ if K == 16
    words[word][16u * ${o}u + side] = dys_${o};
    //@ else
    words[word][side] = dys_${o};
    //@ end
    //@ end
    workgroupBarrier();
    // A thread adds one channel, in the order of the words.
    if (group.x == 0u || group.y == 0u) {
      let quad = lane / 4u;
      let channel = lane % 4u;
      //@ for k in 0..K
      //@ if INT8
      total += dot_quad(0x01010101u, words[${k}][quad][channel]);
      //@ else
      total += words[${k}][quad][channel];
      //@ end
      //@ end
    }
    //@ for k in 0..K
    {
      //@ for o in 0..YQ
      let y_${o} = words[${k}][16u * ${o}u + down];
      //@ end
      //@ for i in 0..XQ
      let x_${i} = words[${k}][16u * (${YQ}u + ${i}u) + across];
      //@ for o in 0..YQ
      //@ for j in 0..4
      //@ if INT8
      a_${o}_${j}_${i} += dot_four(y_${o}[${j}], x_${i});
      //@ else
      a_${o}_${j}_${i} = fma(vec4<f32>(y_${o}[${j}]), x_${i}, a_${o}_${j}_${i});
      //@ end
      //@ end
      //@ end
      //@ end
    }
    //@ end
  }

  let to = group.z * slice_size();
  //@ for i in 0..XQ
  {
    let place = group.x * COLUMNS + across * COLUMN_STEP.x + ${i}u * COLUMN_STEP.y;
    //@ for o in 0..YQ
    {
      let output = group.y * ROWS + down * ROW_STEP.x + ${o}u * ROW_STEP.y;
      if (output < ${OQ}u && place < size) {
        //@ for j in 0..4
        partial[to + (output * 4u + ${j}u) * size + place] = a_${o}_${j}_${i};
        //@ end
      }
    }
    //@ end
  }
  //@ end
  totals[lane] = total;
  workgroupBarrier();
  if (lane < 16u * ${SLOTS}u) {
    let of_quad = vec4<Sum>(totals[4u * lane], totals[4u * lane + 1u], totals[4u * lane + 2u], totals[4u * lane + 3u]);
    let output = group.y * ROWS + lane % 16u * ROW_STEP.x + lane / 16u * ROW_STEP.y;
    if (group.x == 0u && lane < ROWS && output < ${OQ}u) { partial[to + slice_size() - ${OQ}u + output] = of_quad; }
    //@ if INT8
    let place = group.x * COLUMNS + lane % 16u * COLUMN_STEP.x + (lane / 16u - ${YQ}u) * COLUMN_STEP.y;
    if (group.y == 0u && lane >= ROWS && place < size) { partial[to + products_size() + place] = of_quad; }
    //@ end
  }
}
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
