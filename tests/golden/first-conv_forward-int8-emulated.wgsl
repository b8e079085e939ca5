// conv_forward: Y[p, o] = Σ_taps Σ_c X[p·stride − padding + tap, c] · W[o, tap, c] (+ bias[o])
//
// Implicit GEMM, in one of two forms (kernels/include/conv_tiles.ts):
//   in registers, K = 0      a thread owns P pixels × Q quads of outputs; the 64 threads of a workgroup own
//     64·P neighbouring pixels of the same channels, so weight loads are uniform. On a CPU adapter these
//     tiles win, as barriers make it suspend threads; on a GPU they serve where outputs are few.
//   in workgroup memory, K > 0   include/group_tile.wgsl: rows are pixels, columns are outputs.
// With INT8 one load brings the codes that four outputs have for the quad of x (pack_weights).
//
//   x        [n, H, W, 4·IQ]        quads
//   weight   [KH·KW, IQ, OQ]        four quads: of four outputs; without INT8 [outputs, KH·KW, 4·IQ]
//   row_sum  [outputs] i32          Σ of a row of weight codes: corrects for the zero point of x
//   bias     [outputs] f32          with BIAS
//   y        [n, HO, WO, 4·OQ]     quads; with LOGITS real f32 values
//   sums     [TILES, outputs, 2] i32   with SUMS: Σ(q − z) and Σ(q − z)² of a workgroup's pixels,
//                                  fewer than 33,000: at most 33,000·255² < 2³¹; TILES is enough for the
//                                  smallest tile that may be chosen; rows that a larger one does not use
//                                  are 0
//
// Weights may be a shard (lib/program/shards.ts): QUADS of the OQ quads of outputs, from quad FIRST on.
// Padding reads the code of zero, so one correction, −z·row_sum, holds for every pixel.
// Accumulators: |Σ (x − z)·w| ≤ K·255·127, which fits i32 to K = 66,000; the planner refuses more. Unsigned
// codes, u = x + 128 and v = w + 128, wrap around on the way: Σ x·w = Σ u·v − 128·Σ u − 128·row_sum.
// Sizes are operands, so that layers with the same tile share a pipeline.
// Conditions of unrolled code join with &: naga makes a branch of &&, and SwiftShader, whose time to compile
// triples with each pixel then, took 37 s for 12 pixels a thread (0.7 s with &).
// Reference: kernels/conv_forward/reference.ts
// The unit of storage: four neighbouring channels of one pixel, a *quad*. With INT8 a quad is four
// codes in a u32; without, a vec4<f32>. A *wide* is V quads read in one load: the bounds check that
// every driver adds is then paid once for 4·V values (int8 512³ on llvmpipe: 17 GOP/s by words,
// 48 by four).
// Padded channels always hold the code of zero.
// Reference: kernels/include/quantize.ts (row, reader)

struct Quantizer {
  scale: f32, // real = scale · (code − zero)
  inverse: f32, // 1 / scale
  zero: f32, // zero point, a whole number
  qmin: f32, // smallest code
  qmax: f32, // largest code
  low: f32, // the range that the codes cover; low and high are 0 while there is none
  high: f32,
  rate_factor: f32, // factor of the learning rate of what this gradient trains
}

struct Step {
  seed: u32, // of the run
  step: u32, // counts from 0
  samples: u32, // images of this micro-batch that count; the rest is padding
  first: u32, // images of the batch before this micro-batch
  learning_rate: f32,
  norm_weight: f32, // 1: running statistics follow this batch; 0: they stay (calibration)
  total: u32, // images of the whole batch that count
  smoothing: f32, // share of a label that is spread over all classes
  first_correction: f32, // 1/(1 − β₁ᵗ), the bias correction of AdamW's first average
  second_correction: f32, // 1/√(1 − β₂ᵗ), that of its second
  origin: u32, // 0, which no compiler knows: see shader() in lib/runtime/gpu/executor.ts
  weight_factor: f32, // factor of the weights of classes; 0: none are weighted
}

