// Quantizes real values and records their statistics. Each thread calls `quantize` for its values, then
// every thread of the workgroup calls `record` once (it has a barrier).
// STORE: 0 real values as they are, without statistics (no quantizer); 1 quantized: codes with INT8, else
// the real values that the codes represent; 2 real values with statistics, to be quantized in a second
// pass once their range is known.
// QUIET: records nothing, because the tensor was recorded when it was first computed.
// Reference: kernels/include/quantize.ts

//@ if STORE == 1
alias Stored = Quad;
alias StoredWide = Wide;
//@ else
alias Stored = vec4<f32>;
alias StoredWide = vec4<f32>;
//@ end

//@ if STORE
// A number each, and not one for each of the four lanes: twelve registers fewer, and no more instructions.
var<private> observed_min: f32 = 3.4028234e38;
var<private> observed_max: f32 = -3.4028234e38;
var<private> observed_clipped: u32;
var<private> observed_nonfinite: u32;

// The slot of this workgroup.
var<workgroup> tile_statistics: array<atomic<u32>, SLOT_WORDS>;

const LANES = vec4<u32>(0u, 1u, 2u, 3u);

fn count(b: vec4<bool>) -> u32 { return u32(b.x) + u32(b.y) + u32(b.z) + u32(b.w); }

fn observe(low: vec4<f32>, high: vec4<f32>, bad: vec4<bool>) {
  observed_min = min(observed_min, min(min(low.x, low.y), min(low.z, low.w)));
  observed_max = max(observed_max, max(max(high.x, high.y), max(high.z, high.w)));
  observed_nonfinite += count(bad);
}

//@ if STORE == 1
//@ if STOCHASTIC
// Two words that select a stream of random numbers, from (seed, step, quantizer).
fn mix(x: u32) -> u32 {
  var h = (x ^ (x >> 16u)) * 0x7feb352du;
  h = (h ^ (h >> 15u)) * 0x846ca68bu;
  return h ^ (h >> 16u);
}
fn stream(row: u32) -> vec2<u32> {
  let a = mix(mix(step.seed ^ 0x9e3779b9u) + step.step);
  return vec2<u32>(mix(a + row), mix((a ^ 0x85ebca6bu) + row));
}
// Uniform in [0, 1): the top 24 bits of a hash of the element's index, so a resumed run draws the
// same numbers. 32 bits would round to 1.0 and turn an exact zero into 1. With IMAGE (elements per
// image) the index counts through the whole batch, of which this is a micro-batch.
fn uniforms(local: u32, key: vec2<u32>) -> vec4<f32> {
  //@ if IMAGE
  let element = local + step.first * ${IMAGE}u;
  //@ else
  let element = local;
  //@ end
  var h = (vec4<u32>(element) + LANES) * vec4<u32>(0x9e3779b1u) + vec4<u32>(key.x);
  h = (h ^ (h >> vec4<u32>(16u))) * vec4<u32>(0x7feb352du);
  h = ((h ^ (h >> vec4<u32>(15u))) + vec4<u32>(key.y)) * vec4<u32>(0x846ca68bu);
  h = h ^ (h >> vec4<u32>(16u));
  return vec4<f32>(h >> vec4<u32>(8u)) * 5.9604644775390625e-8;
}
//@ else
fn stream(row: u32) -> vec2<u32> { return vec2<u32>(0u); }
//@ end
//@ else
fn stream(row: u32) -> vec2<u32> { return vec2<u32>(0u); }
//@ end

// Tells which values are NaN or infinite.
fn bad_lanes(v: vec4<f32>) -> vec4<bool> {
  return (bitcast<vec4<u32>>(v) & vec4<u32>(0x7f800000u)) == vec4<u32>(0x7f800000u);
}

// `element` is the logical, unpadded index of the first lane; `lanes` how many lanes are real.
fn quantize(v: vec4<f32>, z: Quantizer, element: u32, key: vec2<u32>, lanes: u32) -> Stored {
  let bad = bad_lanes(v);
  let x = select(v, vec4<f32>(0.0), bad);
  let real_lane = LANES < vec4<u32>(lanes);
  observe(select(vec4<f32>(3.4028234e38), x, real_lane), select(vec4<f32>(-3.4028234e38), x, real_lane), bad & real_lane);
  //@ if STORE == 2
  return x;
  //@ else
  //@ if STOCHASTIC
  let t = floor(x * z.inverse + uniforms(element, key)) + z.zero;
  //@ else
  let t = round(x * z.inverse) + z.zero;
  //@ end
  let c = clamp(t, vec4<f32>(z.qmin), vec4<f32>(z.qmax));
  observed_clipped += count(c != t);
  //@ if INT8
  return pack(vec4<i32>(c));
  //@ else
  return (c - vec4<f32>(z.zero)) * z.scale;
  //@ end
  //@ end
}

// f32 → u32 so that the order of numbers is the order of words; −0 counts as +0.
fn ordered(x: f32) -> u32 {
  let b = select(bitcast<u32>(x), 0u, x == 0.0);
  return select(b | 0x80000000u, ~b, b >= 0x80000000u);
}

// Adds this workgroup's statistics to slot `tile` mod SLOTS of the quantizer's row. Integer atomics on
// ordered words make the result independent of the order of tiles.
fn record(row: u32, tile: u32, lane: u32) {
  //@ if QUIET == 0
  if (observed_min <= observed_max) {
    atomicMax(&tile_statistics[SLOT_NEGATED_MIN], ~ordered(observed_min));
    atomicMax(&tile_statistics[SLOT_MAX], ordered(observed_max));
  }
  // NaN alone have no extremes, but are counted.
  if (observed_clipped > 0u) { atomicAdd(&tile_statistics[SLOT_CLIPPED], observed_clipped); }
  if (observed_nonfinite > 0u) { atomicAdd(&tile_statistics[SLOT_NONFINITE], observed_nonfinite); }
  workgroupBarrier();
  if (lane == 0u) {
    let at = slot_at(row, tile % SLOTS);
    atomicMax(&statistics[at + SLOT_NEGATED_MIN], atomicLoad(&tile_statistics[SLOT_NEGATED_MIN]));
    atomicMax(&statistics[at + SLOT_MAX], atomicLoad(&tile_statistics[SLOT_MAX]));
    atomicAdd(&statistics[at + SLOT_CLIPPED], atomicLoad(&tile_statistics[SLOT_CLIPPED]));
    atomicAdd(&statistics[at + SLOT_NONFINITE], atomicLoad(&tile_statistics[SLOT_NONFINITE]));
  }
  //@ end
}
//@ else
fn stream(row: u32) -> vec2<u32> { return vec2<u32>(0u); }
fn quantize(v: vec4<f32>, z: Quantizer, element: u32, key: vec2<u32>, lanes: u32) -> Stored { return v; }
fn record(row: u32, tile: u32, lane: u32) {}
//@ end
