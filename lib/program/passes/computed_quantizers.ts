/**
 * Computed quantizers: rows of the table that a step computes from another row (dropout's output has the
 * codes of its input and another scale). The scheduler does not set them. They come after all other
 * rows, whose number is only known when the whole network is planned.
 *
 * @module
 */
import { QUANTIZER } from "../../quant/layouts.ts";
import type { Program } from "../program.ts";
import { mapSteps, newBuffer, withConstants } from "../step.ts";

/** Placeholder of the first computed row while the number of quantizers is not known. */
export const FIRST_COMPUTED_ROW = 2 ** 20;

/**
 * Adds the table of quantizers and replaces placeholders by the rows of computed quantizers.
 *
 * @param computed number of computed quantizers
 */
export function computedQuantizers(program: Program, computed: number): Program {
  const { quantizers } = program,
    bytes = (Math.max(1, quantizers.length) + computed) *
      QUANTIZER.bytes;
  const buffers = [...program.buffers, newBuffer("quantizers", bytes, "table")];
  if (computed === 0) return { ...program, buffers };
  const placed = mapSteps(program, (step) => {
    const moved = Object.entries(step.constants).flatMap(([name, row]) =>
      step.kernel.constants[name] === "row" && row >= FIRST_COMPUTED_ROW
        ? [[name, row - FIRST_COMPUTED_ROW + quantizers.length] as const]
        : []
    );
    return moved.length === 0 ? step : withConstants(step, Object.fromEntries(moved));
  });
  return { ...placed, buffers };
}
