// depthwise_backward_input: dX[p, c] = Σ_taps dY[(p + padding − tap) / stride, c] · W[tap, c]
// over the taps for which the division is exact.
//
// Pixels are grouped by phase (p mod stride) as in conv_backward_input; within a phase a thread owns a
// quad and runs of R pixels, T of them, as in depthwise_forward. AX = ⌈KW/SW⌉ taps of a row of weights
// belong to a phase at most, so a run reads SPAN = R + AX − 1 columns of dY.
//
//   dy        [n, HO, WO, CQ]     quads
//   weight    [KH·KW, CQ]         quads
//   scales    [CQ] vec4<f32>      with INT8: the weights' scale in each channel
//   addend, mask                  see include/gradient.wgsl
//   dx        [n, H, W, CQ]       quads
//
// A row of a phase has RUNS runs; QG = ⌈CQ/QL⌉.
// Reference: kernels/depthwise_backward_input/reference.ts
//@ include quad
//@ include quantize
//@ include gradient
//@ include pixel_coords
//@ include depthwise

@group(0) @binding(3) var<storage, read> dy: array<Quad>;
@group(0) @binding(4) var<storage, read> weight: array<Quad>;
//@ if INT8
@group(0) @binding(5) var<storage, read> scales: array<vec4<f32>>;
//@ end
@group(0) @binding(8) var<storage, read_write> dx: array<Stored>;

@compute @workgroup_size(${THREADS})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let images = ${N}u;
  let height = ${H}u;
  let width = ${W}u;
  let dy_height = ${HO}u;
  let dy_width = ${WO}u;
  let quads = ${CQ}u;
  let taps_down = ${KH}u;
  let stride_y = ${SH}u;
  let channels = ${CHANNELS}u;
  let runs = ${RUNS}u;
  let tile = group.y * groups.x + group.x;
  let phase_h = (height + stride_y - 1u) / stride_y;
  let phase = group.z / ${QG}u;
  let phase_y = phase / ${SW}u;
  let phase_x = phase % ${SW}u;
  let quad = (group.z - phase * ${QG}u) * ${QL}u + lane % ${QL}u;
  // Start of the window of a pixel and its phase.
  let under = (phase_y + ${PH}u) / stride_y;
  let zdy = quantizers[${DY_ROW}];
  let zdx = quantizers[${DX_ROW}];
  let key = stream(${DX_ROW}u);

  let next = pixel_coords(${THREADS}u / ${QL}u, phase_h, runs);
  var here = pixel_coords(tile * ${T}u * (${THREADS}u / ${QL}u) + lane / ${QL}u, phase_h, runs);
  let turns = ${T}u;
  let next_row = dy_width * quads;
  let next_weight = stride_y * ${KW}u * quads;
  for (var t = 0u; t < turns; t++) {
    let first = here.column * ${R}u;
    let y = here.row * stride_y + phase_y;
    let image = here.image;
    if (image < images && y < height && quad < quads) {
      let top = i32(here.row + under);
      let last = i32(first + (phase_x + ${PW}u) / ${SW}u) + ${R} - 1;
      //@ for p in 0..R
      var a_${p} = vec4<f32>();
      //@ end
      var up = 0;
      var row_at = u32((i32(image * dy_height) + top) * i32(dy_width) + last) * quads + quad;
      let first_kx = (phase_x + ${PW}u) % ${SW}u;
      let first_ky = phase_y + ${PH}u - under * stride_y;
      var weight_at = first_ky * ${KW}u * quads + quad;
      for (var ky = first_ky; ky < taps_down; ky += stride_y) {
        if (u32(top - up) < dy_height) {
          var dy_at = row_at;
          //@ for across in 0..AX
          let kx_${across} = first_kx + ${across}u * ${SW}u;
          let w_${across} = zero_centred(weight[weight_at + select(0u, kx_${across} * quads, kx_${across} < ${KW}u)], 0.0);
          //@ end
          // From the last column to the first: the taps of a pixel are added in their order.
          //@ for i in 0..SPAN
          {
            let inside = u32(last - ${i}) < dy_width;
            let v = select(vec4<f32>(), zero_centred(dy[select(0u, dy_at, inside)], zdy.zero), inside);
            dy_at -= quads;
            //@ for across in 0..AX
            //@ for p in 0..R
            //@ if i + p + 1 == R + across
            //@ if KW < across * SW + SW
            if (kx_${across} < ${KW}u) { a_${p} += v * w_${across}; }
            //@ else
            a_${p} += v * w_${across};
            //@ end
            //@ end
            //@ end
            //@ end
          }
          //@ end
        }
        up++;
        row_at -= next_row;
        weight_at += next_weight;
      }
      let lanes = min(4u, channels - quad * 4u);
      //@ if INT8
      let unit = zdy.scale * scales[quad];
      //@ end
      //@ for p in 0..R
      {
        let column = (first + ${p}u) * ${SW}u + phase_x;
        if (column < width) {
          var r = a_${p};
          //@ if INT8
          r *= unit;
          //@ end
          let pixel = (image * height + y) * width + column;
          let at = pixel * quads + quad;
          dx[at] = quantize(finish(r, at), zdx, pixel * channels + quad * 4u, key, lanes);
        }
      }
      //@ end
    }
    here = advance(here, next, phase_h, runs);
  }
  record(${DX_ROW}u, tile + group.z, lane);
}
