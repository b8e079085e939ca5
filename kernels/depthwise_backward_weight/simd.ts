import { fillPlanes } from "../include/depthwise.simd";
import { firstOf, quantizer } from "../include/quantize.simd";
import { DepthwiseBackwardWeight } from "../include/records.simd";

/**
 * Sums of products, and of dY, over the pixels of each chunk. A part is a chunk, for some of the quads where
 * chunks are few.
 */
export function depthwise_backward_weight(
  c: DepthwiseBackwardWeight, phase: i32, part: i32, parts: i32, scratch: usize,
): void {
  const groups = parts / c.CHUNKS, group = part % groups, chunk = part / groups;
  const first = firstOf(c.CQ, group, groups), last = firstOf(c.CQ, group + 1, groups);
  if (c.INT8) sumChunk(true, c, chunk, first, last - first, scratch);
  else sumChunk(false, c, chunk, first, last - first, scratch);
}

/** Sums a chunk, one line at a time, or of codes two. */
@inline
function sumChunk(
  int8: bool, c: DepthwiseBackwardWeight, chunk: i32, first: i32, quads: i32, scratch: usize,
): void {
  const all = 4 * c.CQ, bytes = <usize>(int8 ? all : 4 * all), shift = <usize>(int8 ? 4 : 16) * first;
  const taps = c.KH * c.KW, SH = c.SH, KH = c.KH, zx = int8 ? <i32>quantizer(c.quantizers, c.X_ROW).zero : 0;
  const columns = max(c.PW + c.W, (c.WO - 1) * c.SW + c.KW), slotBytes = <usize>(columns * quads * 16);
  const zdy = int8 ? <i32>quantizer(c.quantizers, c.DY_ROW).zero : 0, dys = scratch + ((<usize>KH * 4 + 15) & ~15);
  const rows = dys + <usize>(c.WO * quads * 16), partial = c.partial + <usize>((chunk * taps * all + 4 * first) << 2);
  const total: usize = c.BIAS ? c.dy_total + <usize>((chunk * all + 4 * first) << 2) : 0;
  for (let tap: i32 = 0; tap < taps; tap++) memory.fill(partial + <usize>(tap * all * 4), 0, quads * 16);
  if (c.BIAS) memory.fill(total, 0, quads * 16);
  const end = min((chunk + 1) * c.ROWS, c.LINES), most = int8 ? 2 : 1;
  let filled: i32 = 0, before: i32 = -1;
  for (let line = chunk * c.ROWS; line < end;) {
    const image = line / c.HO, oy = line % c.HO, now = min(most, min(end - line, c.HO - oy)), top = oy * SH;
    if (image != before) filled = top;
    before = image;
    // Slot r holds the row r, counted with the padding; of codes also the row that the second line sees so.
    for (let slot = max(filled, top); slot < top + KH; slot++) {
      const y = slot - c.PH, to = rows + <usize>(slot % KH) * slotBytes;
      const x0 = rowOf(c, image, y, bytes, shift), x1 = rowOf(c, image, y + SH, bytes, shift);
      fillPlanes(int8, x0, x1, bytes, c.W, c.PW, columns, quads, zx, to);
    }
    filled = top + KH;
    for (let ky: i32 = 0; ky < KH; ky++) {
      store<usize>(scratch + (<usize>ky << 2), rows + <usize>((top + ky) % KH) * slotBytes);
    }
    const dy = c.dy + <usize>(line * c.WO) * bytes + shift;
    fillPlanes(int8, dy, now == 2 ? dy + <usize>c.WO * bytes : 0, bytes, c.WO, 0, c.WO, quads, zdy, dys);
    sumLine(int8, c, quads, columns, scratch, dys, partial, total);
    line += now;
  }
}

/** The address of the first quad of a row of the input; 0 outside the image. */
@inline
function rowOf(c: DepthwiseBackwardWeight, image: i32, y: i32, bytes: usize, shift: usize): usize {
  return y >= 0 && y < c.H ? c.x + <usize>((image * c.H + y) * c.W) * bytes + shift : 0;
}

