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
// Weights may be a shard of the outputs (lib/program/shards.ts): QUADS of the OQ quads of a pixel of
// dy, from quad FIRST on. With BEFORE the sum continues that of the earlier shards:
//   before    [n, H, W, 4·IQ]            real values, without INT8
// IQ counts quads a pixel; a linear layer sees its input as one pixel, IQ/GQ pixels of
// GQ quads.
// Sizes are operands, as in conv_forward.
// Reference: kernels/conv_backward_input/reference.ts
//@ include quad
//@ include dot
//@ include quantize
//@ include gradient
//@ include pixel_coords

@group(0) @binding(3) var<storage, read> dy: array<Quad>;
//@ if INT8
@group(0) @binding(4) var<storage, read> weight: array<Four>;
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

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let height = ${HO}u;
  let width = ${WO}u;
  let images = ${N}u;
  let in_quads = ${IQ}u;
  let out_quads = ${OQ}u;
  let quads = ${QUADS}u;
  let channels = ${CHANNELS}u;
  let taps_down = ${KH}u;
  let taps_across = ${KW}u;
  let stride_y = ${SH}u;
  let stride_x = ${SW}u;
  let tile = group.y * groups.x + group.x;
  let phase_h = (${H}u + stride_y - 1u) / stride_y;
  let phase_w = (${W}u + stride_x - 1u) / stride_x;
  let phase = group.z / (in_quads / ${Q}u);
  let first_quad = (group.z - phase * (in_quads / ${Q}u)) * ${Q}u;
  let phase_y = phase / stride_x;
  let phase_x = phase - phase_y * stride_x;
  // Start of the window of a pixel, and the first tap of its phase.
  let top = (phase_y + ${PH}u) / stride_y;
  let left = (phase_x + ${PW}u) / stride_x;
  let zdy = quantizers[${DY_ROW}];
  let padding = zero_quad(zdy);

  let next = pixel_coords(64u, phase_h, phase_w);
  var here = pixel_coords(tile * (64u * ${P}u) + lane, phase_h, phase_w);
  //@ for p in 0..P
  let image_${p} = here.image;
  let top_${p} = i32(here.row + top);
  let left_${p} = i32(here.column + left);
  let base_${p} = ((i32(here.image) * i32(height) + top_${p}) * i32(width) + left_${p}) * i32(out_quads) + ${FIRST};
  let y_${p} = here.row * stride_y + phase_y;
  let x_${p} = here.column * stride_x + phase_x;
  let is_${p} = here.image < images && y_${p} < ${H}u && x_${p} < ${W}u;
  let pixel_${p} = select(NONE, (here.image * ${H}u + y_${p}) * ${W}u + x_${p}, is_${p});
  here = advance(here, next, phase_h, phase_w);
  //@ if BEFORE
  let at_${p} = select(0u, pixel_${p} * in_quads + first_quad, is_${p});
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
  //@ else
  let weights_of_input = taps_down * taps_across * quads;
  //@ end
  var up = 0;
  for (var ky = phase_y + ${PH}u - top * stride_y; ky < taps_down; ky += stride_y) {
    var across = 0;
    for (var kx = phase_x + ${PW}u - left * stride_x; kx < taps_across; kx += stride_x) {
      //@ for p in 0..P
      let inside_${p} = u32(top_${p} - up) < height && u32(left_${p} - across) < width && image_${p} < images;
      let from_${p} = u32(select(0, base_${p} - (up * i32(width) + across) * i32(out_quads), inside_${p}));
      //@ end
      //@ if INT8
      let tap = (ky * taps_across + kx) * out_quads;
      //@ else
      let tap = first_quad * 4u * weights_of_input + (ky * taps_across + kx) * quads;
      //@ end
      for (var c = 0u; c < quads; c++) {
        //@ for p in 0..P
        let v_${p} = select(padding, dy[from_${p} + c], inside_${p});
        //@ end
        //@ for q in 0..Q
        {
          //@ if INT8
          let w = weight[(tap + c) * in_quads + first_quad + ${q}u];
          //@ else
          let w_at = tap + c + ${q}u * 4u * weights_of_input;
          let w = Four(weight[w_at], weight[w_at + weights_of_input], weight[w_at + 2u * weights_of_input], weight[w_at + 3u * weights_of_input]);
          //@ end
          //@ for p in 0..P
          a_${p}_${q} += dot_four(v_${p}, w);
          //@ end
        }
        //@ end
      }
      across++;
    }
    up++;
  }

  let zdx = quantizers[${DX_ROW}];
  let key = stream(${DX_ROW}u);
  //@ if INT8
  let unit = zdy.scale * quantizers[${W_ROW}].scale;
  //@ end
  var pixels = array<u32, ${P}>(
    //@ for p in 0..P
    pixel_${p},
    //@ end
  );
  let inputs = in_quads / ${GQ}u;
  //@ for q in 0..Q
  {
    let quad = first_quad + ${q}u;
    let input = quad / ${GQ}u;
    let channel = (quad - input * ${GQ}u) * 4u;
    let lanes = min(4u, channels - channel);
    //@ if INT8
    let correction = i32(zdy.zero) * row_sum[phase * in_quads + quad];
    //@ end
    var own = array<vec4<Sum>, ${P}>(
      //@ for p in 0..P
      a_${p}_${q},
      //@ end
    );
    // Not unrolled, as in conv_forward.
    for (var p = 0u; p < ${P}u; p++) {
      let pixel = pixels[p];
      if (pixel != NONE) {
        let sum = own[p];
        //@ if INT8
        let v = vec4<f32>(sum - correction) * unit;
        //@ else
        let v = sum;
        //@ end
        let at = pixel * in_quads + quad;
        let element = (pixel * inputs + input) * channels + channel;
        dx[at] = quantize(finish(v, at), zdx, element, key, lanes);
      }
    }
  }
  //@ end
  record(${DX_ROW}u, tile + group.z, lane);
}
