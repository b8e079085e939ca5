// Computes a quantizer from a range, and reads a row of the statistics: the rules of
// lib/quant/range.ts and lib/quant/statistics.ts in the same f32 operations.
//@ include quantizer_layout
//@ include slot_layout

// The quantizer of a range; codes and the factor of the learning rate stay as in `old`.
fn quantizer_of(low: f32, high: f32, symmetric: bool, old: Quantizer) -> Quantizer {
  let qmin = old.qmin;
  let qmax = old.qmax;
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
  return Quantizer(scale, 1.0 / scale, zero, qmin, qmax, low, high, old.rate_factor);
}

fn unordered(k: u32) -> f32 {
  return bitcast<f32>(select(~k, k & 0x7fffffffu, k >= 0x80000000u));
}

struct Statistics {
  min: f32,
  max: f32,
  clipped: u32,
  usable: bool, // there were values, all of them finite, not all of them zero
}

fn read_statistics(row: u32) -> Statistics {
  var negated_min = 0u;
  var max_ = 0u;
  var clipped = 0u;
  var nonfinite = 0u;
  for (var slot = 0u; slot < SLOTS; slot++) {
    let at = slot_at(row, slot);
    negated_min = max(negated_min, statistics[at + SLOT_NEGATED_MIN]);
    max_ = max(max_, statistics[at + SLOT_MAX]);
    clipped += statistics[at + SLOT_CLIPPED];
    nonfinite += statistics[at + SLOT_NONFINITE];
  }
  let observed = Statistics(unordered(~negated_min), unordered(max_), clipped, false);
  let finite = nonfinite == 0u && observed.min >= -3.4028234e38 && observed.max <= 3.4028234e38;
  let usable = negated_min != 0u && max_ != 0u && finite && !(observed.min == 0.0 && observed.max == 0.0);
  return Statistics(observed.min, observed.max, clipped, usable);
}
