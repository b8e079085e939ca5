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
// Weights may be those of a part of the outputs (lib/ops/parts.ts): QUADS of the OQ quads of a pixel of
// dy, of which FIRST are before them. With BEFORE the sum goes on from what earlier parts came to:
//   before    [n, H, W, 4·IQ]            real values, without INT8
// IQ counts quads a pixel; a linear layer sees its input as one pixel, IQ/GQ pixels of
// GQ quads.
// Reference: lib/reference/conv_backward_input.ts
//@ include quad
//@ include quantize
//@ include gradient

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

const H_PHASE = (${H}u + ${SH}u - 1u) / ${SH}u;
const W_PHASE = (${W}u + ${SW}u - 1u) / ${SW}u;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let tile = group.y * groups.x + group.x;
  let phase = group.z / (${IQ}u / ${Q}u);
  let first_quad = group.z % (${IQ}u / ${Q}u) * ${Q}u;
  let phase_y = phase / ${SW}u;
  let phase_x = phase % ${SW}u;
  let zdy = quantizers[${DY_ROW}];
  let padding = zero_quad(zdy);

  //@ for p in 0..P
  let index_${p} = tile * (64u * ${P}u) + ${p}u * 64u + lane;
  let row_${p} = index_${p} / W_PHASE % H_PHASE;
  let column_${p} = index_${p} % W_PHASE;
  let image_${p} = index_${p} / (H_PHASE * W_PHASE);
  let top_${p} = i32(row_${p} + (phase_y + ${PH}u) / ${SH}u);
  let left_${p} = i32(column_${p} + (phase_x + ${PW}u) / ${SW}u);
  let base_${p} = ((i32(image_${p}) * ${HO} + top_${p}) * ${WO} + left_${p}) * ${OQ} + ${FIRST};
  //@ if BEFORE
  let y_${p} = row_${p} * ${SH}u + phase_y;
  let x_${p} = column_${p} * ${SW}u + phase_x;
  let is_${p} = image_${p} < ${N}u && y_${p} < ${H}u && x_${p} < ${W}u;
  let at_${p} = select(0u, ((image_${p} * ${H}u + y_${p}) * ${W}u + x_${p}) * ${IQ}u + first_quad, is_${p});
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
  let weights_of_input = ${KH}u * ${KW}u * ${QUADS}u;
  //@ end
  var up = 0;
  for (var ky = (phase_y + ${PH}u) % ${SH}u; ky < ${KH}u; ky += ${SH}u) {
    var across = 0;
    for (var kx = (phase_x + ${PW}u) % ${SW}u; kx < ${KW}u; kx += ${SW}u) {
      //@ for p in 0..P
      let inside_${p} = u32(top_${p} - up) < ${HO}u && u32(left_${p} - across) < ${WO}u && image_${p} < ${N}u;
      let from_${p} = u32(select(0, base_${p} - (up * ${WO} + across) * ${OQ}, inside_${p}));
      //@ end
      //@ if INT8
      let tap = (ky * ${KW}u + kx) * ${OQ}u;
      //@ else
      let tap = first_quad * 4u * weights_of_input + (ky * ${KW}u + kx) * ${QUADS}u;
      //@ end
      for (var c = 0u; c < ${QUADS}u; c++) {
        //@ for p in 0..P
        let v_${p} = select(padding, dy[from_${p} + c], inside_${p});
        //@ end
        //@ for q in 0..Q
        {
          //@ if INT8
          let w = weight[(tap + c) * ${IQ}u + first_quad + ${q}u];
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
  //@ for q in 0..Q
  {
    let quad = first_quad + ${q}u;
    let lanes = min(4u, ${CHANNELS}u - quad % ${GQ}u * 4u);
    //@ if INT8
    let correction = i32(zdy.zero) * row_sum[phase * ${IQ}u + quad];
    //@ end
    var own = array<vec4<Sum>, ${P}>(
      //@ for p in 0..P
      a_${p}_${q},
      //@ end
    );
    // Not unrolled, as in conv_forward.
    for (var p = 0u; p < ${P}u; p++) {
      let index = tile * (64u * ${P}u) + p * 64u + lane;
      let image = index / (H_PHASE * W_PHASE);
      let y = index / W_PHASE % H_PHASE * ${SH}u + phase_y;
      let x = index % W_PHASE * ${SW}u + phase_x;
      if (image < ${N}u && y < ${H}u && x < ${W}u) {
        let sum = own[p];
        //@ if INT8
        let v = vec4<f32>(sum - correction) * unit;
        //@ else
        let v = sum;
        //@ end
        let pixel = (image * ${H}u + y) * ${W}u + x;
        let at = pixel * ${IQ}u + quad;
        let element = (pixel * (${IQ}u / ${GQ}u) + quad / ${GQ}u) * ${CHANNELS}u + quad % ${GQ}u * 4u;
        dx[at] = quantize(finish(v, at), zdx, element, key, lanes);
      }
    }
  }
  //@ end
  record(${DX_ROW}u, tile + group.z, lane);
}
