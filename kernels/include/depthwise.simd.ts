// What the depthwise convolutions share. Rows of a tensor are laid out in planes, one a quad of channels:
// [quads][columns][4 channels], with zeros as padding. A place holds f32 values; or, of codes, those of two
// rows as pairs of i16, the zero point taken off, so that i32x4.dot_i16x8_s adds the products of both rows.
// It has 16 bytes in either case, and 8 neighbouring columns are next to each other.

/** Lays out one row, or of codes two. */
@inline
export function fillPlanes(
  int8: bool, first: usize, second: usize, step: usize, columns: i32, before: i32, all: i32, quads: i32,
  zero: i32, to: usize,
): void {
  if (int8) fillCodes(first, second, step, columns, before, all, quads, zero, to);
  else fillReal(first, step, columns, before, all, quads, to);
}

/**
 * Lays out two rows of codes in planes of `all` columns, of which `before` and those after the row are
 * padding; a row whose address is 0 is padding. `step` bytes further is the next column.
 */
export function fillCodes(
  first: usize, second: usize, step: usize, columns: i32, before: i32, all: i32, quads: i32, zero: i32, to: usize,
): void {
  const z = i16x8.splat(<i16>zero), none = i32x4.splat(0), plane = <usize>all << 4;
  if (!first && !second) {
    memory.fill(to, 0, plane * quads);
    return;
  }
  for (let quad: i32 = 0; quad < quads; quad += 2, to += 2 * plane) {
    const other: usize = quad + 1 < quads ? plane : 0;
    let at = clearBefore(to, before, other), a = first + 4 * quad, b = second + 4 * quad;
    for (let column: i32 = 0; column < columns; column++, a += step, b += step, at += 16) {
      const u = first ? i16x8.sub(v128.load8x8_s(a), z) : none;
      const v = second ? i16x8.sub(v128.load8x8_s(b), z) : none;
      // The low half last: where there is no other plane, both have one place.
      v128.store(at + other, i16x8.shuffle(u, v, 4, 12, 5, 13, 6, 14, 7, 15));
      v128.store(at, i16x8.shuffle(u, v, 0, 8, 1, 9, 2, 10, 3, 11));
    }
    clearBefore(at, all - before - columns, other);
  }
}

/** Lays out a row of f32 values; one whose address is 0 is padding. */
export function fillReal(
  row: usize, step: usize, columns: i32, before: i32, all: i32, quads: i32, to: usize,
): void {
  const plane = <usize>all << 4;
  if (!row) {
    memory.fill(to, 0, plane * quads);
    return;
  }
  for (let quad: i32 = 0; quad < quads; quad++, row += 16, to += plane) {
    let at = clearBefore(to, before, 0), from = row;
    for (let column: i32 = 0; column < columns; column++, from += step, at += 16) v128.store(at, v128.load(from));
    clearBefore(at, all - before - columns, 0);
  }
}

/** Clears columns of a plane, and of another one `other` bytes further; returns the place after them. */
@inline
function clearBefore(at: usize, columns: i32, other: usize): usize {
  for (const end = at + (<usize>max(columns, 0) << 4); at < end; at += 16) {
    v128.store(at + other, i32x4.splat(0));
    v128.store(at, i32x4.splat(0));
  }
  return at;
}

/** Columns that `sumColumns` computes for `columns`. */
@inline
export function wholeColumns(columns: i32): i32 {
  return (columns + 3) & ~3;
}

/** Rows laid out together that `rows` rows reach at most. */
@inline
export function slotsOf(int8: bool, rows: i32): i32 {
  return int8 ? (rows >> 1) + 1 : rows;
}

/** Bytes of a quad's laid out weights: its unit, then `sets` windows of `rows` × `columns` taps. */
@inline
export function quadBytes(int8: bool, sets: i32, rows: i32, columns: i32): usize {
  return <usize>(16 + (int8 ? 2 : 1) * sets * slotsOf(int8, rows) * columns * 16);
}

/** Writes four real values of a quad's sums of products: scale · scales of the channels. */
export function layOutUnit(scale: f32, scales: usize, quad: i32, to: usize): void {
  v128.store(to, f32x4.mul(f32x4.splat(scale), v128.load(scales + (<usize>quad << 4))));
}

/**
 * Lays out a quad's taps of a window: the rows `ky`, `ky + dky` … (`rows` of them), of each the columns `kx`,
 * `kx + dkx` … . Of codes, two rows together: with `odd` the first one has none before it. Returns the next
 * place.
 */
