// Peak rates of a core: products in registers, and a copy. In the loops in registers, 12 sums do not
// depend on one another, so that the units never wait for a result, and the 16 registers of x86-64 hold
// them. A sum is an operand of its next product, or the compiler would take the product out of the loop;
// and other operands are loaded, as V8 makes constants anew at each use (14 GOP/s in place of 56).

/** Addresses of 12 results and of 2 operands of 16 bytes. */
const RESULTS: usize = 1024, OPERANDS: usize = 2048;
/** Address of the data to copy. */
const DATA: usize = 4096;

/** Products of int8 widened to 16 bits, summed in pairs: 12 · 16 operations a turn. */
export function int8(turns: i32): void {
  v128.store(OPERANDS, i32x4.splat(1));
  v128.store(OPERANDS, i16x8.splat(3), 16);
  const one = v128.load(OPERANDS), w = v128.load(OPERANDS, 16);
  let s0 = i32x4.splat(0);
  let s1 = i32x4.splat(1);
  let s2 = i32x4.splat(2);
  let s3 = i32x4.splat(3);
  let s4 = i32x4.splat(4);
  let s5 = i32x4.splat(5);
  let s6 = i32x4.splat(6);
  let s7 = i32x4.splat(7);
  let s8 = i32x4.splat(8);
  let s9 = i32x4.splat(9);
  let s10 = i32x4.splat(10);
  let s11 = i32x4.splat(11);
  for (let turn: i32 = 0; turn < turns; turn++) {
    s0 = i32x4.add(one, i32x4.dot_i16x8_s(s0, w));
    s1 = i32x4.add(one, i32x4.dot_i16x8_s(s1, w));
    s2 = i32x4.add(one, i32x4.dot_i16x8_s(s2, w));
    s3 = i32x4.add(one, i32x4.dot_i16x8_s(s3, w));
    s4 = i32x4.add(one, i32x4.dot_i16x8_s(s4, w));
    s5 = i32x4.add(one, i32x4.dot_i16x8_s(s5, w));
    s6 = i32x4.add(one, i32x4.dot_i16x8_s(s6, w));
    s7 = i32x4.add(one, i32x4.dot_i16x8_s(s7, w));
    s8 = i32x4.add(one, i32x4.dot_i16x8_s(s8, w));
    s9 = i32x4.add(one, i32x4.dot_i16x8_s(s9, w));
    s10 = i32x4.add(one, i32x4.dot_i16x8_s(s10, w));
    s11 = i32x4.add(one, i32x4.dot_i16x8_s(s11, w));
  }
  v128.store(RESULTS, s0, 0);
  v128.store(RESULTS, s1, 16);
  v128.store(RESULTS, s2, 32);
  v128.store(RESULTS, s3, 48);
  v128.store(RESULTS, s4, 64);
  v128.store(RESULTS, s5, 80);
  v128.store(RESULTS, s6, 96);
  v128.store(RESULTS, s7, 112);
  v128.store(RESULTS, s8, 128);
  v128.store(RESULTS, s9, 144);
  v128.store(RESULTS, s10, 160);
  v128.store(RESULTS, s11, 176);
}

/** Products and sums of f32: 12 · 8 operations a turn. The sums go to 2: all numbers are normal. */
export function float32(turns: i32): void {
  v128.store(OPERANDS, f32x4.splat(1));
  v128.store(OPERANDS, f32x4.splat(0.5), 16);
  const one = v128.load(OPERANDS), w = v128.load(OPERANDS, 16);
  let s0 = f32x4.splat(0);
  let s1 = f32x4.splat(1);
  let s2 = f32x4.splat(2);
  let s3 = f32x4.splat(3);
  let s4 = f32x4.splat(4);
  let s5 = f32x4.splat(5);
  let s6 = f32x4.splat(6);
  let s7 = f32x4.splat(7);
  let s8 = f32x4.splat(8);
  let s9 = f32x4.splat(9);
  let s10 = f32x4.splat(10);
  let s11 = f32x4.splat(11);
  for (let turn: i32 = 0; turn < turns; turn++) {
    s0 = f32x4.add(one, f32x4.mul(s0, w));
    s1 = f32x4.add(one, f32x4.mul(s1, w));
    s2 = f32x4.add(one, f32x4.mul(s2, w));
    s3 = f32x4.add(one, f32x4.mul(s3, w));
    s4 = f32x4.add(one, f32x4.mul(s4, w));
    s5 = f32x4.add(one, f32x4.mul(s5, w));
    s6 = f32x4.add(one, f32x4.mul(s6, w));
    s7 = f32x4.add(one, f32x4.mul(s7, w));
    s8 = f32x4.add(one, f32x4.mul(s8, w));
    s9 = f32x4.add(one, f32x4.mul(s9, w));
    s10 = f32x4.add(one, f32x4.mul(s10, w));
    s11 = f32x4.add(one, f32x4.mul(s11, w));
  }
  v128.store(RESULTS, s0, 0);
  v128.store(RESULTS, s1, 16);
  v128.store(RESULTS, s2, 32);
  v128.store(RESULTS, s3, 48);
  v128.store(RESULTS, s4, 64);
  v128.store(RESULTS, s5, 80);
  v128.store(RESULTS, s6, 96);
  v128.store(RESULTS, s7, 112);
  v128.store(RESULTS, s8, 128);
  v128.store(RESULTS, s9, 144);
  v128.store(RESULTS, s10, 160);
  v128.store(RESULTS, s11, 176);
}

/** Copies `bytes`, a multiple of 64, to the place next to them. */
export function copy(turns: i32, bytes: usize): void {
  for (let turn: i32 = 0; turn < turns; turn++) {
    for (let from = DATA, end = DATA + bytes; from < end; from += 64) {
      const to = from + bytes;
      const a = v128.load(from), b = v128.load(from, 16);
      const c = v128.load(from, 32), d = v128.load(from, 48);
      v128.store(to, a);
      v128.store(to, b, 16);
      v128.store(to, c, 32);
      v128.store(to, d, 48);
    }
  }
}
