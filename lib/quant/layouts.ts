/**
 * Binary layouts that the host and the shaders share.
 *
 * @module
 */

/**
 * Words of a row of the table of quantizers: scale, 1/scale, zero point, smallest and largest code,
 * low and high of the range (0, 0: none yet), factor of the learning rate.
 */
export const QUANTIZER_WORDS = 8;
/** Bytes of a row of the table of quantizers. */
export const QUANTIZER_BYTES = 4 * QUANTIZER_WORDS;
/** Bytes of a row of the table of rules: see kernels/update_ranges/shader.wgsl. */
export const RULE_BYTES = 32;
/** Bytes of the uniform block that a step is described by: `Step` in kernels/include/quad.wgsl. */
export const STEP_BYTES = 48;
