/**
 * Decides whether the host or the device sets the ranges of a recipe.
 *
 * @module
 */
import { UsageError } from "../core/errors.ts";
import type { EstimatorSettings } from "../quant/estimator.ts";
import type { EstimatorMakers } from "../quant/estimator.ts";
import { estimators } from "../quant/estimators/mod.ts";
import type { QuantizeSpec } from "../recipe/quantize.ts";

/** Maximum steps in flight when none waits for the host: they share one wait of 11 ms. */
const MAX_IN_FLIGHT = 8;

/**
 * Returns the number of steps to submit before waiting for results.
 *
 * @param quantized whether the program has quantizers at all
 */
export function stepsInFlight(
  quantized: boolean,
  quantize: QuantizeSpec,
  makers: EstimatorMakers = estimators,
): number {
  const waits = quantized ? !rangesOnDevice(quantize, makers) : quantize.scheduler === "host";
  return waits ? 1 : MAX_IN_FLIGHT;
}

/**
 * Returns whether the device runs the rules of static estimators: if the recipe says so, and with `auto`
 * if it implements all of them. Speed does not influence the choice, so results are reproducible.
 *
 * @throws UsageError when the recipe says `device` and an estimator runs only on the host
 */
export function rangesOnDevice(
  quantize: QuantizeSpec,
  makers: EstimatorMakers = estimators,
): boolean {
  if (quantize.arithmetic === "float32" || quantize.scheduler === "host") return false;
  const { activations, gradients, layers } = quantize;
  const used: Partial<EstimatorSettings>[] = [activations, gradients];
  for (const layer of layers) used.push(layer.activations ?? {}, layer.gradients ?? {});
  const hostOnly = used.flatMap(({ estimator: name }) => {
    if (name === undefined || name === "none") return [];
    const estimator = makers[name]?.({ ...gradients, estimator: name, range: [0, 0] });
    return !estimator || estimator.device || estimator.search || estimator.initial ? [] : [name];
  });
  if (hostOnly.length > 0 && quantize.scheduler === "device") {
    throw new UsageError(
      `quantize.scheduler: expected host, as the estimator ${
        hostOnly[0]
      } runs on the host alone, ` +
        "got device; use scheduler: host or auto",
    );
  }
  return hostOnly.length === 0;
}
