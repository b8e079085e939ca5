// conv_backward_input: dX[p, c] = Σ_taps Σ_o dY[(p + padding − tap) / stride, o] · W[o, tap, c]
// over the taps for which the division is exact.
//
// Pixels are grouped by *phase* (p mod stride): all pixels of a phase use the same taps, so a
// stride of 2 costs a quarter of the work, not all of it with zeros between. Otherwise the tiles
// are those of conv_forward, in registers or in workgroup memory: rows are pixels, columns are inputs.
//
//   dy        [n, HO, WO, 4·OQ]           quads
//   weight    [KH·KW, OQ, IQ] four quads: of four inputs; without INT8 [inputs, KH·KW, 4·QUADS]
//   row_sum   [SH·SW, inputs] i32        Σ of the weight codes that a phase uses
//   addend, mask                          see include/gradient.wgsl
//   dx        [n, H, W, 4·IQ]            quads
//
// A tap that falls outside dY reads its code of zero, so the correction depends on the phase alone;
// unsigned codes are corrected as in conv_forward.
// Weights may be a shard of the outputs (lib/program/shards.ts): QUADS of the OQ quads of a pixel of
// dy, from quad FIRST on. With BEFORE the sum continues that of the earlier shards:
//   before    [n, H, W, 4·IQ]            real values, without INT8
// IQ counts quads a pixel; a linear layer sees its input as one pixel, IQ/GQ pixels of
// GQ quads.
// Sizes are operands, as in conv_forward.
// Conditions of unrolled code join with &: naga makes a branch of &&, and SwiftShader, whose time to compile
// triples with each pixel then, took 37 s for 12 pixels a thread (0.7 s with &).
// Reference: kernels/conv_backward_input/reference.ts
//@ include quad
//@ include dot
//@ include quantize
//@ include gradient
//@ include pixel_coords
//@ if K
//@ include group_tile
//@ include walk
//@ else
//@ let THREADS = 64
//@ let GROUP_QUADS = 1 * Q
//@ include four_row
//@ end

@group(0) @binding(3) var<storage, read> dy: array<Wide>;
//@ if INT8
//@ if K
@group(0) @binding(4) var<storage, read> weight: array<Four>;
//@ else
@group(0) @binding(4) var<storage, read> weight: array<FourRow>;
//@ end
@group(0) @binding(5) var<storage, read> row_sum: array<vec4<i32>>;
//@ else
@group(0) @binding(4) var<storage, read> weight: array<Quad>;
//@ end
//@ if BEFORE
@group(0) @binding(5) var<storage, read> before: array<vec4<f32>>;
//@ end
@group(0) @binding(8) var<storage, read_write> dx: array<Stored>;

// True for a pixel outside the image or the batch.
const NONE = 0xffffffffu;

// A phase: its first pixel, the start of that pixel's window in dY, and the first tap of the window.
struct Phase {
  index: u32,
  y: u32,
  x: u32,
  top: u32,
  left: u32,
  tap_y: u32,
  tap_x: u32,
}

fn phase_of(index: u32) -> Phase {
  let y = index / ${SW}u;
  let x = index - y * ${SW}u;
  let top = (y + ${PH}u) / ${SH}u;
  let left = (x + ${PW}u) / ${SW}u;
  return Phase(index, y, x, top, left, y + ${PH}u - top * ${SH}u, x + ${PW}u - left * ${SW}u);
}

// The pixel of dX at `here` in a phase, or NONE.
fn pixel_of(here: PixelCoords, phase: Phase) -> u32 {
  let y = here.row * ${SH}u + phase.y;
  let x = here.column * ${SW}u + phase.x;
  return select(NONE, (here.image * ${H}u + y) * ${W}u + x, (here.image < ${N}u) & (y < ${H}u) & (x < ${W}u));
}

// A quad of inputs, and what turns its sums into values.
struct Output {
  quad: u32,
  input: u32,
  channel: u32,
  lanes: u32,
  //@ if INT8
  unit: f32,
  correction: vec4<i32>,
  //@ end
}

