// Depthwise kernels compute with codes minus their zero point, as f32. Products of such values
// are whole numbers, and a sum of at most 512 of them (the planner refuses larger kernels) stays below
// 512·255·127 < 2²⁴, so f32 holds it exactly, whatever the order, and multiplies faster than i32. Padding
// is 0, and no sum needs a correction for zero points.
// Reference: kernels/include/depthwise.ts

//@ if INT8
fn zero_centred(q: Quad, zero: f32) -> vec4<f32> { return vec4<f32>(codes(q)) - vec4<f32>(zero); }
//@ else
fn zero_centred(q: Quad, zero: f32) -> vec4<f32> { return q; }
//@ end