// The statistics are [rows, SLOTS] slots, an array of u32 or of atomics.
const SLOTS = 16u;
const SLOT_WORDS = 4u;
const SLOT_NEGATED_MIN = 0u; // largest key of −x: the complement of the key of the minimum
const SLOT_MAX = 1u; // largest key of x
const SLOT_CLIPPED = 2u; // values outside the range
const SLOT_NONFINITE = 3u; // NaN and infinite values
// The first word of a slot.
fn slot_at(row: u32, slot: u32) -> u32 { return row * (SLOTS * SLOT_WORDS) + slot * SLOT_WORDS; }


@group(0) @binding(0) var<storage, read> quantizers: array<Quantizer>;
@group(0) @binding(1) var<storage, read_write> statistics: array<atomic<u32>>;
@group(0) @binding(2) var<uniform> step: Step;

alias Quad = u32;
alias Wide = u32;
fn part0(w: Wide) -> Quad { return w; }

fn codes(q: Quad) -> vec4<i32> {
  return vec4<i32>(bitcast<i32>(q << 24u), bitcast<i32>(q << 16u), bitcast<i32>(q << 8u), bitcast<i32>(q)) >> vec4<u32>(24u);
}

fn pack(c: vec4<i32>) -> Quad {
  let b = bitcast<vec4<u32>>(c) & vec4<u32>(255u);
  return b.x | (b.y << 8u) | (b.z << 16u) | (b.w << 24u);
}

// The quad that padding reads: four codes of zero.
fn zero_quad(z: Quantizer) -> Quad { return pack(vec4<i32>(i32(z.zero))); }

// Real values of a quad.
fn real(q: Quad, z: Quantizer) -> vec4<f32> {
  return (vec4<f32>(codes(q)) - vec4<f32>(z.zero)) * z.scale;
}

alias Sum = i32;
// Four quads that are multiplied with the same one: pack_weights stores codes of weights in this order.
alias Four = vec4<u32>;

// Dot products of a quad with four others. With INT8, DOT tells how:
//   0 native     dot4I8Packed. GPUs without an instruction for it get four multiplications at a quarter
//                of the rate from their driver, and some drivers get it wrong.
//   1 unsigned   dot4U8Packed of codes + 128: those GPUs have one for this. `factor` converts codes, of
//                both sides, so their zero points are 128 greater.
//   2 emulated   bytes are extracted and multiplied one by one.
// Reference: plain products in kernels/include/multiply_add.ts

fn factor(q: Quad) -> Quad { return q; }
fn factors(w: Four) -> Four { return w; }
fn dot_quad(a: Quad, b: Quad) -> i32 {
  let p = codes(a) * codes(b);
  return p.x + p.y + p.z + p.w;
}
fn dot_four(q: Quad, w: Four) -> vec4<i32> {
  return vec4<i32>(dot_quad(q, w.x), dot_quad(q, w.y), dot_quad(q, w.z), dot_quad(q, w.w));
}
fn add_products(sum: vec4<i32>, q: Quad, w: Four) -> vec4<i32> { return sum + dot_four(q, w); }

// Quantizes real values and records their statistics. Each thread calls `quantize` for its values, then
// every thread of the workgroup calls `record` once (it has a barrier).
// STORE: 0 real values as they are, without statistics (no quantizer); 1 quantized: codes with INT8, else
// the real values that the codes represent; 2 real values with statistics, to be quantized in a second
// pass once their range is known.
// QUIET: records nothing, because the tensor was recorded when it was first computed.
// Reference: kernels/include/quantize.ts

alias Stored = Quad;
alias StoredWide = Wide;

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

fn stream(row: u32) -> vec2<u32> { return vec2<u32>(0u); }

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
  let t = round(x * z.inverse) + z.zero;
  let c = clamp(t, vec4<f32>(z.qmin), vec4<f32>(z.qmax));
  observed_clipped += count(c != t);
  return pack(vec4<i32>(c));
}