export function layOutTaps(
  int8: bool, weight: usize, quad: i32, quads: i32, KW: i32, ky: i32, dky: i32, rows: i32, kx: i32, dkx: i32,
  columns: i32, odd: i32, to: usize,
): void {
  if (!int8) {
    for (let i: i32 = 0; i < rows; i++) {
      for (let j: i32 = 0; j < columns; j++, to += 16) {
        const tap = (ky + i * dky) * KW + kx + j * dkx;
        v128.store(to, v128.load(weight + <usize>(16 * (tap * quads + quad))));
      }
    }
    return;
  }
  for (let i = -odd; i < rows; i += 2) {
    for (let j: i32 = 0; j < columns; j++, to += 16) {
      const a = i < 0 ? i32x4.splat(0) : tapCodes(weight, quad, quads, (ky + i * dky) * KW + kx + j * dkx);
      const b = i + 1 < rows ? tapCodes(weight, quad, quads, (ky + (i + 1) * dky) * KW + kx + j * dkx) : i32x4.splat(0);
      v128.store(to, i16x8.shuffle(a, b, 0, 8, 1, 9, 2, 10, 3, 11));
    }
  }
}

/** The codes of a quad's tap as i16, twice over. */
@inline
function tapCodes(weight: usize, quad: i32, quads: i32, tap: i32): v128 {
  return i16x8.extend_low_i8x16_s(v128.load32_zero(weight + <usize>(4 * (tap * quads + quad))));
}

/** The window of `sumColumns`: addresses of laid out rows, in a list, and taps of each. */
let list: usize = 0, slots: i32 = 0, taps: i32 = 0, tapStep: i32 = 0;

/** Sets the window: `count` rows, of each `columns` taps, the next of which is `step` bytes further. */
export function openWindow(rows: usize, count: i32, columns: i32, step: i32): void {
  list = rows;
  slots = count;
  taps = columns;
  tapStep = step;
}

/**
 * Sums the window's products for `columns` columns of all quads, and writes their real values, `pitch` bytes
 * from a column to the next; it writes `wholeColumns` of them. `offset` is the place of the first column's
 * first tap in a plane, `step` bytes further that of the next column; `weights` the first quad's unit,
 * `taps` bytes further its taps. `bias` may be 0.
 */
export function sumColumns(
  int8: bool, quads: i32, plane: usize, offset: usize, step: i32, columns: i32, weights: usize, tapsAt: usize,
  bytes: usize, bias: usize, to: usize, pitch: usize,
): void {
  if (step == 16) {
    if (int8) sumQuads<Next>(true, quads, plane, offset, step, columns, weights, tapsAt, bytes, bias, to, pitch);
    else sumQuads<Next>(false, quads, plane, offset, step, columns, weights, tapsAt, bytes, bias, to, pitch);
  } else if (step == 32) {
    if (int8) sumQuads<Second>(true, quads, plane, offset, step, columns, weights, tapsAt, bytes, bias, to, pitch);
    else sumQuads<Second>(false, quads, plane, offset, step, columns, weights, tapsAt, bytes, bias, to, pitch);
  } else sumQuads<Any>(int8, quads, plane, offset, step, columns, weights, tapsAt, bytes, bias, to, pitch);
}

// Steps from a column to the next, as types: the offset of a load must be known when it is compiled.
@unmanaged
class Next {
  a: i64;
  b: i64;
}

@unmanaged
class Second extends Next {
  c: i64;
  d: i64;
}

@unmanaged
class Any {}

@inline
function sumQuads<Step>(
  int8: bool, quads: i32, plane: usize, offset: usize, step: i32, columns: i32, weights: usize,
  tapsAt: usize, bytes: usize, bias: usize, to: usize, pitch: usize,
): void {
  for (let quad: i32 = 0; quad < quads; quad++, offset += plane, weights += bytes, to += 16) {
    const b = bias ? bias + (<usize>quad << 4) : 0;
    let column: i32 = 0, at = offset, line = to;
    if (offsetof<Step>() > 0) {
      for (; column + 4 < columns; column += 8, at += 8 * offsetof<Step>(), line += 8 * pitch) {
        sum8<Step>(int8, at, weights, tapsAt, b, line, pitch);
      }
      if (column < columns) sum4<Step>(int8, at, weights, tapsAt, b, line, pitch);
    } else {
      for (; column < columns; column++, at += step, line += pitch) sum1(int8, at, weights, tapsAt, b, line);
    }
  }
}

@inline
function addProduct(int8: bool, sum: v128, x: v128, w: v128): v128 {
  return int8 ? i32x4.add(sum, i32x4.dot_i16x8_s(x, w)) : f32x4.add(sum, f32x4.mul(x, w));
}

