import { firstOf, loadReal, quantizer } from "../include/quantize.simd";
import { QuantizationError } from "../include/records.simd";

/** Σ x², Σ x·e and Σ e² of each tile, in f64, values ascending. A part is a range of tiles. */
export function quantization_error(
  c: QuantizationError, phase: i32, part: i32, parts: i32, scratch: usize,
): void {
  const tiles = (c.QUADS + 64 * c.R - 1) / (64 * c.R), last = firstOf(tiles, part + 1, parts);
  for (let tile = firstOf(tiles, part, parts); tile < last; tile++) sumTile(c, tile);
}

function sumTile(c: QuantizationError, tile: i32): void {
  const z = quantizer(c.quantizers, c.ROW), first = tile * 64 * c.R, last = min(first + 64 * c.R, c.QUADS);
  const zero = f32x4.splat(z.zero), zeroCode = i32x4.splat(<i32>z.zero), scale = f32x4.splat(z.scale);
  const inverse = f32x4.splat(z.inverse), qmin = f32x4.splat(z.qmin), qmax = f32x4.splat(z.qmax);
  const int8 = c.INT8 != 0, search = c.SEARCH != 0, CQ = c.CQ, ragged = c.CHANNELS - 4 * (CQ - 1);
  let xx: f64 = 0, xe: f64 = 0, ee: f64 = 0, column = first % CQ;
  for (let quad = first; quad < last; quad++) {
    const x = v128.load(c.real_values + (<usize>quad << 4));
    let stored: v128;
    if (search) {
      const code = f32x4.add(f32x4.nearest(f32x4.mul(x, inverse)), zero);
      stored = f32x4.mul(f32x4.sub(f32x4.pmin(f32x4.pmax(code, qmin), qmax), zero), scale);
    } else {
      stored = loadReal(int8, c.q, 4 * quad, zeroCode, scale);
    }
    const e = f32x4.sub(stored, x);
    const lanes = column == CQ - 1 ? ragged : 4;
    for (let lane: i32 = 0; lane < lanes; lane++) {
      const a = <f64>(lane == 0 ? f32x4.extract_lane(x, 0) : lane == 1 ? f32x4.extract_lane(x, 1) : lane == 2 ? f32x4.extract_lane(x, 2) : f32x4.extract_lane(x, 3));
      const b = <f64>(lane == 0 ? f32x4.extract_lane(e, 0) : lane == 1 ? f32x4.extract_lane(e, 1) : lane == 2 ? f32x4.extract_lane(e, 2) : f32x4.extract_lane(e, 3));
      xx += a * a;
      xe += a * b;
      ee += b * b;
    }
    if (++column == CQ) column = 0;
  }
  const to = c.errors + (<usize>tile << 4);
  store<f32>(to, <f32>xx);
  store<f32>(to, <f32>xe, 4);
  store<f32>(to, <f32>ee, 8);
  store<f32>(to, 0, 12);
}
