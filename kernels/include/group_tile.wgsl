// A product of rows and columns, cut into tiles that a workgroup of 16·16 threads shares: K elements of the
// reduction at a time, of 16·P rows and of 16·Q quads of columns, are copied into workgroup memory, and
// each thread multiplies P rows by Q quads of columns of it (include group_multiply). An element is a
// word of four codes; without INT8, a number.
//
// Arrays of arrays, with all indices but one constant: an index that the driver must clamp does not fold
// into the offset of a load. What threads write by the element is an array of elements: a write to one
// component of a vector may write the others too. A part has the rows of one load; its padding puts the
// parts that neighbouring threads write into different banks.
//
//   LOAD      elements that a thread copies in one load: of V quads
//   PARTS     loads of a row of the tile
//   STRIDE    rows that the workgroup copies at a time, of LOADS·STRIDE
//   COLUMNS, GROUP_QUADS   columns of the tile, and quads of them
//   QUAD_STRIDE            quads of an element that the workgroup copies at a time
// References: those of the kernels.
//@ let THREADS = 256
//@ let FOURS = P / 4
//@ if INT8
//@ let LOAD = V
//@ else
//@ let LOAD = 4
//@ end
//@ let PARTS = K / LOAD
//@ let STRIDE = THREADS / PARTS
//@ let LOADS = 16 * P / STRIDE
//@ let GROUP_QUADS = 16 * Q
//@ let COLUMNS = 4 * GROUP_QUADS
//@ if INT8
//@ let QUAD_STRIDE = THREADS / K
//@ let WEIGHT_LOADS = GROUP_QUADS / QUAD_STRIDE
//@ else
//@ let WEIGHT_LOADS = COLUMNS / STRIDE
//@ end

//@ if INT8
alias Element = u32;
//@ else
alias Element = f32;
//@ end

struct Part { rows: array<array<array<array<Element, 4>, 16>, ${FOURS}>, ${LOAD}>, padding: array<Element, 8> }
var<workgroup> tile_rows: array<Part, ${PARTS}>;
//@ if INT8
var<workgroup> tile_columns: array<array<array<vec4<Element>, 16>, ${Q}>, ${K}>;
//@ else
var<workgroup> tile_columns: array<array<array<array<Element, 4>, 16>, ${Q}>, ${K}>;
//@ end

// The elements of four rows, or columns, one after the other in memory: drivers read them in one load.
fn four_elements(e: array<Element, 4>) -> vec4<Element> { return vec4<Element>(e[0], e[1], e[2], e[3]); }

// Writes a load, LOAD elements of a row.
fn put_row(part: u32, row: u32, load: Wide) {
  let h = row / (4u * 16u);
  let d = row / 4u % 16u;
  let r = row % 4u;
  //@ if INT8
  //@ if V == 1
  tile_rows[part].rows[0][h][d][r] = factor(load);
  //@ else
  //@ for j in 0..LOAD
  tile_rows[part].rows[${j}][h][d][r] = factor(load[${j}]);
  //@ end
  //@ end
  //@ else
  //@ for j in 0..LOAD
  tile_rows[part].rows[${j}][h][d][r] = load[${j}];
  //@ end
  //@ end
}

//@ if INT8
// Writes an element of the four columns of a quad.
fn put_columns(k: u32, quad: u32, four: Four) {
  tile_columns[k][quad / 16u][quad % 16u] = vec4<u32>(factor(four.x), factor(four.y), factor(four.z), factor(four.w));
}
//@ if DOT == 1
// Σ of a row's elements, as unsigned codes: what corrects for the columns' zero point of 128.
var<workgroup> row_totals: array<atomic<i32>, 16 * ${P}>;

fn total_of(load: Wide) -> i32 {
  var total = 0;
  //@ if V == 1
  total += dot_quad(factor(load), 0x01010101u);
  //@ else
  //@ for j in 0..LOAD
  total += dot_quad(factor(load[${j}]), 0x01010101u);
  //@ end
  //@ end
  return total;
}
//@ end
//@ else
// Writes four elements of a column.
fn put_column(part: u32, column: u32, load: Wide) {
  let quad = column / 4u;
  //@ for j in 0..4
  tile_columns[part * 4u + ${j}u][quad / 16u][quad % 16u][column % 4u] = load[${j}];
  //@ end
}
//@ end