// f32 → u32 so that the order of numbers is the order of words; −0 counts as +0.
fn ordered(x: f32) -> u32 {
  let b = select(bitcast<u32>(x), 0u, x == 0.0);
  return select(b | 0x80000000u, ~b, b >= 0x80000000u);
}

// Adds this workgroup's statistics to slot `tile` mod SLOTS of the quantizer's row. Integer atomics on
// ordered words make the result independent of the order of tiles.
fn record(row: u32, tile: u32, lane: u32) {
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
}

// Coordinates of a pixel in images of height × width. Kernels divide for their first pixel and count
// on from it: a division by a size that only the step knows is eight scalar ones on a CPU adapter.
// References do not need it: they loop over pixels.

struct PixelCoords {
  image: u32,
  row: u32,
  column: u32,
}

fn pixel_coords(pixel: u32, height: u32, width: u32) -> PixelCoords {
  let line = pixel / width;
  let image = line / height;
  return PixelCoords(image, line - image * height, pixel - line * width);
}

// Moves `p` on by the distance between pixel 0 and `by`.
fn advance(p: PixelCoords, by: PixelCoords, height: u32, width: u32) -> PixelCoords {
  let column = p.column + by.column;
  let wraps = column >= width;
  let row = p.row + by.row + u32(wraps);
  let ends = row >= height;
  return PixelCoords(p.image + by.image + u32(ends), select(row, row - height, ends), select(column, column - width, wraps));
}

// The quads of Q neighbouring fours: read as one, their places differ by constants.
struct FourRow {
  four_0: Four,
  four_1: Four,
}

@group(0) @binding(3) var<storage, read> x: array<Wide>;
@group(0) @binding(4) var<storage, read> weight: array<FourRow>;
@group(0) @binding(5) var<storage, read> row_sum: array<vec4<i32>>;
@group(0) @binding(7) var<storage, read_write> y: array<Stored>;
@group(0) @binding(8) var<storage, read_write> sums: array<vec2<i32>>;
var<workgroup> tile_sums: array<array<atomic<i32>, 2>, 8>;

// A quad of outputs, and what turns its sums into values.
struct Output {
  quad: u32,
  lanes: u32,
  unit: f32,
  correction: vec4<i32>,
}

fn output_of(quad: u32) -> Output {
  var out: Output;
  out.quad = quad;
  out.lanes = min(4u, operand_CHANNELS() - quad * 4u);
  let zx = quantizers[i32(operand_X_ROW())];
  out.unit = zx.scale * quantizers[i32(operand_W_ROW())].scale;
  out.correction = i32(zx.zero) * row_sum[quad];
  return out;
}

alias Result = Stored;

// Stores the four values of a pixel, and returns what it stored.
fn store(sum: vec4<Sum>, pixel: u32, out: Output, zy: Quantizer) -> Result {
  var v = vec4<f32>(sum - out.correction) * out.unit;
  let at = pixel * operand_OQ() + out.quad;
  let stored = quantize(v, zy, 0u, vec2<u32>(), out.lanes);
  y[at] = stored;
  return stored;
}

// Adds a thread's sums of a quad, the workgroup's quad `at`.
fn add_sums(at: u32, total: vec4<i32>, square: vec4<i32>) {
  atomicAdd(&tile_sums[at * 4u + 0u][0], total[0]);
  atomicAdd(&tile_sums[at * 4u + 0u][1], square[0]);
  atomicAdd(&tile_sums[at * 4u + 1u][0], total[1]);
  atomicAdd(&tile_sums[at * 4u + 1u][1], square[1]);
  atomicAdd(&tile_sums[at * 4u + 2u][0], total[2]);
  atomicAdd(&tile_sums[at * 4u + 2u][1], square[2]);
  atomicAdd(&tile_sums[at * 4u + 3u][0], total[3]);
  atomicAdd(&tile_sums[at * 4u + 3u][1], square[3]);
}

