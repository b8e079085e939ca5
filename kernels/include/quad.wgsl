// The unit of storage: four neighbouring channels of one pixel, a *quad*. With INT8 a quad is four
// codes in a u32; without, a vec4<f32>. A *wide* is V quads read in one load: the bounds check that
// every driver adds is then paid once for 4·V values (int8 512³ on llvmpipe: 17 GOP/s by words,
// 48 by four).
// Padded channels always hold the code of zero.
// Reference: kernels/include/quantize.ts (row, reader)

//@ include quantizer_layout
//@ include step_layout
//@ include slot_layout

@group(0) @binding(0) var<storage, read> quantizers: array<Quantizer>;
@group(0) @binding(1) var<storage, read_write> statistics: array<atomic<u32>>;
@group(0) @binding(2) var<uniform> step: Step;

//@ if INT8
alias Quad = u32;
//@ if V == 1
alias Wide = u32;
fn part0(w: Wide) -> Quad { return w; }
//@ end
//@ if V == 2
alias Wide = vec2<u32>;
fn part0(w: Wide) -> Quad { return w.x; }
fn part1(w: Wide) -> Quad { return w.y; }
//@ end
//@ if V == 4
alias Wide = vec4<u32>;
fn part0(w: Wide) -> Quad { return w.x; }
fn part1(w: Wide) -> Quad { return w.y; }
fn part2(w: Wide) -> Quad { return w.z; }
fn part3(w: Wide) -> Quad { return w.w; }
//@ end

fn codes(q: Quad) -> vec4<i32> {
  //@ if EMULATE
  return vec4<i32>(bitcast<i32>(q << 24u), bitcast<i32>(q << 16u), bitcast<i32>(q << 8u), bitcast<i32>(q)) >> vec4<u32>(24u);
  //@ else
  return unpack4xI8(q);
  //@ end
}

fn pack(c: vec4<i32>) -> Quad {
  //@ if EMULATE
  let b = bitcast<vec4<u32>>(c) & vec4<u32>(255u);
  return b.x | (b.y << 8u) | (b.z << 16u) | (b.w << 24u);
  //@ else
  return pack4xI8(c);
  //@ end
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
//@ else
alias Quad = vec4<f32>;
alias Wide = vec4<f32>;
alias Sum = f32;
fn part0(w: Wide) -> Quad { return w; }
fn zero_quad(z: Quantizer) -> Quad { return vec4<f32>(0.0); }
fn real(q: Quad, z: Quantizer) -> vec4<f32> { return q; }
alias Four = mat4x4<f32>;
//@ end
