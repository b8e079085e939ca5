// Products of a tile in registers: 6 rows × 8 columns, all of the reduction. It is the inner loop of every
// convolution and linear layer. 12 sums, two vectors of columns, one value of a row and one product fill
// the 16 vector registers of x86-64; 5 × 8 and 4 × 12 reach 95–100% of its rate (80% of what
// registers alone give on Emerald Rapids, 90% on Zen 3).

/** Rows of a tile. */
export const TILE_ROWS: i32 = 6;

/**
 * Sums of products of i16 values, exact. The reduction is in pairs, of an even number: a row is
 * [pairs][2], the columns are [pairs][8 columns][2]. Writes the sums, i32; their rows are `pitch` bytes apart.
 */
export function dotTile(rows: usize, stride: usize, columns: usize, pairs: i32, sums: usize, pitch: usize): void {
  let a0 = i32x4.splat(0), b0 = i32x4.splat(0), a1 = i32x4.splat(0), b1 = i32x4.splat(0);
  let a2 = i32x4.splat(0), b2 = i32x4.splat(0), a3 = i32x4.splat(0), b3 = i32x4.splat(0);
  let a4 = i32x4.splat(0), b4 = i32x4.splat(0), a5 = i32x4.splat(0), b5 = i32x4.splat(0);
  let r0 = rows, r1 = r0 + stride, r2 = r1 + stride, r3 = r2 + stride, r4 = r3 + stride, r5 = r4 + stride;
  for (const end = columns + (<usize>pairs << 5); columns < end; columns += 64) {
    let u = v128.load(columns), v = v128.load(columns, 16), x = v128.load32_splat(r0);
    a0 = i32x4.add(a0, i32x4.dot_i16x8_s(x, u));
    b0 = i32x4.add(b0, i32x4.dot_i16x8_s(x, v));
    x = v128.load32_splat(r1);
    a1 = i32x4.add(a1, i32x4.dot_i16x8_s(x, u));
    b1 = i32x4.add(b1, i32x4.dot_i16x8_s(x, v));
    x = v128.load32_splat(r2);
    a2 = i32x4.add(a2, i32x4.dot_i16x8_s(x, u));
    b2 = i32x4.add(b2, i32x4.dot_i16x8_s(x, v));
    x = v128.load32_splat(r3);
    a3 = i32x4.add(a3, i32x4.dot_i16x8_s(x, u));
    b3 = i32x4.add(b3, i32x4.dot_i16x8_s(x, v));
    x = v128.load32_splat(r4);
    a4 = i32x4.add(a4, i32x4.dot_i16x8_s(x, u));
    b4 = i32x4.add(b4, i32x4.dot_i16x8_s(x, v));
    x = v128.load32_splat(r5);
    a5 = i32x4.add(a5, i32x4.dot_i16x8_s(x, u));
    b5 = i32x4.add(b5, i32x4.dot_i16x8_s(x, v));
    u = v128.load(columns, 32);
    v = v128.load(columns, 48);
    x = v128.load32_splat(r0, 4);
    a0 = i32x4.add(a0, i32x4.dot_i16x8_s(x, u));
    b0 = i32x4.add(b0, i32x4.dot_i16x8_s(x, v));
    x = v128.load32_splat(r1, 4);
    a1 = i32x4.add(a1, i32x4.dot_i16x8_s(x, u));
    b1 = i32x4.add(b1, i32x4.dot_i16x8_s(x, v));
    x = v128.load32_splat(r2, 4);
    a2 = i32x4.add(a2, i32x4.dot_i16x8_s(x, u));
    b2 = i32x4.add(b2, i32x4.dot_i16x8_s(x, v));
    x = v128.load32_splat(r3, 4);
    a3 = i32x4.add(a3, i32x4.dot_i16x8_s(x, u));
    b3 = i32x4.add(b3, i32x4.dot_i16x8_s(x, v));
    x = v128.load32_splat(r4, 4);
    a4 = i32x4.add(a4, i32x4.dot_i16x8_s(x, u));
    b4 = i32x4.add(b4, i32x4.dot_i16x8_s(x, v));
    x = v128.load32_splat(r5, 4);
    a5 = i32x4.add(a5, i32x4.dot_i16x8_s(x, u));
    b5 = i32x4.add(b5, i32x4.dot_i16x8_s(x, v));
    r0 += 8;
    r1 += 8;
    r2 += 8;
    r3 += 8;
    r4 += 8;
    r5 += 8;
  }
  v128.store(sums, a0);
  v128.store(sums, b0, 16);
  sums += pitch;
  v128.store(sums, a1);
  v128.store(sums, b1, 16);
  sums += pitch;
  v128.store(sums, a2);
  v128.store(sums, b2, 16);
  sums += pitch;
  v128.store(sums, a3);
  v128.store(sums, b3, 16);
  sums += pitch;
  v128.store(sums, a4);
  v128.store(sums, b4, 16);
  sums += pitch;
  v128.store(sums, a5);
  v128.store(sums, b5, 16);
}

