// The mask of a dropout layer: a hash of (seed, step, layer, element), computed like the random numbers
// of stochastic rounding, so the backward pass draws the same mask and nothing is stored. The highest
// bit distinguishes layers from quantizers.
// Reference: kernels/include/dropout.ts

fn mix_dropout(x: u32) -> u32 {
  var h = (x ^ (x >> 16u)) * 0x7feb352du;
  h = (h ^ (h >> 15u)) * 0x846ca68bu;
  return h ^ (h >> 16u);
}

// `pixel` counts through the batch, `quad` through its channels. Elements count unpadded, from the
// first image of the batch that this one is a part of.
fn keeps(pixel: u32, quad: u32) -> vec4<bool> {
  let a = mix_dropout(mix_dropout(step.seed ^ 0x9e3779b9u) + step.step);
  let element = (step.first * ${PIXELS_OF_IMAGE}u + pixel) * ${CHANNELS}u + quad * 4u;
  var h = (vec4<u32>(element) + vec4<u32>(0u, 1u, 2u, 3u)) * vec4<u32>(0x9e3779b1u)
    + vec4<u32>(mix_dropout(a + (0x80000000u + ${LAYER}u)));
  h = (h ^ (h >> vec4<u32>(16u))) * vec4<u32>(0x7feb352du);
  h = ((h ^ (h >> vec4<u32>(15u))) + vec4<u32>(mix_dropout((a ^ 0x85ebca6bu) + (0x80000000u + ${LAYER}u)))) * vec4<u32>(0x846ca68bu);
  h = h ^ (h >> vec4<u32>(16u));
  return vec4<f32>(h >> vec4<u32>(8u)) * 5.9604644775390625e-8 >= vec4<f32>(${RATE});
}
