// From a range to a quantizer's row of the table, and from a row of statistics to what was seen:
// the rules of lib/quant/range.ts and lib/quant/statistics.ts in the same f32 operations.

alias Row = array<f32, 8>; // scale, 1/scale, zero point, smallest and largest code, low, high, rate

fn row_of(low: f32, high: f32, symmetric: bool, old: Row) -> Row {
  let qmin = old[3];
  let qmax = old[4];
  let from_ = min(low, 0.0);
  let to = max(high, 0.0);
  var scale = 1.0;
  var zero = 0.0;
  if (to > from_ && from_ >= -3.4028234e38 && to <= 3.4028234e38) {
    scale = select((to - from_) / (qmax - qmin), max(-from_, to) / qmax, symmetric);
    // 2^-100 keeps 1/scale finite; a range wider than f32 can subtract gets a finite scale too.
    scale = select(3e38, max(scale, 7.888609052210118e-31), scale <= 3.4028234e38);
    zero = select(clamp(qmin - round(from_ / scale), qmin, qmax), 0.0, symmetric);
  }
  return Row(scale, 1.0 / scale, zero, qmin, qmax, low, high, old[7]);
}

fn unordered(k: u32) -> f32 {
  return bitcast<f32>(select(~k, k & 0x7fffffffu, k >= 0x80000000u));
}

struct Seen {
  low: f32,
  high: f32,
  clipped: u32,
  usable: bool, // something was seen, all of it finite, not all of it zero
}

fn seen_of(row: u32) -> Seen {
  var low = 0u;
  var high = 0u;
  var clipped = 0u;
  var bad = 0u;
  for (var slot = 0u; slot < 16u; slot++) {
    let at = row * 64u + slot * 4u;
    low = max(low, statistics[at]);
    high = max(high, statistics[at + 1u]);
    clipped += statistics[at + 2u];
    bad += statistics[at + 3u];
  }
  let seen = Seen(unordered(~low), unordered(high), clipped, false);
  let finite = bad == 0u && seen.low >= -3.4028234e38 && seen.high <= 3.4028234e38;
  let usable = low != 0u && high != 0u && finite && !(seen.low == 0.0 && seen.high == 0.0);
  return Seen(seen.low, seen.high, clipped, usable);
}
