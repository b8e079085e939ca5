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

alias Quad = vec4<f32>;
alias Wide = vec4<f32>;
alias Sum = f32;
fn part0(w: Wide) -> Quad { return w; }
fn zero_quad(z: Quantizer) -> Quad { return vec4<f32>(0.0); }
fn real(q: Quad, z: Quantizer) -> vec4<f32> { return q; }
alias Four = mat4x4<f32>;
fn dot_four(q: Quad, w: Four) -> vec4<f32> { return q * w; }

// Real values → what is stored, with the statistics of what went in. Each thread calls `quantize` for
// its values, then every thread of the workgroup calls `record` once (it holds a barrier).
// STORE: 0 real values as they are, not seen (no quantizer); 1 quantized now: codes with INT8, else
// the real values that the codes stand for; 2 real values, seen but not quantized yet: the range
// waits for them.
// QUIET: nothing is recorded, as the tensor was seen when it was made first.
// Reference: kernels/include/quantize.ts

alias Stored = vec4<f32>;
alias StoredWide = vec4<f32>;

fn stream(row: u32) -> vec2<u32> { return vec2<u32>(0u); }
fn quantize(v: vec4<f32>, z: Quantizer, element: u32, key: vec2<u32>, lanes: u32) -> Stored { return v; }
fn record(row: u32, tile: u32, lane: u32) {}

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
@group(0) @binding(4) var<storage, read> weight: array<Quad>;
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

  let weights_of_input = taps_down * taps_across * quads;
  var up = 0;
  for (var ky = phase_y + operand_PH() - top * stride_y; ky < taps_down; ky += stride_y) {
    var across = 0;
    for (var kx = phase_x + operand_PW() - left * stride_x; kx < taps_across; kx += stride_x) {
      let inside_0 = u32(top_0 - up) < height && u32(left_0 - across) < width && image_0 < images;
      let from_0 = u32(select(0, base_0 - (up * i32(width) + across) * i32(out_quads), inside_0));
      let tap = first_quad * 4u * weights_of_input + (ky * taps_across + kx) * quads;
      for (var c = 0u; c < quads; c++) {
        let v_0 = select(padding, dy[from_0 + c], inside_0);
        {
          let w_at = tap + c + 0u * 4u * weights_of_input;
          let w = Four(weight[w_at], weight[w_at + weights_of_input], weight[w_at + 2u * weights_of_input], weight[w_at + 3u * weights_of_input]);
          a_0_0 += dot_four(v_0, w);
        }
        {
          let w_at = tap + c + 1u * 4u * weights_of_input;
          let w = Four(weight[w_at], weight[w_at + weights_of_input], weight[w_at + 2u * weights_of_input], weight[w_at + 3u * weights_of_input]);
          a_0_1 += dot_four(v_0, w);
        }
      }
      across++;
    }
    up++;
  }

  let zdx = quantizers[i32(operand_DX_ROW())];
  let key = stream(operand_DX_ROW());
  var pixels = array<u32, 1>(
    pixel_0,
  );
  let inputs = in_quads / operand_GQ();
  {
    let quad = first_quad + 0u;
    let input = quad / operand_GQ();
    let channel = (quad - input * operand_GQ()) * 4u;
    let lanes = min(4u, channels - channel);
    var own = array<vec4<Sum>, 1>(
      a_0_0,
    );
    // Not unrolled, as in conv_forward.
    for (var p = 0u; p < 1u; p++) {
      let pixel = pixels[p];
      if (pixel != NONE) {
        let sum = own[p];
        let v = sum;
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
    var own = array<vec4<Sum>, 1>(
      a_0_1,
    );
    // Not unrolled, as in conv_forward.
    for (var p = 0u; p < 1u; p++) {
      let pixel = pixels[p];
      if (pixel != NONE) {
        let sum = own[p];
        let v = sum;
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
fn operand_GQ() -> u32 { return operands[4u + step.origin].w; }

