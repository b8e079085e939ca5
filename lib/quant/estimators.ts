/**
 * The estimators that come with qtrain, by name.
 *
 * @module
 */
import type { EstimatorMakers } from "./estimator.ts";
import {
  currentMinmax,
  delayedMax,
  dsgc,
  fixed,
  hindsightGuarded,
  hindsightMinmax,
  runningMinmax,
} from "./rules.ts";

/** The estimators of activations and gradients that come with qtrain. */
export const estimators = {
  "hindsight-minmax": ({ momentum }) => hindsightMinmax(momentum),
  "current-minmax": () => currentMinmax(),
  "running-minmax": ({ momentum }) => runningMinmax(momentum),
  "dsgc": ({ interval, scale_rate }) => dsgc(interval, scale_rate),
  "delayed-max": ({ window, margin }) => delayedMax(window, margin),
  "hindsight-guarded": ({ momentum }) => hindsightGuarded(momentum),
  "fixed": ({ range: [low, high] = [0, 0] }) => fixed({ low, high }),
} as const satisfies EstimatorMakers;
