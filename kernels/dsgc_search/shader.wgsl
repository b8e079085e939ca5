// dsgc_search: one move of the golden-section search for the clip c of `dsgc`, which minimises the
// cosine distance between a tensor and its quantized self (Zhu et al., CVPR 2020)
//
//   statistics  [rows, SLOTS] slots: the tensor's extremes
//   errors      [TILES] vec4: Σ x², Σ x·e, Σ e² of the candidate in the table
//   search      the state between moves
//   table       the network's table of quantizers: gets the next candidate, at the end the best one
//
// Move 0 puts the largest |x| into the table: no clip at all, so that the result is never worse than
// that. Moves 1 and 2 begin with the golden section of [0, largest |x|]; every later one cuts the
// interval by 0.618. Move MOVES puts the best clip into the table and, with SCALE_RATE,
// max(exp(−20·distance), 0.1) as the factor of the learning rate.
// A range is [max(low, −c), min(high, c)] of the extremes.
// Reference: kernels/dsgc_search/reference.ts

@group(0) @binding(1) var<storage, read> statistics: array<u32>;
@group(0) @binding(3) var<storage, read> errors: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> table: array<Quantizer>;
@group(0) @binding(5) var<storage, read_write> search: Search;
//@ include range
//@ include search_layout

const GOLDEN = 0.618034;

@compute @workgroup_size(1)
fn main() {
  let observed = read_statistics(${ROW}u);
  if (!observed.usable) { return; }
  let old = table[${ROW}];
  let largest = max(-observed.min, observed.max);
  let move_ = u32(search.moves);
  var candidate = largest;
  if (move_ == 0u) {
    search.left = 0.0;
    search.right = largest;
    search.best = largest;
    search.best_distance = 3.4028234e38;
  } else {
    var sum = vec4<f32>();
    var tile = 0u;
    for (; tile + 8u <= ${TILES}u; tile += 8u) {
      //@ for i in 0..8
      let errors_${i} = errors[tile + ${i}u];
      //@ end
      //@ for i in 0..8
      sum += errors_${i};
      //@ end
    }
    for (; tile < ${TILES}u; tile++) { sum += errors[tile]; }
    // With u = Σxe/Σxx, v = Σee/Σxx: 1 − cos² = (v − u²)/(1 + 2u + v) = s, 1 − cos = s/(1 + √(1 − s)).
    // If values are so small that their squares are 0, the distance is unknown: no clip.
    let squares = select(1.0, sum.x, sum.x > 0.0);
    let u = sum.y / squares;
    let v = sum.z / squares;
    let length = 1.0 + (2.0 * u + v);
    var distance = 1.0; // The maximum: quantization left nothing of the tensor.
    if (length > 0.0) {
      let s = clamp((v - u * u) / length, 0.0, 1.0);
      distance = s / (1.0 + sqrt(1.0 - s));
    }
    // The candidate that was measured.
    let measured = search.candidate;
    if (distance < search.best_distance) {
      search.best_distance = distance;
      search.best = measured;
    }
    let a = search.left;
    let b = search.right;
    if (move_ == 1u) {
      search.other = a + GOLDEN * (b - a);
      candidate = b - GOLDEN * (b - a);
    } else if (move_ == 2u) {
      // left is measured; right comes next.
      search.other_distance = distance;
      candidate = search.other;
      search.other = measured;
    } else {
      // search.other is the other inner point with distance search.other_distance; `measured` the newest.
      let other = search.other;
      let nearer = distance < search.other_distance;
      let keep = select(other, measured, nearer);
      let drop = select(measured, other, nearer);
      // The interval ends at the point that was dropped.
      if (drop > keep) { search.right = drop; } else { search.left = drop; }
      if (nearer) { search.other = measured; search.other_distance = distance; }
      candidate = search.left + search.right - keep;
    }
  }
  search.candidate = candidate;
  search.moves = f32(move_ + 1u);
  var rate = old.rate_factor;
  if (move_ == ${MOVES}u) {
    candidate = search.best;
    //@ if SCALE_RATE
    rate = max(exp(-20.0 * search.best_distance), 0.1);
    //@ end
    search.moves = 0.0;
  }
  var row = old;
  row.rate_factor = rate;
  table[${ROW}] = quantizer_of(max(observed.min, -candidate), min(observed.max, candidate), ${SYMMETRIC} == 1, row);
}
