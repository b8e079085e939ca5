/**
 * The non-finite guard: a step with a value that is not finite changes nothing. Quantizers count such
 * values in their rows of the statistics; after those rows, every trained parameter has four words for
 * its own counts. kernels/check_finite reads all of them before the updates.
 *
 * @module
 */
import { checkFinite } from "../../../kernels/check_finite/kernel.ts";
import { NONFINITE_COUNTS, SLOT, SLOTS } from "../../quant/layouts.ts";
import { ROW_BYTES } from "../../quant/statistics.ts";
import { buffersOf, type Program } from "../program.ts";
import { mapSteps, newBuffer, newStep, withConstants } from "../step.ts";

/** Returns the number of words of quantizers, which precede those of parameters in the statistics. */
export function wordsOfQuantizers(quantizers: number): number {
  return Math.max(1, quantizers) * SLOTS * SLOT.words;
}

/** Returns the buffers of the trained parameters, in the order of their words. */
export function trainedBuffers({ parameters }: Pick<Program, "parameters">): string[] {
  return parameters.filter(({ frozen }) => !frozen).flatMap(buffersOf);
}

/** Adds the statistics and the step that checks them, and sets the index of every kernel's counter. */
export function nonfiniteGuard(program: Program): Program {
  const names = trainedBuffers(program), rows = Math.max(1, program.quantizers.length);
  const first = wordsOfQuantizers(program.quantizers.length);
  const places = new Map(names.map((name, i) => [name, first + SLOT.words * i]));
  const counting = mapSteps(program, (step) => {
    const counted = Object.entries(step.kernel.constants).flatMap(([constant, kind]) => {
      if (typeof kind !== "object") return [];
      // A layer without a bias has no such buffer.
      const name = step.buffers[kind.nonfinite]?.replace(/\.gradient$/, "");
      const place = places.get(name ?? "");
      if (place === undefined) return [];
      return [[constant, place + NONFINITE_COUNTS.word(kind.in)] as const];
    });
    return counted.length === 0 ? step : withConstants(step, Object.fromEntries(counted));
  });
  const statistics = (rows + Math.ceil(names.length / SLOTS)) * ROW_BYTES;
  const buffers = [
    ...program.buffers,
    newBuffer("statistics", statistics, "table"),
    newBuffer("found_nonfinite", 16, "table"),
  ];
  if (names.length === 0) return { ...counting, buffers };
  const check = newStep(program, "optimizer", checkFinite, {
    ROWS: rows,
    COUNTS: names.length,
  }, {});
  const { sections } = counting;
  return { ...counting, buffers, sections: { ...sections, update: [check, ...sections.update] } };
}