fn output_of(quad: u32, phase: u32) -> Output {
  var out: Output;
  out.quad = quad;
  out.input = quad / ${GQ}u;
  out.channel = (quad - out.input * ${GQ}u) * 4u;
  out.lanes = min(4u, ${CHANNELS}u - out.channel);
  //@ if INT8
  let zdy = quantizers[${DY_ROW}];
  out.unit = zdy.scale * quantizers[${W_ROW}].scale;
  let sum = row_sum[phase * ${IQ}u + quad];
  //@ if DOT == 1
  out.correction = (i32(zdy.zero) + 128) * sum;
  //@ else
  out.correction = i32(zdy.zero) * sum;
  //@ end
  //@ end
  return out;
}

fn store(sum: vec4<Sum>, pixel: u32, out: Output, zdx: Quantizer, key: vec2<u32>) {
  //@ if INT8
  let v = vec4<f32>(sum - out.correction) * out.unit;
  //@ else
  let v = sum;
  //@ end
  let at = pixel * ${IQ}u + out.quad;
  let element = (pixel * (${IQ}u / ${GQ}u) + out.input) * ${CHANNELS}u + out.channel;
  dx[at] = quantize(finish(v, at), zdx, element, key, out.lanes);
}

@compute @workgroup_size(${THREADS})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let height = ${HO}u;
  let width = ${WO}u;
  let images = ${N}u;
  let in_quads = ${IQ}u;
  let quads = ${QUADS}u;
  let taps_down = ${KH}u;
  let taps_across = ${KW}u;
  let stride_y = ${SH}u;
  let stride_x = ${SW}u;
  let tile = group.y * groups.x + group.x;
  let phase_h = (${H}u + stride_y - 1u) / stride_y;
  let phase_w = (${W}u + stride_x - 1u) / stride_x;
  let groups_of_phase = (in_quads + ${GROUP_QUADS}u - 1u) / ${GROUP_QUADS}u;
  let phase = phase_of(group.z / groups_of_phase);
  let first_quad = (group.z - phase.index * groups_of_phase) * ${GROUP_QUADS}u;
  let zdy = quantizers[${DY_ROW}];
  let zdx = quantizers[${DX_ROW}];
  let key = stream(${DX_ROW}u);
  let padding = zero_quad(zdy);
  // Loads of a pixel of dY, those that are summed, and the first of these.
  let pixel_loads = i32(${OQ}u / ${V}u);
  let loads = quads / ${V}u;
  let first_load = ${FIRST} / ${V};

  //@ if K
  let down = lane / 16u;
  let across = lane % 16u;
  let tile_pixel = tile * (16u * ${P}u);
  //@ if BEFORE
  //@ let STARTS = 1
  //@ else
  //@ let STARTS = 0
  //@ end
  //@ for h in 0..FOURS
  //@ for r in 0..4
  //@ if STARTS
  let before_${h}_${r} = pixel_of(pixel_coords(tile_pixel + (${h}u * 16u + down) * 4u + ${r}u, phase_h, phase_w), phase);
  //@ end
  //@ for q in 0..Q
  var a_${h}_${r}_${q}: vec4<Sum>;
  //@ if STARTS
  if ((before_${h}_${r} != NONE) & (first_quad + ${q}u * 16u + across < in_quads)) {
    a_${h}_${r}_${q} = before[before_${h}_${r} * in_quads + first_quad + ${q}u * 16u + across];
  }
  //@ end
  //@ end
  //@ end
  //@ end
  // What this thread copies: a part of every STRIDE-th pixel of the tile, and of the weights.
  let part = lane % ${PARTS}u;
  let first = lane / ${PARTS}u;
  let next = pixel_coords(${STRIDE}u, phase_h, phase_w);
  var here = pixel_coords(tile_pixel + first, phase_h, phase_w);
  //@ for i in 0..LOADS
  // Far outside where there is no such image.
  let top_${i} = select(-0x20000000, i32(here.row + phase.top), here.image < images);
  let left_${i} = i32(here.column + phase.left);
  let base_${i} = ((i32(here.image) * i32(height) + top_${i}) * i32(width) + left_${i}) * pixel_loads + first_load;
  here = advance(here, next, phase_h, phase_w);
  //@ if DOT == 1
  var total_${i} = 0;
  //@ end
  //@ end
  // Taps of the phase: stride apart, from its first one on; at least 1 across, so that nothing divides by 0.
  let phase_down = (taps_down + stride_y - 1u - min(taps_down + stride_y - 1u, phase.tap_y)) / stride_y;
  let phase_across = max(1u, (taps_across + stride_x - 1u - min(taps_across + stride_x - 1u, phase.tap_x)) / stride_x);
  let has_taps = phase.tap_y < taps_down && phase.tap_x < taps_across;
  let below = -i32(width) * pixel_loads;
  let row_step = walk_step(${PARTS}u, loads, phase_across, 1, -pixel_loads, below);
  var at = walk_to(part, loads, phase_across, 1, -pixel_loads, below);
  let phase_loads = select(0u, phase_down * phase_across * loads, has_taps);
  //@ if INT8
  let elements = phase_loads * ${V}u;
  let own_quad = lane % ${QUAD_STRIDE}u;
  let own_column = first_quad + own_quad;
  let own_element = lane / ${QUAD_STRIDE}u;
  let weight_first = (phase.tap_y * taps_across + phase.tap_x) * quads * in_quads + own_column;
  let right = i32(stride_x * quads * in_quads);
  let under = i32(stride_y * taps_across * quads * in_quads);
  let weight_step = walk_step(${K}u, quads, phase_across, i32(in_quads), right, under);
  var weight_at = walk_to(own_element, quads, phase_across, i32(in_quads), right, under);
  //@ else
  let elements = phase_loads * 4u;
  // A row of weights goes on like dY, but by whole taps.
  let right = i32(stride_x * quads);
  let under = i32(stride_y * taps_across * quads);
  let weight_step = walk_step(${PARTS}u, quads, phase_across, 1, right, under);
  var weight_at = walk_to(part, quads, phase_across, 1, right, under);
  let weights_of_column = taps_down * taps_across * quads;
  let weight_first = (phase.tap_y * taps_across + phase.tap_x) * quads;
  let first_input = first_quad * 4u + first;
  //@ end

  for (var begin = 0u; begin < elements; begin += ${K}u) {
    //@ for i in 0..LOADS
    let inside_${i} = (u32(top_${i} - i32(at.y)) < height) & (u32(left_${i} - i32(at.x)) < width) & (at.y < phase_down);
    let row_load_${i} = select(Wide(padding), dy[u32(select(0, base_${i} + at.offset, inside_${i}))], inside_${i});
    //@ end
    //@ for i in 0..WEIGHT_LOADS
    //@ if INT8
    let is_weight_${i} = (own_element < elements - begin) & (own_column + ${i}u * ${QUAD_STRIDE}u < in_quads);
    let weight_load_${i} = select(Four(), weight[select(0u, weight_first + u32(weight_at.offset) + ${i}u * ${QUAD_STRIDE}u, is_weight_${i})], is_weight_${i});
    //@ else
    let input_${i} = first_input + ${i}u * ${STRIDE}u;
    let is_weight_${i} = (weight_at.y < phase_down) & (input_${i} < in_quads * 4u);
    let weight_load_${i} = select(vec4<f32>(), weight[select(0u, input_${i} * weights_of_column + weight_first + u32(weight_at.offset), is_weight_${i})], is_weight_${i});
    //@ end
    //@ end
    //@ include group_multiply
    at = walk_on(at, row_step);
    weight_at = walk_on(weight_at, weight_step);
  }

  //@ if DOT == 1
  //@ for i in 0..LOADS
  atomicAdd(&row_totals[first + ${i}u * ${STRIDE}u], total_${i});
  //@ end
  workgroupBarrier();
  //@ end
  let one = pixel_coords(1u, phase_h, phase_w);
  //@ for h in 0..FOURS
  {
    var own = pixel_coords(tile_pixel + (${h}u * 16u + down) * 4u, phase_h, phase_w);
    //@ for r in 0..4
    {
      let pixel = pixel_of(own, phase);
      own = advance(own, one, phase_h, phase_w);
      //@ for q in 0..Q
      if ((pixel != NONE) & (first_quad + ${q}u * 16u + across < in_quads)) {
        let out = output_of(first_quad + ${q}u * 16u + across, phase.index);
        //@ if DOT == 1
        let sum = a_${h}_${r}_${q} - vec4<i32>(128 * atomicLoad(&row_totals[(${h}u * 16u + down) * 4u + ${r}u]));
        //@ else
        let sum = a_${h}_${r}_${q};
        //@ end
        store(sum, pixel, out, zdx, key);
      }
      //@ end
    }
    //@ end
  }
  //@ end
  //@ else

  let next = pixel_coords(64u, phase_h, phase_w);
  var here = pixel_coords(tile * (64u * ${P}u) + lane, phase_h, phase_w);
  //@ for p in 0..P
  let image_${p} = here.image;
  let top_${p} = i32(here.row + phase.top);
  let left_${p} = i32(here.column + phase.left);
  let base_${p} = ((i32(here.image) * i32(height) + top_${p}) * i32(width) + left_${p}) * pixel_loads + first_load;
  let pixel_${p} = pixel_of(here, phase);
  here = advance(here, next, phase_h, phase_w);
  //@ if DOT == 1
  var total_${p} = 0;
  //@ end
  //@ if BEFORE
  let at_${p} = select(0u, pixel_${p} * in_quads + first_quad, pixel_${p} != NONE);
  //@ for q in 0..Q
  var a_${p}_${q} = before[at_${p} + ${q}u];
  //@ end
  //@ else
  //@ for q in 0..Q
  var a_${p}_${q}: vec4<Sum>;
  //@ end
  //@ end
  //@ end

  //@ if INT8
  let row_step = in_quads / ${Q}u;
  //@ else
  let weights_of_column = taps_down * taps_across * quads;
  //@ end
  var up = 0;
  for (var ky = phase.tap_y; ky < taps_down; ky += stride_y) {
    var across = 0;
    for (var kx = phase.tap_x; kx < taps_across; kx += stride_x) {
      //@ for p in 0..P
      let inside_${p} = (u32(top_${p} - up) < height) & (u32(left_${p} - across) < width) & (image_${p} < images);
      let from_${p} = u32(select(0, base_${p} - (up * i32(width) + across) * pixel_loads, inside_${p}));
      //@ end
      //@ if INT8
      var row_at = ((ky * taps_across + kx) * quads * in_quads + first_quad) / ${Q}u;
      //@ else
      let tap = first_quad * 4u * weights_of_column + (ky * taps_across + kx) * quads;
      //@ end
      for (var c = 0u; c < loads; c++) {
        //@ for p in 0..P
        let wide_${p} = select(Wide(padding), dy[from_${p} + c], inside_${p});
        //@ end
        //@ include register_multiply
      }
      across++;
    }
    up++;
  }

  var pixels = array<u32, ${P}>(
    //@ for p in 0..P
    pixel_${p},
    //@ end
  );
  //@ for q in 0..Q
  {
    let out = output_of(first_quad + ${q}u, phase.index);
    var own = array<vec4<Sum>, ${P}>(
      //@ for p in 0..P
      //@ if DOT == 1
      a_${p}_${q} - vec4<i32>(128 * total_${p}),
      //@ else
      a_${p}_${q},
      //@ end
      //@ end
    );
    // Not unrolled, as in conv_forward.
    for (var p = 0u; p < ${P}u; p++) {
      if (pixels[p] != NONE) { store(own[p], pixels[p], out, zdx, key); }
    }
  }
  //@ end
  //@ end
  record(${DX_ROW}u, tile + group.z, lane);
}
