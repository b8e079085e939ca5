// conv_backward_input: dX[p, c] = Σ_taps Σ_o dY[(p + padding − tap) / stride, o] · W[o, tap, c]
// over the taps for which the division is exact.
//
// Pixels are grouped by *phase* (p mod stride): all pixels of a phase use the same taps, so a
// stride of 2 costs a quarter of the work, not all of it with zeros between. Otherwise the tiles
// are those of conv_forward.
//
//   dy        [n, HO, WO, 4·OQ]           quads
//   weight    [KH·KW, OQ, IQ] four quads: of four inputs; without INT8 [inputs, KH·KW, 4·QUADS]
//   row_sum   [SH·SW, inputs] i32        Σ of the weight codes that a phase uses
//   addend, mask                          see include/gradient.wgsl
//   dx        [n, H, W, 4·IQ]            quads
//
// A tap that falls outside dY reads its code of zero, so the correction depends on the phase alone.
// Weights may be those of a part of the outputs (lib/program/shards.ts): QUADS of the OQ quads of a pixel of
// dy, of which FIRST are before them. With BEFORE the sum goes on from what earlier parts came to:
//   before    [n, H, W, 4·IQ]            real values, without INT8
// IQ counts quads a pixel; a linear layer sees its input as one pixel, IQ/GQ pixels of
// GQ quads.
// Sizes are operands, as in conv_forward.
// Reference: kernels/conv_backward_input/reference.ts
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
  padding: u32, // a uniform block is a multiple of 16 bytes
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
  return unpack4xI8(q);
}

fn pack(c: vec4<i32>) -> Quad {
  return pack4xI8(c);
}

// The word whose four codes are those of zero: what padding reads.
fn zero_quad(z: Quantizer) -> Quad { return pack(vec4<i32>(i32(z.zero))); }

// Real values of a quad.
fn real(q: Quad, z: Quantizer) -> vec4<f32> {
  return (vec4<f32>(codes(q)) - vec4<f32>(z.zero)) * z.scale;
}

fn dot_quad(a: Quad, b: Quad) -> i32 {
  return dot4I8Packed(a, b);
}
alias Sum = i32;
// Four quads that are multiplied with the same one: codes of weights lie so (pack_weights).
alias Four = vec4<u32>;
fn dot_four(q: Quad, w: Four) -> vec4<i32> {
  return vec4<i32>(dot_quad(q, w.x), dot_quad(q, w.y), dot_quad(q, w.z), dot_quad(q, w.w));
}

// Real values → what is stored, with the statistics of what went in. Each thread calls `quantize` for
// its values, then every thread of the workgroup calls `record` once (it holds a barrier).
// STORE: 0 real values as they are, not seen (no quantizer); 1 quantized now: codes with INT8, else
// the real values that the codes stand for; 2 real values, seen but not quantized yet: the range
// waits for them.
// QUIET: nothing is recorded, as the tensor was seen when it was made first.
// Reference: kernels/include/quantize.ts

alias Stored = Quad;
alias StoredWide = Wide;

// Extremes are kept per lane and joined once a thread.
var<private> seen_min: vec4<f32> = vec4<f32>(3.4028234e38);
var<private> seen_max: vec4<f32> = vec4<f32>(-3.4028234e38);
var<private> seen_clipped: vec4<u32>;
var<private> seen_nonfinite: vec4<u32>;

// The slot of this workgroup.
var<workgroup> tile_seen: array<atomic<u32>, SLOT_WORDS>;

const LANES = vec4<u32>(0u, 1u, 2u, 3u);

// Two words that name a stream of random numbers: (seed, step, quantizer).
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
// same numbers. 32 bits would round to 1.0 and turn an exact zero into 1. With IMAGE, the elements of
// an image, the index is that in the whole batch, of which this is a micro-batch.
fn uniforms(local: u32, key: vec2<u32>) -> vec4<f32> {
  let element = local;
  var h = (vec4<u32>(element) + LANES) * vec4<u32>(0x9e3779b1u) + vec4<u32>(key.x);
  h = (h ^ (h >> vec4<u32>(16u))) * vec4<u32>(0x7feb352du);
  h = ((h ^ (h >> vec4<u32>(15u))) + vec4<u32>(key.y)) * vec4<u32>(0x846ca68bu);
  h = h ^ (h >> vec4<u32>(16u));
  return vec4<f32>(h >> vec4<u32>(8u)) * 5.9604644775390625e-8;
}

