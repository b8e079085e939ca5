import { firstOf } from "../include/quantize.simd";
import { GradientNormPartials } from "../include/records.simd";

/** Lanes of a tile: each adds R vectors of four squares. */
const LANES: i32 = 64;

/** Σ g² of a parameter's gradient, tile by tile. A part is a range of tiles. */
export function gradient_norm_partials(
  c: GradientNormPartials, phase: i32, part: i32, parts: i32, scratch: usize,
): void {
  const last = firstOf(c.TILES, part + 1, parts);
  for (let tile = firstOf(c.TILES, part, parts); tile < last; tile++) {
    let total: f32 = 0;
    for (let lane: i32 = 0; lane < LANES; lane += 4) total = addFour(c, tile, lane, total);
    store<f32>(c.square_tiles + (<usize>(c.FIRST + tile) << 2), total);
  }
}

/** Adds the sums of four lanes to `total`, in their order. */
@inline
function addFour(c: GradientNormPartials, tile: i32, lane: i32, total: f32): f32 {
  let first = tile * c.R * LANES + lane, rounds = c.R, from = c.gradient + (<usize>first << 4);
  let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
  for (; rounds > 0 && first + 4 <= c.SIZE; rounds--, first += LANES, from += 16 * LANES) {
    s0 = f32x4.add(s0, squares(from));
    s1 = f32x4.add(s1, squares(from + 16));
    s2 = f32x4.add(s2, squares(from + 32));
    s3 = f32x4.add(s3, squares(from + 48));
  }
  if (rounds > 0) { // The last round of the parameter, if it has some of the four.
    if (first < c.SIZE) s0 = f32x4.add(s0, squares(from));
    if (first + 1 < c.SIZE) s1 = f32x4.add(s1, squares(from + 16));
    if (first + 2 < c.SIZE) s2 = f32x4.add(s2, squares(from + 32));
  }
  return total + joined(s0) + joined(s1) + joined(s2) + joined(s3);
}

@inline
function squares(at: usize): v128 {
  const g = v128.load(at);
  return f32x4.mul(g, g);
}

/** (x + y) + (z + w). */
@inline
function joined(v: v128): f32 {
  return (f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1)) +
    (f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3));
}
