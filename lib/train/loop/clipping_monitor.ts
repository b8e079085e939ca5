/**
 * Warns of quantizers that clip many values for many steps.
 *
 * @module
 */
import type { QuantizerSpec } from "../../quant/quantizer.ts";
import { definitions } from "../../quant/estimators/mod.ts";
import type { Observation } from "../../quant/scheduler.ts";

/** Share of its values that a quantizer may clip. */
const MAX_CLIPPED_SHARE = 0.1;
/**
 * Number of consecutive steps in which it may clip more. In-hindsight ranges at momentum 0.9 follow a
 * jump by ×10 to 1% within 40 steps; a range that takes longer does not follow.
 */
const MAX_STEPS = 50;

/** Counts the consecutive steps in which quantizers clip too much. */
export class ClippingMonitor {
  /** Number of consecutive steps, by row; infinite after its warning. */
  readonly #steps: number[] = [];

  /** Counts a step. Returns a warning when quantizers have clipped too much for too long, once for each. */
  see(observations: readonly Observation[]): string | undefined {
    const late: Observation[] = [];
    observations.forEach((observation, row) => {
      const clips = observation.clipped > MAX_CLIPPED_SHARE * observation.quantizer.elements;
      const before = this.#steps[row] ?? 0;
      if (before === Infinity) return;
      this.#steps[row] = clips ? before + 1 : 0;
      if (this.#steps[row] < MAX_STEPS) return;
      this.#steps[row] = Infinity;
      late.push(observation);
    });
    const [first, ...others] = late;
    if (!first) return undefined;
    const { quantizer: q, clipped } = first, more = others.length;
    const whose = more === 0 ? "" : ` (and ${more} ${more === 1 ? "other" : "others"})`;
    return `quantizer ${q.name}${whose} has clipped more than ${
      100 * MAX_CLIPPED_SHARE
    }% of its values for ` +
      `${MAX_STEPS} steps, now ${Math.round(100 * clipped / q.elements)}%: ${remedy(q)}`;
  }
}

/** The settings of the recipe that widen a range. */
function remedy({ role, settings }: QuantizerSpec): string {
  const where = role === "gradient" ? "quantize.gradients" : "quantize.activations";
  const { widen, opensAtOnce } = definitions[settings.estimator] ?? {};
  const other = opensAtOnce ? "current-minmax" : "hindsight-guarded, which opens at once";
  const otherwise = `take ${where}.estimator: ${other}`;
  if (!widen) return otherwise;
  const value = settings[widen.setting], now = typeof value === "number" ? ` (${value})` : "";
  return `${widen.verb} ${where}.${widen.setting}${now}, or ${otherwise}`;
}