// `element` is the logical, unpadded index of the first lane; `lanes` how many lanes are real.
fn quantize(v: vec4<f32>, z: Quantizer, element: u32, key: vec2<u32>, lanes: u32) -> Stored {
  let bad = (bitcast<vec4<u32>>(v) & vec4<u32>(0x7f800000u)) == vec4<u32>(0x7f800000u);
  let x = select(v, vec4<f32>(0.0), bad);
  let real_lane = LANES < vec4<u32>(lanes);
  seen_min = min(seen_min, select(vec4<f32>(3.4028234e38), x, real_lane));
  seen_max = max(seen_max, select(vec4<f32>(-3.4028234e38), x, real_lane));
  seen_nonfinite += vec4<u32>(bad & real_lane);
  let t = floor(x * z.inverse + uniforms(element, key)) + z.zero;
  let c = clamp(t, vec4<f32>(z.qmin), vec4<f32>(z.qmax));
  seen_clipped += vec4<u32>(c != t);
  return pack(vec4<i32>(c));
}

// f32 → u32 so that the order of numbers is the order of words; −0 counts as +0.
fn ordered(x: f32) -> u32 {
  let b = select(bitcast<u32>(x), 0u, x == 0.0);
  return select(b | 0x80000000u, ~b, b >= 0x80000000u);
}

// Folds what this workgroup saw into slot `tile` mod SLOTS of the quantizer's row. Integer atomics on
// ordered words: independent of the order of tiles.
fn record(row: u32, tile: u32, lane: u32) {
  let min_ = min(min(seen_min.x, seen_min.y), min(seen_min.z, seen_min.w));
  let max_ = max(max(seen_max.x, seen_max.y), max(seen_max.z, seen_max.w));
  let clipped = seen_clipped.x + seen_clipped.y + seen_clipped.z + seen_clipped.w;
  let nonfinite = seen_nonfinite.x + seen_nonfinite.y + seen_nonfinite.z + seen_nonfinite.w;
  if (min_ <= max_) {
    atomicMax(&tile_seen[SLOT_NEGATED_MIN], ~ordered(min_));
    atomicMax(&tile_seen[SLOT_MAX], ordered(max_));
    if (clipped > 0u) { atomicAdd(&tile_seen[SLOT_CLIPPED], clipped); }
    if (nonfinite > 0u) { atomicAdd(&tile_seen[SLOT_NONFINITE], nonfinite); }
  }
  workgroupBarrier();
  if (lane == 0u) {
    let at = slot_at(row, tile % SLOTS);
    atomicMax(&statistics[at + SLOT_NEGATED_MIN], atomicLoad(&tile_seen[SLOT_NEGATED_MIN]));
    atomicMax(&statistics[at + SLOT_MAX], atomicLoad(&tile_seen[SLOT_MAX]));
    atomicAdd(&statistics[at + SLOT_CLIPPED], atomicLoad(&tile_seen[SLOT_CLIPPED]));
    atomicAdd(&statistics[at + SLOT_NONFINITE], atomicLoad(&tile_seen[SLOT_NONFINITE]));
  }
}

// A gradient is written once, by the last kernel that contributes to it. Its epilogue adds what the
// other branches gave (ADDEND) and applies the mask of the activation that made the tensor (MASK:
// 1 ReLU, 2 ReLU6), so the backward pass of an addition or an activation copies nothing.
// Reference: kernels/include/gradient.ts

@group(0) @binding(7) var<storage, read> mask: array<Quad>;

