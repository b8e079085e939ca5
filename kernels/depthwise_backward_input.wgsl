// depthwise_backward_input: dX[p, c] = Σ_taps dY[(p + padding − tap) / stride, c] · W[tap, c]
// over the taps for which the division is exact.
//
// Pixels are grouped by phase (p mod stride) as in conv_backward_input; within a phase a thread owns a
// quad and runs of R pixels, T of them, as in depthwise_forward. AX = ⌈KW/SW⌉ taps of a row of weights
// are a phase's at most, so SPAN = R + AX − 1 columns of dY lie under a run.
//
//   dy        [n, HO, WO, CQ]     quads
//   weight    [KH·KW, CQ]         quads
//   scales    [CQ] vec4<f32>      with INT8: the weights' scale in each channel
//   addend, mask                  see include/gradient.wgsl
//   dx        [n, H, W, CQ]       quads
//
// RUNS is how many runs a row of a phase has, QG = ⌈CQ/QL⌉.
// Reference: lib/reference/depthwise_backward_input.ts
//@ include quad
//@ include quantize
//@ include gradient
//@ include depthwise

@group(0) @binding(3) var<storage, read> dy: array<Quad>;
@group(0) @binding(4) var<storage, read> weight: array<Quad>;
//@ if INT8
@group(0) @binding(5) var<storage, read> scales: array<vec4<f32>>;
//@ end
@group(0) @binding(8) var<storage, read_write> dx: array<Stored>;

const H_PHASE = (${H}u + ${SH}u - 1u) / ${SH}u;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let tile = group.y * groups.x + group.x;
  let phase_y = group.z / ${QG}u / ${SW}u;
  let phase_x = group.z / ${QG}u % ${SW}u;
  let quad = group.z % ${QG}u * ${QL}u + lane % ${QL}u;
  let zdy = quantizers[${DY_ROW}];
  let zdx = quantizers[${DX_ROW}];
  let key = stream(${DX_ROW}u);

  for (var t = 0u; t < ${T}u; t++) {
    let run = (tile * ${T}u + t) * (64u / ${QL}u) + lane / ${QL}u;
    let line = run / ${RUNS}u;
    let first = run % ${RUNS}u * ${R}u;
    let y = line % H_PHASE * ${SH}u + phase_y;
    let image = line / H_PHASE;
    if (image < ${N}u && y < ${H}u && quad < ${CQ}u) {
      let top = i32(line % H_PHASE + (phase_y + ${PH}u) / ${SH}u);
      let left = i32(first + (phase_x + ${PW}u) / ${SW}u) - (${AX} - 1);
      //@ for p in 0..R
      var a_${p} = vec4<f32>();
      //@ end
      var up = 0;
      for (var ky = (phase_y + ${PH}u) % ${SH}u; ky < ${KH}u; ky += ${SH}u) {
        if (u32(top - up) < ${HO}u) {
          let base = (i32(image * ${HO}u) + top - up) * ${WO} + left;
          var v: array<vec4<f32>, ${SPAN}>;
          //@ for i in 0..SPAN
          let inside_${i} = u32(left + ${i}) < ${WO}u;
          v[${i}] = select(vec4<f32>(), centred(dy[select(0u, u32(base + ${i}) * ${CQ}u + quad, inside_${i})], zdy.zero), inside_${i});
          //@ end
          //@ for across in 0..AX
          {
            let kx = (phase_x + ${PW}u) % ${SW}u + ${across}u * ${SW}u;
            if (kx < ${KW}u) {
              let w = centred(weight[(ky * ${KW}u + kx) * ${CQ}u + quad], 0.0);
              //@ for p in 0..R
              a_${p} += v[${p} + ${AX} - 1 - ${across}] * w;
              //@ end
            }
          }
          //@ end
        }
        up++;
      }
      let lanes = min(4u, ${CHANNELS}u - quad * 4u);
      //@ if INT8
      let unit = zdy.scale * scales[quad];
      //@ end
      //@ for p in 0..R
      {
        let column = (first + ${p}u) * ${SW}u + phase_x;
        if (column < ${W}u) {
          var r = a_${p};
          //@ if INT8
          r *= unit;
          //@ end
          let pixel = (image * ${H}u + y) * ${W}u + column;
          let at = pixel * ${CQ}u + quad;
          dx[at] = quantize(finish(r, at), zdx, pixel * ${CHANNELS}u + quad * 4u, key, lanes);
        }
      }
      //@ end
    }
  }
  record(${DX_ROW}u, tile + group.z, lane);
}
