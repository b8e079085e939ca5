// norm_backward: dY = a·g + (c1·(y − mean) + c2), g = dA where the activation passes it on; with
// FROZEN, whose mean and variance do not follow from y, dY = a·g
//
//   da, y         [PIXELS, 4·V·CW] quads, V at a time
//   coefficients  see norm_coefficients
//   addend, mask  see include/gradient.wgsl (where Y has other consumers)
//   output        [PIXELS, 4·V·CW] quads: dY
//
// Reference: kernels/norm_backward/reference.ts
// include quad

// include quantize

// include norm

// include gradient


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
  let blocks = operand_CW();
  let channels = operand_CHANNELS();
  let stride = operand_STRIDE();
  let first = thread / blocks;
  let block = thread - first * blocks;
  let zda = quantizers[i32(operand_DA_ROW())];
  let zy = quantizers[i32(operand_Y_ROW())];
  let zdy = quantizers[i32(operand_DY_ROW())];
  let key = stream(operand_DY_ROW());
  let quad_0 = block * 2u + 0u;
  let lanes_0 = 4u;
  let map_0 = affine(quad_0);
  let c1_0 = coefficients[quad_0 * 6u + 3u];
  let c2_0 = coefficients[quad_0 * 6u + 4u];
  let quad_1 = block * 2u + 1u;
  let lanes_1 = 4u;
  let map_1 = affine(quad_1);
  let c1_1 = coefficients[quad_1 * 6u + 3u];
  let c2_1 = coefficients[quad_1 * 6u + 4u];
  let next = stride * blocks;
  let end = select(0u, operand_PIXELS() * blocks, first < stride);
  let next_element = stride * channels;
  var element = first * channels;
  for (var at = thread; at < end; at += next) {
    let wide_da = da[at];
    let wide_y = y[at];
    let d_0 = real(part0(wide_y), zy) - map_0.mean;
    let g_0 = select(vec4<f32>(), real(part0(wide_da), zda), activation_passes(map_0.a * d_0 + map_0.beta));
    let v_0 = finish(map_0.a * g_0 + (c1_0 * d_0 + c2_0), at * 2u + 0u);
    let q_0 = quantize(v_0, zdy, element + quad_0 * 4u, key, lanes_0);
    let d_1 = real(part1(wide_y), zy) - map_1.mean;
    let g_1 = select(vec4<f32>(), real(part1(wide_da), zda), activation_passes(map_1.a * d_1 + map_1.beta));
    let v_1 = finish(map_1.a * g_1 + (c1_1 * d_1 + c2_1), at * 2u + 1u);
    let q_1 = quantize(v_1, zdy, element + quad_1 * 4u, key, lanes_1);
// include store_wide

    element += next_element;
  }
  record(operand_DY_ROW(), tile, lane);
}

@group(0) @binding(15) var<uniform> operands: array<vec4<u32>, 16>;

fn operand_CW() -> u32 { return operands[0u + step.origin].x; }
fn operand_CHANNELS() -> u32 { return operands[0u + step.origin].y; }
fn operand_STRIDE() -> u32 { return operands[0u + step.origin].z; }
fn operand_DA_ROW() -> u32 { return operands[0u + step.origin].w; }
fn operand_Y_ROW() -> u32 { return operands[1u + step.origin].x; }
fn operand_DY_ROW() -> u32 { return operands[1u + step.origin].y; }
fn operand_PIXELS() -> u32 { return operands[1u + step.origin].z; }

