/**
 * Where a recipe's ranges are set.
 *
 * @module
 */
import { UsageError } from "../core/errors.ts";
import type { EstimatorSettings } from "../quant/estimator.ts";
import type { EstimatorMakers } from "../quant/estimator.ts";
import { estimators } from "../quant/estimators/mod.ts";
import type { QuantizeSpec } from "../recipe/quantize.ts";

/** Steps in flight at once where nothing waits for the host: 11 ms of waiting are shared by them. */
const MAX_IN_FLIGHT = 8;

/**
 * Steps to submit before waiting for results.
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
 * Whether the device runs the rules of static estimators: where the recipe says so, and with `auto`
 * where it knows all of them. Never a question of timing, so results do not depend on it.
 *
 * @throws UsageError when `device` is asked for and an estimator runs on the host alone
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