/**
 * Sums of products of f32 values, added in order to what `sums` holds: each product is rounded, then
 * added. `count` is even. A row is [count], the columns are
 * [count][8 columns]. Rows of the sums are `pitch` bytes apart.
 */
export function mulTile(rows: usize, stride: usize, columns: usize, count: i32, sums: usize, pitch: usize): void {
  const s1 = sums + pitch, s2 = s1 + pitch, s3 = s2 + pitch, s4 = s3 + pitch, s5 = s4 + pitch;
  let a0 = v128.load(sums), b0 = v128.load(sums, 16), a1 = v128.load(s1), b1 = v128.load(s1, 16);
  let a2 = v128.load(s2), b2 = v128.load(s2, 16), a3 = v128.load(s3), b3 = v128.load(s3, 16);
  let a4 = v128.load(s4), b4 = v128.load(s4, 16), a5 = v128.load(s5), b5 = v128.load(s5, 16);
  let r0 = rows, r1 = r0 + stride, r2 = r1 + stride, r3 = r2 + stride, r4 = r3 + stride, r5 = r4 + stride;
  for (const end = columns + (<usize>count << 5); columns < end; columns += 64) {
    let u = v128.load(columns), v = v128.load(columns, 16), x = v128.load32_splat(r0);
    a0 = f32x4.add(a0, f32x4.mul(x, u));
    b0 = f32x4.add(b0, f32x4.mul(x, v));
    x = v128.load32_splat(r1);
    a1 = f32x4.add(a1, f32x4.mul(x, u));
    b1 = f32x4.add(b1, f32x4.mul(x, v));
    x = v128.load32_splat(r2);
    a2 = f32x4.add(a2, f32x4.mul(x, u));
    b2 = f32x4.add(b2, f32x4.mul(x, v));
    x = v128.load32_splat(r3);
    a3 = f32x4.add(a3, f32x4.mul(x, u));
    b3 = f32x4.add(b3, f32x4.mul(x, v));
    x = v128.load32_splat(r4);
    a4 = f32x4.add(a4, f32x4.mul(x, u));
    b4 = f32x4.add(b4, f32x4.mul(x, v));
    x = v128.load32_splat(r5);
    a5 = f32x4.add(a5, f32x4.mul(x, u));
    b5 = f32x4.add(b5, f32x4.mul(x, v));
    u = v128.load(columns, 32);
    v = v128.load(columns, 48);
    x = v128.load32_splat(r0, 4);
    a0 = f32x4.add(a0, f32x4.mul(x, u));
    b0 = f32x4.add(b0, f32x4.mul(x, v));
    x = v128.load32_splat(r1, 4);
    a1 = f32x4.add(a1, f32x4.mul(x, u));
    b1 = f32x4.add(b1, f32x4.mul(x, v));
    x = v128.load32_splat(r2, 4);
    a2 = f32x4.add(a2, f32x4.mul(x, u));
    b2 = f32x4.add(b2, f32x4.mul(x, v));
    x = v128.load32_splat(r3, 4);
    a3 = f32x4.add(a3, f32x4.mul(x, u));
    b3 = f32x4.add(b3, f32x4.mul(x, v));
    x = v128.load32_splat(r4, 4);
    a4 = f32x4.add(a4, f32x4.mul(x, u));
    b4 = f32x4.add(b4, f32x4.mul(x, v));
    x = v128.load32_splat(r5, 4);
    a5 = f32x4.add(a5, f32x4.mul(x, u));
    b5 = f32x4.add(b5, f32x4.mul(x, v));
    r0 += 8;
    r1 += 8;
    r2 += 8;
    r3 += 8;
    r4 += 8;
    r5 += 8;
  }
  v128.store(sums, a0);
  v128.store(sums, b0, 16);
  sums += pitch;
  v128.store(sums, a1);
  v128.store(sums, b1, 16);
  sums += pitch;
  v128.store(sums, a2);
  v128.store(sums, b2, 16);
  sums += pitch;
  v128.store(sums, a3);
  v128.store(sums, b3, 16);
  sums += pitch;
  v128.store(sums, a4);
  v128.store(sums, b4, 16);
  sums += pitch;
  v128.store(sums, a5);
  v128.store(sums, b5, 16);
}
