/**
 * Stochastic gradient descent with momentum, with or without Nesterov's, as PyTorch's `SGD`.
 *
 * @module
 */
import { sgd as kernel } from "../../../kernels/sgd/kernel.ts";
import { newStep } from "../step.ts";
import type { Optimizer } from "./optimizer.ts";

/** Stochastic gradient descent. */
export const sgd: Optimizer = {
  kernel,
  state: { velocity: "velocity" },
  label: ({ momentum, nesterov }) => `momentum ${momentum}${nesterov ? " nesterov" : ""}`,
  step(context, { name, layer }, constants, { momentum, nesterov }) {
    const own = { MOMENTUM: momentum, NESTEROV: nesterov ? 1 : 0 };
    return newStep(context, layer, kernel, { ...constants, ...own }, {
      gradient: `${name}.gradient`,
      weight: name,
      velocity: `${name}.velocity`,
    });
  },
};