// Writes the workgroup's sums, from output `first` on, and 0 into the rows of tiles that there are not. A
// dispatch that is folded into two dimensions may have workgroups past the last tile.
fn write_sums(first: u32, tile: u32, tiles: u32, lane: u32) {
  let outputs = operand_OQ() * 4u;
  for (var at = lane; at < 8u && first + at < outputs; at += 64u) {
    let own = vec2<i32>(atomicLoad(&tile_sums[at][0]), atomicLoad(&tile_sums[at][1]));
    for (var t = tile; t < operand_TILES(); t += tiles) {
      sums[t * outputs + first + at] = select(vec2<i32>(), own, t == tile);
    }
  }
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let height = operand_H();
  let width = operand_W();
  let in_quads = operand_IQ();
  let out_quads = operand_OQ();
  let taps_down = operand_KH();
  let taps_across = operand_KW();
  let pixels = operand_PIXELS();
  let tile = group.y * groups.x + group.x;
  let zx = quantizers[i32(operand_X_ROW())];
  let zy = quantizers[i32(operand_Y_ROW())];
  let padding = zero_quad(zx);


  let loads = in_quads / 1u;
  let next = pixel_coords(64u, operand_HO(), operand_WO());
  var here = pixel_coords(tile * (64u * 3u) + lane, operand_HO(), operand_WO());
  let pixel_0 = tile * (64u * 3u) + 0u * 64u + lane;
  let row_0 = i32(here.row * operand_SH()) - i32(operand_PH());
  let column_0 = i32(here.column * operand_SW()) - i32(operand_PW());
  let base_0 = ((i32(here.image * height) + row_0) * i32(width) + column_0) * i32(loads);
  here = advance(here, next, operand_HO(), operand_WO());
  var a_0_0: vec4<Sum>;
  var a_0_1: vec4<Sum>;
  let pixel_1 = tile * (64u * 3u) + 1u * 64u + lane;
  let row_1 = i32(here.row * operand_SH()) - i32(operand_PH());
  let column_1 = i32(here.column * operand_SW()) - i32(operand_PW());
  let base_1 = ((i32(here.image * height) + row_1) * i32(width) + column_1) * i32(loads);
  here = advance(here, next, operand_HO(), operand_WO());
  var a_1_0: vec4<Sum>;
  var a_1_1: vec4<Sum>;
  let pixel_2 = tile * (64u * 3u) + 2u * 64u + lane;
  let row_2 = i32(here.row * operand_SH()) - i32(operand_PH());
  let column_2 = i32(here.column * operand_SW()) - i32(operand_PW());
  let base_2 = ((i32(here.image * height) + row_2) * i32(width) + column_2) * i32(loads);
  here = advance(here, next, operand_HO(), operand_WO());
  var a_2_0: vec4<Sum>;
  var a_2_1: vec4<Sum>;

  let row_step = out_quads / 2u;
  for (var ky = 0; ky < i32(taps_down); ky++) {
    for (var kx = 0; kx < i32(taps_across); kx++) {
      let inside_0 = (u32(row_0 + ky) < height) & (u32(column_0 + kx) < width) & (pixel_0 < pixels);
      let from_0 = u32(select(0, base_0 + (ky * i32(width) + kx) * i32(loads), inside_0));
      let inside_1 = (u32(row_1 + ky) < height) & (u32(column_1 + kx) < width) & (pixel_1 < pixels);
      let from_1 = u32(select(0, base_1 + (ky * i32(width) + kx) * i32(loads), inside_1));
      let inside_2 = (u32(row_2 + ky) < height) & (u32(column_2 + kx) < width) & (pixel_2 < pixels);
      let from_2 = u32(select(0, base_2 + (ky * i32(width) + kx) * i32(loads), inside_2));
      var row_at = u32(ky * i32(taps_across) + kx) * in_quads * (out_quads / 2u) + group.z;
      for (var c = 0u; c < loads; c++) {
        let wide_0 = select(Wide(padding), x[from_0 + c], inside_0);
        let wide_1 = select(Wide(padding), x[from_1 + c], inside_1);
        let wide_2 = select(Wide(padding), x[from_2 + c], inside_2);
        // Multiplies a load of each of P pixels, wide_PIXEL, by the weights of Q quads, and adds the products
        // to the sums a_PIXEL_QUAD of a thread.
        {
          let v_0 = factor(part0(wide_0));
          let v_1 = factor(part0(wide_1));
          let v_2 = factor(part0(wide_2));
          {
            let w = factors(weight[row_at].four_0);
            a_0_0 = add_products(a_0_0, v_0, w);
            a_1_0 = add_products(a_1_0, v_1, w);
            a_2_0 = add_products(a_2_0, v_2, w);
          }
          {
            let w = factors(weight[row_at].four_1);
            a_0_1 = add_products(a_0_1, v_0, w);
            a_1_1 = add_products(a_1_1, v_1, w);
            a_2_1 = add_products(a_2_1, v_2, w);
          }
          row_at += row_step;
        }

      }
    }
  }

  {
    let out = output_of(operand_FIRST() + group.z * 2u + 0u);
    var total = vec4<i32>();
    var square = vec4<i32>();
    var own = array<vec4<Sum>, 3>(
      a_0_0,
      a_1_0,
      a_2_0,
    );
    // Not unrolled: P copies of the code below would be most of the shader and of its compile time.
    for (var p = 0u; p < 3u; p++) {
      let pixel = tile * (64u * 3u) + p * 64u + lane;
      if (pixel >= pixels) { break; }
      let stored = store(own[p], pixel, out, zy);
      let d = codes(stored) - vec4<i32>(i32(zy.zero));
      total += d;
      square += d * d;
    }
    add_sums(0u, total, square);
  }
  {
    let out = output_of(operand_FIRST() + group.z * 2u + 1u);
    var total = vec4<i32>();
    var square = vec4<i32>();
    var own = array<vec4<Sum>, 3>(
      a_0_1,
      a_1_1,
      a_2_1,
    );
    // Not unrolled: P copies of the code below would be most of the shader and of its compile time.
    for (var p = 0u; p < 3u; p++) {
      let pixel = tile * (64u * 3u) + p * 64u + lane;
      if (pixel >= pixels) { break; }
      let stored = store(own[p], pixel, out, zy);
      let d = codes(stored) - vec4<i32>(i32(zy.zero));
      total += d;
      square += d * d;
    }
    add_sums(1u, total, square);
  }
  record(operand_Y_ROW(), tile + group.z, lane);
  workgroupBarrier();
  write_sums(group.z * 8u, tile, groups.x * groups.y, lane);
}