fn finish(v: vec4<f32>, at: u32) -> vec4<f32> {
  var g = v;
  let m = real(mask[at], quantizers[i32(operand_MASK_ROW())]);
  g = select(vec4<f32>(0.0), g, m > vec4<f32>(0.0));
  return g;
}

// Where a pixel lies in images of height × width. Kernels divide for their first pixel and count on
// from it: a division by a size that only the step knows is eight scalar ones on a CPU adapter.
// References need none of it: they loop over pixels.

struct Place {
  image: u32,
  row: u32,
  column: u32,
}

fn place(pixel: u32, height: u32, width: u32) -> Place {
  let line = pixel / width;
  let image = line / height;
  return Place(image, line - image * height, pixel - line * width);
}

// As many pixels on as there are before `by`.
fn onwards(p: Place, by: Place, height: u32, width: u32) -> Place {
  let column = p.column + by.column;
  let wraps = column >= width;
  let row = p.row + by.row + u32(wraps);
  let ends = row >= height;
  return Place(p.image + by.image + u32(ends), select(row, row - height, ends), select(column, column - width, wraps));
}


@group(0) @binding(3) var<storage, read> dy: array<Quad>;
@group(0) @binding(4) var<storage, read> weight: array<Four>;
@group(0) @binding(5) var<storage, read> row_sum: array<vec4<i32>>;
@group(0) @binding(8) var<storage, read_write> dx: array<Stored>;

// A pixel beyond the image or the batch.
const NONE = 0xffffffffu;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let height = operand_HO();
  let width = operand_WO();
  let images = operand_N();
  let in_quads = operand_IQ();
  let out_quads = operand_OQ();
  let quads = operand_QUADS();
  let channels = operand_CHANNELS();
  let taps_down = operand_KH();
  let taps_across = operand_KW();
  let stride_y = operand_SH();
  let stride_x = operand_SW();
  let tile = group.y * groups.x + group.x;
  let phase_h = (operand_H() + stride_y - 1u) / stride_y;
  let phase_w = (operand_W() + stride_x - 1u) / stride_x;
  let phase = group.z / (in_quads / 2u);
  let first_quad = (group.z - phase * (in_quads / 2u)) * 2u;
  let phase_y = phase / stride_x;
  let phase_x = phase - phase_y * stride_x;
  // Of a pixel and its phase: where windows begin, and the first tap.
  let top = (phase_y + operand_PH()) / stride_y;
  let left = (phase_x + operand_PW()) / stride_x;
  let zdy = quantizers[i32(operand_DY_ROW())];
  let padding = zero_quad(zdy);

  let next = place(64u, phase_h, phase_w);
  var here = place(tile * (64u * 1u) + lane, phase_h, phase_w);
  let image_0 = here.image;
  let top_0 = i32(here.row + top);
  let left_0 = i32(here.column + left);
  let base_0 = ((i32(here.image) * i32(height) + top_0) * i32(width) + left_0) * i32(out_quads) + i32(operand_FIRST());
  let y_0 = here.row * stride_y + phase_y;
  let x_0 = here.column * stride_x + phase_x;
  let is_0 = here.image < images && y_0 < operand_H() && x_0 < operand_W();
  let pixel_0 = select(NONE, (here.image * operand_H() + y_0) * operand_W() + x_0, is_0);
  here = onwards(here, next, phase_h, phase_w);
  var a_0_0: vec4<Sum>;
  var a_0_1: vec4<Sum>;

  var up = 0;
  for (var ky = phase_y + operand_PH() - top * stride_y; ky < taps_down; ky += stride_y) {
    var across = 0;
    for (var kx = phase_x + operand_PW() - left * stride_x; kx < taps_across; kx += stride_x) {
      let inside_0 = u32(top_0 - up) < height && u32(left_0 - across) < width && image_0 < images;
      let from_0 = u32(select(0, base_0 - (up * i32(width) + across) * i32(out_quads), inside_0));
      let tap = (ky * taps_across + kx) * out_quads;
      for (var c = 0u; c < quads; c++) {
        let v_0 = select(padding, dy[from_0 + c], inside_0);
        {
          let w = weight[(tap + c) * in_quads + first_quad + 0u];
          a_0_0 += dot_four(v_0, w);
        }
        {
          let w = weight[(tap + c) * in_quads + first_quad + 1u];
          a_0_1 += dot_four(v_0, w);
        }
      }
      across++;
    }
    up++;
  }

  let zdx = quantizers[i32(operand_DX_ROW())];
  let key = stream(operand_DX_ROW());
  let unit = zdy.scale * quantizers[i32(operand_W_ROW())].scale;
  var pixels = array<u32, 1>(
    pixel_0,
  );
  let inputs = in_quads / operand_GQ();
  {
    let quad = first_quad + 0u;
    let input = quad / operand_GQ();
    let channel = (quad - input * operand_GQ()) * 4u;
    let lanes = min(4u, channels - channel);
    let correction = i32(zdy.zero) * row_sum[phase * in_quads + quad];
    var own = array<vec4<Sum>, 1>(
      a_0_0,
    );
    // Not unrolled, as in conv_forward.
    for (var p = 0u; p < 1u; p++) {
      let pixel = pixels[p];
      if (pixel != NONE) {
        let sum = own[p];
        let v = vec4<f32>(sum - correction) * unit;
        let at = pixel * in_quads + quad;
        let element = (pixel * inputs + input) * channels + channel;
        dx[at] = quantize(finish(v, at), zdx, element, key, lanes);
      }
    }
  }
  {
    let quad = first_quad + 1u;
    let input = quad / operand_GQ();
    let channel = (quad - input * operand_GQ()) * 4u;
    let lanes = min(4u, channels - channel);
    let correction = i32(zdy.zero) * row_sum[phase * in_quads + quad];
    var own = array<vec4<Sum>, 1>(
      a_0_1,
    );
    // Not unrolled, as in conv_forward.
    for (var p = 0u; p < 1u; p++) {
      let pixel = pixels[p];
      if (pixel != NONE) {
        let sum = own[p];
        let v = vec4<f32>(sum - correction) * unit;
        let at = pixel * in_quads + quad;
        let element = (pixel * inputs + input) * channels + channel;
        dx[at] = quantize(finish(v, at), zdx, element, key, lanes);
      }
    }
  }
  record(operand_DX_ROW(), tile + group.z, lane);
}

