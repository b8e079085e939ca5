/**
 * Selects the steps that run: those of a phase, and of each quantized tensor those of its pass (see
 * `QuantizePass` in lib/program/program.ts).
 *
 * @module
 */
import type { Program, Step } from "./program.ts";
import type { QuantizerSpec } from "../quant/quantizer.ts";

/** Selects steps. */
interface StepSelection {
  readonly phase: "train" | "eval";
  /** Rows whose range is searched for in this step. */
  readonly searching?: ReadonlySet<number>;
  /** Whether codes are compared with real values. */
  readonly telemetry?: boolean;
}

/** Returns the steps that run, in their order. */
export function selectSteps(
  steps: readonly Step[],
  quantizers: readonly QuantizerSpec[],
  { phase, searching = new Set(), telemetry = false }: StepSelection,
): Step[] {
  return steps.filter((step) => {
    if (step.phase !== undefined && step.phase !== phase) return false;
    if (step.pass === undefined) return true;
    const row = step.quantizer!, dynamic = quantizers[row]!.dynamic;
    const two = phase === "train" && (dynamic || searching.has(row) || telemetry);
    switch (step.pass) {
      case "one-pass":
        return !two;
      case "two-pass":
        return two;
      case "estimate":
        return two && dynamic;
      case "search":
        return searching.has(row);
      case "telemetry":
        return telemetry;
    }
  });
}

/** Returns the steps of a training step, in the order in which they run. */
export function trainingSteps({ sections: s }: Program): Step[] {
  const weights = s.weights.filter((step) => !step.afterLoad);
  return [...s.forward, ...s.loss, ...s.backward, ...s.update, ...s.schedule, ...weights];
}