/** Adds what a laid out line contributes to each quad's taps. */
@inline
function sumLine(
  int8: bool, c: DepthwiseBackwardWeight, quads: i32, columns: i32, list: usize, dys: usize, partial: usize,
  total: usize,
): void {
  const step = <usize>c.SW << 4, next = <usize>c.CQ << 4, KW = c.KW, plane = <usize>columns << 4, line = <usize>c.WO << 4;
  const is3x3 = c.KH == 3 && KW == 3;
  for (let quad: i32 = 0; quad < quads; quad++, dys += line, partial += 16) {
    const offset = quad * plane;
    if (is3x3) {
      const x0 = load<usize>(list) + offset, x1 = load<usize>(list, 4) + offset, x2 = load<usize>(list, 8) + offset;
      sum3x3(int8, dys, dys + line, x0, x1, x2, step, partial, next);
    } else {
      let to = partial;
      for (let ky: i32 = 0; ky < c.KH; ky++) {
        let x = load<usize>(list + (<usize>ky << 2)) + offset;
        for (let kx: i32 = 0; kx < KW; kx++, x += 16, to += next) sumTap(int8, dys, dys + line, x, step, to);
      }
    }
    if (total) {
      addTotal(int8, dys, dys + line, total);
      total += 16;
    }
  }
}

@inline
function addProduct(int8: bool, sum: v128, x: v128, y: v128): v128 {
  return int8 ? i32x4.add(sum, i32x4.dot_i16x8_s(x, y)) : f32x4.add(sum, f32x4.mul(x, y));
}

/** Adds the products of nine taps, whose sums are `next` bytes apart. */
@inline
function sum3x3(
  int8: bool, dy: usize, end: usize, x0: usize, x1: usize, x2: usize, step: usize, to: usize, next: usize,
): void {
  const t1 = to + next, t2 = t1 + next, t3 = t2 + next, t4 = t3 + next, t5 = t4 + next, t6 = t5 + next;
  const t7 = t6 + next, t8 = t7 + next;
  let a0 = v128.load(to), a1 = v128.load(t1), a2 = v128.load(t2), a3 = v128.load(t3), a4 = v128.load(t4);
  let a5 = v128.load(t5), a6 = v128.load(t6), a7 = v128.load(t7), a8 = v128.load(t8);
  for (; dy < end; dy += 16, x0 += step, x1 += step, x2 += step) {
    const g = v128.load(dy);
    a0 = addProduct(int8, a0, v128.load(x0), g);
    a1 = addProduct(int8, a1, v128.load(x0, 16), g);
    a2 = addProduct(int8, a2, v128.load(x0, 32), g);
    a3 = addProduct(int8, a3, v128.load(x1), g);
    a4 = addProduct(int8, a4, v128.load(x1, 16), g);
    a5 = addProduct(int8, a5, v128.load(x1, 32), g);
    a6 = addProduct(int8, a6, v128.load(x2), g);
    a7 = addProduct(int8, a7, v128.load(x2, 16), g);
    a8 = addProduct(int8, a8, v128.load(x2, 32), g);
  }
  v128.store(to, a0);
  v128.store(t1, a1);
  v128.store(t2, a2);
  v128.store(t3, a3);
  v128.store(t4, a4);
  v128.store(t5, a5);
  v128.store(t6, a6);
  v128.store(t7, a7);
  v128.store(t8, a8);
}

/** Adds the products of one tap. */
@inline
function sumTap(int8: bool, dy: usize, end: usize, x: usize, step: usize, to: usize): void {
  let sum = v128.load(to);
  for (; dy < end; dy += 16, x += step) sum = addProduct(int8, sum, v128.load(x), v128.load(dy));
  v128.store(to, sum);
}

/** Adds dY. */
@inline
function addTotal(int8: bool, dy: usize, end: usize, to: usize): void {
  const ones = i16x8.splat(1);
  let sum = v128.load(to);
  for (; dy < end; dy += 16) {
    const g = v128.load(dy);
    sum = int8 ? i32x4.add(sum, i32x4.dot_i16x8_s(g, ones)) : f32x4.add(sum, g);
  }
  v128.store(to, sum);
}
