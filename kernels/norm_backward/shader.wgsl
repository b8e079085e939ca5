// norm_backward: dY = a·g + (c1·(y − mean) + c2), g = dA where the activation passes it on; with
// FROZEN, whose mean and variance do not follow from y, dY = a·g
//
//   da, y         [PIXELS, 4·V·CW] quads, V at a time
//   coefficients  see norm_coefficients
//   addend, mask  see include/gradient.wgsl (where Y has other consumers)
//   output        [PIXELS, 4·V·CW] quads: dY
//
// Reference: kernels/norm_backward/reference.ts
//@ include quad
//@ include quantize
//@ include norm
//@ include gradient

@group(0) @binding(3) var<storage, read> da: array<Wide>;
@group(0) @binding(4) var<storage, read> y: array<Wide>;
@group(0) @binding(8) var<storage, read_write> output: array<StoredWide>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let tile = group.y * groups.x + group.x;
  let thread = tile * 64u + lane;
  let blocks = ${CW}u;
  let channels = ${CHANNELS}u;
  let stride = ${STRIDE}u;
  let first = thread / blocks;
  let block = thread - first * blocks;
  let zda = quantizers[${DA_ROW}];
  let zy = quantizers[${Y_ROW}];
  let zdy = quantizers[${DY_ROW}];
  let key = stream(${DY_ROW}u);
  //@ for v in 0..V
  let quad_${v} = block * ${V}u + ${v}u;
  //@ if RAGGED
  let lanes_${v} = min(4u, channels - quad_${v} * 4u);
  //@ else
  let lanes_${v} = 4u;
  //@ end
  let map_${v} = affine(quad_${v});
  let c1_${v} = coefficients[quad_${v} * 6u + 3u];
  let c2_${v} = coefficients[quad_${v} * 6u + 4u];
  //@ end
  let next = stride * blocks;
  let end = select(0u, ${PIXELS}u * blocks, first < stride);
  let next_element = stride * channels;
  var element = first * channels;
  for (var at = thread; at < end; at += next) {
    let wide_da = da[at];
    let wide_y = y[at];
    //@ for v in 0..V
    let d_${v} = real(part${v}(wide_y), zy) - map_${v}.mean;
    let g_${v} = select(vec4<f32>(), real(part${v}(wide_da), zda), activation_passes(map_${v}.a * d_${v} + map_${v}.beta));
    //@ if FROZEN
    let v_${v} = finish(map_${v}.a * g_${v}, at * ${V}u + ${v}u);
    //@ else
    let v_${v} = finish(map_${v}.a * g_${v} + (c1_${v} * d_${v} + c2_${v}), at * ${V}u + ${v}u);
    //@ end
    let q_${v} = quantize(v_${v}, zdy, element + quad_${v} * 4u, key, lanes_${v});
    //@ end
    //@ include store_wide
    element += next_element;
  }
  record(${DY_ROW}u, tile, lane);
}
