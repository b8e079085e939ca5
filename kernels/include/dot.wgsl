// Dot products of a quad with four others. With INT8, DOT tells how:
//   0 native     dot4I8Packed. GPUs without an instruction for it get four multiplications at a quarter
//                of the rate from their driver, and some drivers get it wrong.
//   1 unsigned   dot4U8Packed of codes + 128: those GPUs have one for this. `factor` converts codes, of
//                both sides, so their zero points are 128 greater.
//   2 emulated   bytes are extracted and multiplied one by one.
// Reference: plain products in kernels/include/multiply_add.ts

//@ if INT8
//@ if DOT == 1
fn factor(q: Quad) -> Quad { return q ^ 0x80808080u; }
fn factors(w: Four) -> Four { return w ^ vec4<u32>(0x80808080u); }
fn dot_quad(a: Quad, b: Quad) -> i32 { return i32(dot4U8Packed(a, b)); }
//@ else
fn factor(q: Quad) -> Quad { return q; }
fn factors(w: Four) -> Four { return w; }
//@ if DOT == 0
fn dot_quad(a: Quad, b: Quad) -> i32 { return dot4I8Packed(a, b); }
//@ else
fn dot_quad(a: Quad, b: Quad) -> i32 {
  let p = codes(a) * codes(b);
  return p.x + p.y + p.z + p.w;
}
//@ end
//@ end
fn dot_four(q: Quad, w: Four) -> vec4<i32> {
  return vec4<i32>(dot_quad(q, w.x), dot_quad(q, w.y), dot_quad(q, w.z), dot_quad(q, w.w));
}
fn add_products(sum: vec4<i32>, q: Quad, w: Four) -> vec4<i32> { return sum + dot_four(q, w); }
//@ else
fn factor(q: Quad) -> Quad { return q; }
// In the order of the reference, on the sum: a sixth fewer cycles than a product that is added.
fn add_products(sum: vec4<f32>, q: Quad, w: Four) -> vec4<f32> {
  var to = sum;
  //@ for k in 0..4
  to = fma(vec4<f32>(q[${k}]), vec4<f32>(w[0][${k}], w[1][${k}], w[2][${k}], w[3][${k}]), to);
  //@ end
  return to;
}
//@ end
