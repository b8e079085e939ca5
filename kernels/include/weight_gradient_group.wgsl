// The form of conv_backward_weight in workgroup memory; that kernel's shader has the formula and the buffers.
// Reference: kernels/conv_backward_weight/reference.ts
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
