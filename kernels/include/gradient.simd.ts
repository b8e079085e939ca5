// SIMD form of kernels/include/gradient.wgsl: adds the other branches' gradient and applies the mask.
import { loadReal, quantizer, scaled4, scaled4 } from "./quantize.simd";

// A thread finishes one gradient at a time. Globals of a module are the thread's own.
let codes: bool = false, mask: i32 = 0;
let addendAt: usize = 0, addendZero: v128 = i32x4.splat(0), addendScale: v128 = i32x4.splat(0);
let maskAt: usize = 0, maskZero: v128 = i32x4.splat(0), maskScale: v128 = i32x4.splat(0);

/** Prepares `finish4`, from the constants and buffers `gradient` of include/interface.ts. */
export function openGradient(
  int8: i32, table: usize, hasAddend: i32, addend: usize, addendRow: i32,
  maskKind: i32, maskTensor: usize, maskRow: i32,
): void {
  codes = int8 != 0;
  addendAt = hasAddend ? addend : 0;
  mask = maskKind;
  maskAt = maskTensor;
  if (hasAddend) {
    const z = quantizer(table, addendRow);
    addendZero = i32x4.splat(<i32>z.zero);
    addendScale = f32x4.splat(z.scale);
  }
  if (maskKind) {
    const z = quantizer(table, maskRow);
    maskZero = i32x4.splat(<i32>z.zero);
    maskScale = f32x4.splat(z.scale);
  }
}

/** Turns four contributions at padded index `at` into gradients. */
@inline
export function finish4(v: v128, at: i32): v128 {
  if (addendAt) v = f32x4.add(v, loadReal(codes, addendAt, at, addendZero, addendScale));
  return mask ? masked4(v, at) : v;
}

@inline
function masked4(v: v128, at: i32): v128 {
  const m = loadReal(codes, maskAt, at, maskZero, maskScale), open = f32x4.gt(m, f32x4.splat(0));
  return v128.and(v, mask == 2 ? v128.and(open, f32x4.lt(m, f32x4.splat(6))) : open);
}

/** Turns a line of `count` contributions, a multiple of 4, at padded index `at` and on into gradients. */
export function finishLine(line: usize, at: i32, count: i32): void {
  if (!codes) {
    if (addendAt) addReals(line, addendAt + (<usize>at << 2), count);
    if (mask) maskByReals(line, maskAt + (<usize>at << 2), count);
  } else {
    if (addendAt) addCodes(line, at, count);
    if (mask) maskByCodes(line, at, count);
  }
}

function addReals(line: usize, from: usize, count: i32): void {
  for (const end = line + (<usize>count << 2); line < end; line += 16, from += 16) {
    v128.store(line, f32x4.add(v128.load(line), v128.load(from)));
  }
}

function maskByReals(line: usize, from: usize, count: i32): void {
  // The largest f32 below 6.
  const zero = f32x4.splat(0), most = f32x4.splat(mask == 2 ? reinterpret<f32>(0x40bfffff) : Infinity);
  for (const end = line + (<usize>count << 2); line < end; line += 16, from += 16) {
    const m = v128.load(from), open = v128.and(f32x4.gt(m, zero), f32x4.le(m, most));
    v128.store(line, v128.and(v128.load(line), open));
  }
}

function addCodes(line: usize, at: i32, count: i32): void {
  const factor = addendScale, zero = i16x8.narrow_i32x4_s(addendZero, addendZero);
  let i: i32 = 0;
  for (; i + 16 <= count; i += 16, line += 64) {
    const q = v128.load(addendAt + at + i);
    let u = i16x8.sub(i16x8.extend_low_i8x16_s(q), zero);
    v128.store(line, f32x4.add(v128.load(line), scaled4(i32x4.extend_low_i16x8_s(u), factor)));
    v128.store(line, f32x4.add(v128.load(line, 16), scaled4(i32x4.extend_high_i16x8_s(u), factor)), 16);
    u = i16x8.sub(i16x8.extend_high_i8x16_s(q), zero);
    v128.store(line, f32x4.add(v128.load(line, 32), scaled4(i32x4.extend_low_i16x8_s(u), factor)), 32);
    v128.store(line, f32x4.add(v128.load(line, 48), scaled4(i32x4.extend_high_i16x8_s(u), factor)), 48);
  }
  for (; i < count; i += 4, line += 16) {
    v128.store(line, f32x4.add(v128.load(line), loadReal(true, addendAt, at + i, addendZero, factor)));
  }
}

/** Keeps what codes above the zero point, and up to the last below 6, pass on. */
function maskByCodes(line: usize, at: i32, count: i32): void {
  const zero = <i32>i32x4.extract_lane(maskZero, 0), least = i8x16.splat(<i8>zero);
  const most = i8x16.splat(<i8>min(127, zero + (mask == 2 ? lastBelow6() : 255)));
  let i: i32 = 0;
  for (; i + 16 <= count; i += 16, line += 64) {
    const q = v128.load(maskAt + at + i), open = v128.andnot(i8x16.gt_s(q, least), i8x16.gt_s(q, most));
    const l = i16x8.extend_low_i8x16_s(open), h = i16x8.extend_high_i8x16_s(open);
    v128.store(line, v128.and(v128.load(line), i32x4.extend_low_i16x8_s(l)));
    v128.store(line, v128.and(v128.load(line, 16), i32x4.extend_high_i16x8_s(l)), 16);
    v128.store(line, v128.and(v128.load(line, 32), i32x4.extend_low_i16x8_s(h)), 32);
    v128.store(line, v128.and(v128.load(line, 48), i32x4.extend_high_i16x8_s(h)), 48);
  }
  for (; i < count; i += 4, line += 16) v128.store(line, masked4(v128.load(line), at + i));
}

/** The largest code, less the zero point, of a value below 6. */
function lastBelow6(): i32 {
  const scale = f32x4.extract_lane(maskScale, 0);
  let code: i32 = 0;
  for (let step: i32 = 128; step > 0; step >>= 1) {
    if (<f32>(code + step) * scale < 6) code += step;
  }
  return code;
}
