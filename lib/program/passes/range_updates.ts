/**
 * Adds steps that set ranges: of weights, from their current values, before they are quantized; of other
 * tensors at the end of a step, if the device runs the scheduler, and in a calibration.
 *
 * @module
 */
import { updateRanges } from "../../../kernels/update_ranges/kernel.ts";
import { updateWeightRanges } from "../../../kernels/update_weight_ranges/kernel.ts";
import { MAX_MEMORY, RULE } from "../../quant/layouts.ts";
import type { Program, Step } from "../program.ts";
import { newBuffer, newStep } from "../step.ts";

/** Options of {@linkcode rangeUpdates}. */
interface RangeUpdateOptions {
  /** Whether the device, not the host, runs the rules of static estimators. */
  readonly onDevice: boolean;
  /** Whether the program does not train, so that ranges do not change. */
  readonly inference: boolean;
}

/** Adds the steps that set ranges. */
export function rangeUpdates(
  program: Program,
  { onDevice, inference }: RangeUpdateOptions,
): Program {
  const { quantizers, weightQuantizers: weights, sections } = program;
  const others = quantizers.length - weights, rows = Math.max(1, quantizers.length);
  const schedule = onDevice && !inference && others > 0
    ? [newStep(program, "scheduler", updateRanges, {
      FIRST: weights,
      COUNT: others,
      STATIC: 1,
      CALIBRATE: 0,
    }, {})]
    : [];
  const calibrate = inference ? [] : Array.from({ length: others }, (_, i) => {
    const constants = { FIRST: weights + i, COUNT: 1, STATIC: 0, CALIBRATE: 1 };
    return newStep(program, "calibration", updateRanges, constants, {}, { quantizer: weights + i });
  });
  return {
    ...program,
    buffers: [
      ...program.buffers,
      newBuffer("rules", rows * RULE.bytes, "table"),
      newBuffer("memory", rows * MAX_MEMORY * 4, "table"),
    ],
    sections: {
      ...sections,
      weights: [...weightRangeSteps(program), ...sections.weights],
      schedule: [...sections.schedule, ...schedule],
      calibrate: [...sections.calibrate, ...calibrate],
    },
  };
}

/** Returns the steps that set ranges of weights. Rows of trained weights come first, so one step sets them. */
function weightRangeSteps(program: Program): Step[] {
  const ranges = (COUNT: number, afterLoad: boolean) =>
    newStep(program, "weights", updateWeightRanges, { COUNT }, {}, afterLoad ? { afterLoad } : {});
  const all = program.weightQuantizers;
  const trained = program.parameters.filter((p) => p.quantizer !== undefined && !p.frozen).length;
  return [
    // Statistics of frozen weights are recorded only after loading, so their ranges are set only then.
    ...trained < all ? [ranges(all, true)] : [],
    ...trained > 0 ? [ranges(trained, false)] : [],
  ];
}
