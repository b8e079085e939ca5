// weight_range: the quantizers of all weight tensors, each from the minimum and maximum that the
// update (or the host, after loading) left in its row of the statistics buffer. Symmetric:
// scale = max(|low|, |high|) / (2^(bits−1) − 1). The rule is that of lib/quant/range.ts.
//
//   table       the network's table of quantizers; its first COUNT rows, the weights', are written
//   statistics  [rows, 16 slots, 4]
//
// Reference: lib/reference/weight_range.ts

@group(0) @binding(1) var<storage, read> statistics: array<u32>;
@group(0) @binding(3) var<storage, read_write> table: array<array<f32, 8>>;

fn unordered(k: u32) -> f32 {
  return bitcast<f32>(select(~k, k & 0x7fffffffu, k >= 0x80000000u));
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= ${COUNT}u) { return; }
  let row = id.x;
  var low = 0u;
  var high = 0u;
  for (var slot = 0u; slot < 16u; slot++) {
    low = max(low, statistics[row * 64u + slot * 4u]);
    high = max(high, statistics[row * 64u + slot * 4u + 1u]);
  }
  const HIGH = f32((1u << (${BITS}u - 1u)) - 1u);
  let extreme = max(abs(unordered(~low)), abs(unordered(high)));
  let known = low != 0u && high != 0u && extreme > 0.0 && extreme <= 3.4028234e38;
  let scale = select(1.0, max(extreme / HIGH, 7.888609052210118e-31), known);
  table[row] = array<f32, 8>(scale, 1.0 / scale, 0.0, -HIGH, HIGH, 0.0, 0.0, 0.0);
}
