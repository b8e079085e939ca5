// SIMD form of kernels/include/gradient.wgsl: adds the other branches' gradient and applies the mask.
import { loadReal, quantizer } from "./quantize.simd";

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
  if (mask) {
    const m = loadReal(codes, maskAt, at, maskZero, maskScale);
    v = v128.and(v, f32x4.gt(m, f32x4.splat(0)));
    if (mask == 2) v = v128.and(v, f32x4.lt(m, f32x4.splat(6)));
  }
  return v;
}

/** Turns a line of `count` contributions, a multiple of 4, at padded index `at` and on into gradients. */
export function finishLine(line: usize, at: i32, count: i32): void {
  if (!addendAt && !mask) return;
  for (let i: i32 = 0; i < count; i += 4, line += 16) v128.store(line, finish4(v128.load(line), at + i));
}