/** Writes the real value of a sum. */
@inline
function finishSum(int8: bool, sum: v128, unit: v128, bias: usize, to: usize): void {
  let v = int8 ? f32x4.mul(f32x4.convert_i32x4_s(sum), unit) : sum;
  if (bias) v = f32x4.add(v, v128.load(bias));
  v128.store(to, v);
}

/** Eight columns, a step apart. */
@inline
function sum8<Step>(
  int8: bool, offset: usize, weights: usize, tapsAt: usize, bias: usize, to: usize, pitch: usize,
): void {
  let a0 = i32x4.splat(0), a1 = i32x4.splat(0), a2 = i32x4.splat(0), a3 = i32x4.splat(0);
  let a4 = i32x4.splat(0), a5 = i32x4.splat(0), a6 = i32x4.splat(0), a7 = i32x4.splat(0);
  const count = taps, next = tapStep;
  let w = weights + tapsAt, row = list;
  for (const end = row + (<usize>slots << 2); row < end; row += 4) {
    let x = load<usize>(row) + offset;
    for (let tap: i32 = 0; tap < count; tap++, x += next, w += 16) {
      const k = v128.load(w);
      a0 = addProduct(int8, a0, v128.load(x), k);
      a1 = addProduct(int8, a1, v128.load(x, offsetof<Step>()), k);
      a2 = addProduct(int8, a2, v128.load(x, 2 * offsetof<Step>()), k);
      a3 = addProduct(int8, a3, v128.load(x, 3 * offsetof<Step>()), k);
      a4 = addProduct(int8, a4, v128.load(x, 4 * offsetof<Step>()), k);
      a5 = addProduct(int8, a5, v128.load(x, 5 * offsetof<Step>()), k);
      a6 = addProduct(int8, a6, v128.load(x, 6 * offsetof<Step>()), k);
      a7 = addProduct(int8, a7, v128.load(x, 7 * offsetof<Step>()), k);
    }
  }
  const unit = v128.load(weights);
  finishSum(int8, a0, unit, bias, to);
  to += pitch;
  finishSum(int8, a1, unit, bias, to);
  to += pitch;
  finishSum(int8, a2, unit, bias, to);
  to += pitch;
  finishSum(int8, a3, unit, bias, to);
  to += pitch;
  finishSum(int8, a4, unit, bias, to);
  to += pitch;
  finishSum(int8, a5, unit, bias, to);
  to += pitch;
  finishSum(int8, a6, unit, bias, to);
  to += pitch;
  finishSum(int8, a7, unit, bias, to);
}

/** Four columns. */
@inline
function sum4<Step>(
  int8: bool, offset: usize, weights: usize, tapsAt: usize, bias: usize, to: usize, pitch: usize,
): void {
  let a0 = i32x4.splat(0), a1 = i32x4.splat(0), a2 = i32x4.splat(0), a3 = i32x4.splat(0);
  const count = taps, next = tapStep;
  let w = weights + tapsAt, row = list;
  for (const end = row + (<usize>slots << 2); row < end; row += 4) {
    let x = load<usize>(row) + offset;
    for (let tap: i32 = 0; tap < count; tap++, x += next, w += 16) {
      const k = v128.load(w);
      a0 = addProduct(int8, a0, v128.load(x), k);
      a1 = addProduct(int8, a1, v128.load(x, offsetof<Step>()), k);
      a2 = addProduct(int8, a2, v128.load(x, 2 * offsetof<Step>()), k);
      a3 = addProduct(int8, a3, v128.load(x, 3 * offsetof<Step>()), k);
    }
  }
  const unit = v128.load(weights);
  finishSum(int8, a0, unit, bias, to);
  finishSum(int8, a1, unit, bias, to + pitch);
  finishSum(int8, a2, unit, bias, to + 2 * pitch);
  finishSum(int8, a3, unit, bias, to + 3 * pitch);
}

/** One column. */
@inline
function sum1(int8: bool, offset: usize, weights: usize, tapsAt: usize, bias: usize, to: usize): void {
  let sum = i32x4.splat(0), w = weights + tapsAt, row = list;
  for (const end = row + (<usize>slots << 2); row < end; row += 4) {
    let x = load<usize>(row) + offset;
    for (let tap: i32 = 0; tap < taps; tap++, x += tapStep, w += 16) {
      sum = addProduct(int8, sum, v128.load(x), v128.load(w));
    }
  }
  finishSum(int8, sum, v128.load(weights), bias, to);
}
