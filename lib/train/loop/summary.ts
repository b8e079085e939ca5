/**
 * The summary of a run.
 *
 * @module
 */
import { VERSION } from "../../core/version.ts";
import { float32Memory } from "../../program/float32_memory.ts";
import { peakMemory } from "../../program/memory/peak.ts";
import type { TrainerState } from "../checkpoint/trainer_state.ts";
import type { Summary } from "../events.ts";
import type { RunSetup } from "./run_setup.ts";
import type { Throughput } from "./throughput.ts";

/** How a run has ended. */
interface Ending {
  readonly status: Summary["status"];
  readonly stepsPerEpoch: number;
  readonly throughput: Throughput;
  /** Number of skipped steps. */
  readonly skipped: number;
  /** Whether `train.patience` has ended it. */
  readonly stoppedEarly: boolean;
  /** Why it diverged. */
  readonly reason: string | undefined;
}

/** The summary of a run that stands at a state. */
export function summaryOf(
  { recipe, network, data, clock, estimators }: RunSetup,
  { step, last, bests }: TrainerState,
  { status, stepsPerEpoch, throughput, skipped, stoppedEarly, reason }: Ending,
): Summary {
  const { executor } = network, q = recipe.quantize, best = bests.at(-1);
  const epochOf = (step: number) => Math.ceil(step / stepsPerEpoch);
  return {
    status,
    epochs: epochOf(step),
    steps: step,
    train_loss: last?.trainLoss ?? null,
    test_loss: last?.testLoss ?? null,
    test_accuracy: last?.testAccuracy ?? null,
    ...(last?.testTop5 === undefined ? {} : { test_top5: last.testTop5 }),
    ...(last?.calibrationError === undefined ? {} : { calibration_error: last.calibrationError }),
    best_test_accuracy: best?.testAccuracy ?? null,
    best_step: best?.step ?? null,
    images_per_second: throughput.imagesPerSecond,
    data_wait_share: throughput.dataWaitShare,
    seconds: clock.sessionSeconds,
    peak_memory_bytes: executor.bytes,
    planned_memory_bytes: peakMemory(network.program).total,
    float32_memory_bytes: float32Memory(recipe, data, { estimators }),
    adapter: executor.adapter,
    device: executor.device,
    arithmetic: q.arithmetic,
    estimators: q.arithmetic === "float32" ? null : {
      weights: q.weights.estimator,
      activations: q.activations.estimator,
      gradients: q.gradients.estimator,
    },
    scheduler: network.scheduler.device ? "device" : "host",
    seed: recipe.seed,
    qtrain_version: VERSION,
    ...(skipped > 0 ? { skipped_steps: skipped } : {}),
    ...(stoppedEarly && best
      ? { stopped_early: { epoch: epochOf(step), best_epoch: epochOf(best.step) } }
      : {}),
    ...(reason === undefined ? {} : { reason }),
  };
}
