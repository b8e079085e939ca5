/**
 * AdamW (Loshchilov & Hutter 2019), as PyTorch's.
 *
 * @module
 */
import { adamw as kernel } from "../../../kernels/adamw/kernel.ts";
import { newStep } from "../step.ts";
import type { Optimizer } from "./optimizer.ts";

/** AdamW. */
export const adamw: Optimizer = {
  kernel,
  // The first moment has the name of SGD's momentum.
  state: { velocity: "velocity", second: "second_moment" },
  label: ({ betas }) => `betas ${betas.join(" and ")}`,
  step(context, { name, layer }, constants, { betas: [BETA_1, BETA_2], epsilon: EPSILON }) {
    const own = { BETA_1, BETA_2, REST_1: 1 - BETA_1, REST_2: 1 - BETA_2, EPSILON };
    return newStep(context, layer, kernel, { ...constants, ...own }, {
      gradient: `${name}.gradient`,
      weight: name,
      velocity: `${name}.velocity`,
      second: `${name}.second`,
    });
  },
  // Both moments begin at 0.
  corrections: ({ betas: [first, second] }, step) => ({
    firstCorrection: 1 / (1 - first ** (step + 1)),
    secondCorrection: 1 / Math.sqrt(1 - second ** (step + 1)),
  }),
};