@group(0) @binding(15) var<uniform> operands: array<vec4<u32>, 16>;

fn operand_CHANNELS() -> u32 { return operands[0u + step.origin].x; }
fn operand_X_ROW() -> u32 { return operands[0u + step.origin].y; }
fn operand_W_ROW() -> u32 { return operands[0u + step.origin].z; }
fn operand_OQ() -> u32 { return operands[0u + step.origin].w; }
fn operand_TILES() -> u32 { return operands[1u + step.origin].x; }
fn operand_H() -> u32 { return operands[1u + step.origin].y; }
fn operand_W() -> u32 { return operands[1u + step.origin].z; }
fn operand_IQ() -> u32 { return operands[1u + step.origin].w; }
fn operand_KH() -> u32 { return operands[2u + step.origin].x; }
fn operand_KW() -> u32 { return operands[2u + step.origin].y; }
fn operand_PIXELS() -> u32 { return operands[2u + step.origin].z; }
fn operand_Y_ROW() -> u32 { return operands[2u + step.origin].w; }
fn operand_HO() -> u32 { return operands[3u + step.origin].x; }
fn operand_WO() -> u32 { return operands[3u + step.origin].y; }
fn operand_SH() -> u32 { return operands[3u + step.origin].z; }
fn operand_PH() -> u32 { return operands[3u + step.origin].w; }
fn operand_SW() -> u32 { return operands[4u + step.origin].x; }
fn operand_PW() -> u32 { return operands[4u + step.origin].y; }
fn operand_FIRST() -> u32 { return operands[4u + step.origin].z; }