@group(0) @binding(15) var<uniform> operands: array<vec4<u32>, 16>;

fn operand_MASK_ROW() -> u32 { return operands[0u + step.origin].x; }
fn operand_HO() -> u32 { return operands[0u + step.origin].y; }
fn operand_WO() -> u32 { return operands[0u + step.origin].z; }
fn operand_N() -> u32 { return operands[0u + step.origin].w; }
fn operand_IQ() -> u32 { return operands[1u + step.origin].x; }
fn operand_OQ() -> u32 { return operands[1u + step.origin].y; }
fn operand_QUADS() -> u32 { return operands[1u + step.origin].z; }
fn operand_CHANNELS() -> u32 { return operands[1u + step.origin].w; }
fn operand_KH() -> u32 { return operands[2u + step.origin].x; }
fn operand_KW() -> u32 { return operands[2u + step.origin].y; }
fn operand_SH() -> u32 { return operands[2u + step.origin].z; }
fn operand_SW() -> u32 { return operands[2u + step.origin].w; }
fn operand_H() -> u32 { return operands[3u + step.origin].x; }
fn operand_W() -> u32 { return operands[3u + step.origin].y; }
fn operand_PH() -> u32 { return operands[3u + step.origin].z; }
fn operand_PW() -> u32 { return operands[3u + step.origin].w; }
fn operand_DY_ROW() -> u32 { return operands[4u + step.origin].x; }
fn operand_FIRST() -> u32 { return operands[4u + step.origin].y; }
fn operand_DX_ROW() -> u32 { return operands[4u + step.origin].z; }
fn operand_W_ROW() -> u32 { return operands[4u + step.origin].w; }
fn operand_GQ() -> u32 { return operands[5u + step.origin].x; }

