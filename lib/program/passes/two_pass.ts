/**
 * Two-pass quantization: a kernel writes a tensor's f32 values (to `f32_scratch`, which all tensors share),
 * their range is measured, and a second kernel quantizes them. Dynamic estimators always need it, `dsgc`
 * when it searches, and every quantizer when telemetry compares codes with values.
 *
 * @module
 */
import { dsgcSearch } from "../../../kernels/dsgc_search/kernel.ts";
import { quantizationError } from "../../../kernels/quantization_error/kernel.ts";
import { quantizeF32 } from "../../../kernels/quantize_f32/kernel.ts";
import { reduceQuantizationError } from "../../../kernels/reduce_quantization_error/kernel.ts";
import { resetStatistics } from "../../../kernels/reset_statistics/kernel.ts";
import { updateRanges } from "../../../kernels/update_ranges/kernel.ts";
import type { QuantizerSpec } from "../../quant/quantizer.ts";
import type { Program, QuantizePass, Step, StepOutput } from "../program.ts";
import { mapSteps, newBuffer, newStep, withConstants } from "../step.ts";

/** Steps of the search for a clipping range: the interval shrinks to 0.618¹³ = 0.2% of the largest value. */
export const SEARCH_STEPS = 16;
/** Maximum number of tiles in which a tensor's error is summed. */
const MAX_TILES = 256;

/** Returns whether a quantizer's tensor is ever quantized in two passes. */
export function needsTwoPasses(quantizer: QuantizerSpec, telemetry: boolean): boolean {
  return quantizer.dynamic || quantizer.search !== undefined || telemetry;
}

/**
 * Replaces the steps that compute and quantize a tensor in one pass, where it needs two.
 *
 * @param telemetry whether codes are compared with f32 values
 */
export function twoPass(program: Program, telemetry: boolean): Program {
  let quads = 0;
  const changed = mapSteps(program, (step, section) => {
    const { output, quantizer: row } = step;
    if (!output || row === undefined) return step;
    const quantizer = program.quantizers[row]!;
    if (!needsTwoPasses(quantizer, telemetry)) return step;
    quads = Math.max(quads, output.pixels * output.quads);
    // Evaluation keeps the ranges, so it needs one pass; it has no backward pass.
    const onePass = !quantizer.dynamic || section !== "backward";
    return [
      ...onePass ? [{ ...step, pass: "one-pass" as const }] : [],
      ...secondPassSteps(program, step, output, row, telemetry),
    ];
  });
  const errors = telemetry ? [newBuffer("fidelity", 16 * program.quantizers.length, "table")] : [];
  const scratch = [
    newBuffer("f32_scratch", 16 * quads, "scratch"),
    newBuffer("errors", 16 * MAX_TILES, "scratch"),
    // Starts at zero, and each search resets it to zero.
    newBuffer("search", 32, "table"),
  ];
  return { ...changed, buffers: [...program.buffers, ...errors, ...quads > 0 ? scratch : []] };
}

/** Returns the steps of two passes: write f32 values, set their range, quantize them. */
function secondPassSteps(
  program: Program,
  step: Step,
  output: StepOutput,
  quantizer: number,
  telemetry: boolean,
): Step[] {
  const { dynamic, search } = program.quantizers[quantizer]!, { part } = output;
  const first = part === undefined || part === "first",
    last = part === undefined || part === "last";
  const buffers = { ...step.buffers, [output.variable]: "f32_scratch" };
  const constants = { STORE: 2, STOCHASTIC: 0, IMAGE: 0 };
  const values: Step = { ...withConstants(step, constants), buffers, pass: "two-pass" };
  // A range that is set from the tensor itself must not depend on earlier micro-batches.
  const forget = program.micros > 1 && first && (dynamic || search !== undefined);
  return [
    ...forget
      ? [
        newStep(program, step.layer, resetStatistics, { ROW: quantizer }, {}, {
          quantizer,
          pass: "two-pass",
        }),
      ]
      : [],
    values,
    ...last ? quantizeSteps(program, step, output, quantizer, telemetry) : [],
  ];
}

/** Returns the steps after the one that writes f32 values: estimate or search a range, quantize, compare. */
function quantizeSteps(
  program: Program,
  { layer, buffers, constants: { STOCHASTIC, IMAGE } }: Step,
  { variable, quads: CQ, channels: CHANNELS, pixels }: StepOutput,
  ROW: number,
  telemetry: boolean,
): Step[] {
  const { dynamic, search, symmetric } = program.quantizers[ROW]!, QUADS = pixels * CQ;
  const shape = { QUADS, CQ, CHANNELS, ROW }, q = buffers[variable]!;
  const R = Math.ceil(QUADS / (64 * MAX_TILES)), TILES = Math.ceil(QUADS / (64 * R));
  const at = (pass: QuantizePass) => ({ quantizer: ROW, pass });
  const errors = (SEARCH: number, pass: QuantizePass) =>
    newStep(program, layer, quantizationError, { ...shape, R, SEARCH }, { q }, at(pass));
  const steps: Step[] = [];
  if (dynamic) {
    const one = { FIRST: ROW, COUNT: 1, STATIC: 0, CALIBRATE: 0 };
    steps.push(newStep(program, layer, updateRanges, one, {}, at("estimate")));
  }
  if (search) {
    const SCALE_RATE = search.scaleRate ? 1 : 0, SYMMETRIC = symmetric ? 1 : 0;
    const constants = { ROW, TILES, MOVES: SEARCH_STEPS, SCALE_RATE, SYMMETRIC };
    const move = newStep(program, layer, dsgcSearch, constants, {}, at("search"));
    steps.push(move);
    for (let i = 0; i < SEARCH_STEPS; i++) steps.push(errors(1, "search"), move);
  }
  const store = { STORE: 1, STOCHASTIC: STOCHASTIC!, IMAGE: IMAGE! };
  steps.push(newStep(program, layer, quantizeF32, { ...shape, ...store }, { q }, at("two-pass")));
  if (telemetry) {
    const total = { TILES, ROW };
    steps.push(errors(0, "telemetry"));
    steps.push(newStep(program, layer, reduceQuantizationError, total, {}, at("telemetry")));
  }
  return steps;
}
