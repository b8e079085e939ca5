/**
 * Events of a run as JSON lines, with the keys of `metrics.jsonl` and `summary.json` and without large
 * values (program, observations, weights).
 *
 * @module
 */
import { parameterCount } from "../lib/program/summary.ts";
import type { TrainEvent } from "../lib/train/events.ts";

/** Converts an event to a JSON object. */
export function jsonEvent(event: TrainEvent, folder: string): Record<string, unknown> {
  switch (event.type) {
    case "start":
      return {
        type: "start",
        folder,
        recipe: event.recipe,
        device: event.device,
        adapter: event.adapter,
        train_images: event.trainImages,
        test_images: event.testImages,
        ...(event.layout === undefined ? {} : { layout: event.layout }),
        parameters: parameterCount(event.program),
        memory_bytes: event.memoryBytes,
        steps: event.steps,
        resumed_from: event.resumedFrom,
      };
    case "step":
      return {
        type: "step",
        step: event.step,
        steps: event.steps,
        epoch: event.epoch,
        loss: event.loss,
        accuracy: event.accuracy,
        lr: event.learningRate,
        images_per_second: event.imagesPerSecond,
        data_wait_share: event.dataWaitShare,
        clipped: event.clipped,
        ...(event.mostClipped ? { most_clipped: event.mostClipped } : {}),
        seconds_left: event.secondsLeft,
      };
    case "skip":
    case "rollback":
      return { ...event };
    case "epoch":
      return {
        type: "epoch",
        step: event.step,
        epoch: event.epoch,
        epochs: event.epochs,
        train_loss: event.trainLoss,
        train_accuracy: event.trainAccuracy,
        test_loss: event.testLoss,
        test_accuracy: event.testAccuracy,
        ...(event.testTop5 === undefined ? {} : { test_top5: event.testTop5 }),
        calibration_error: event.calibrationError,
        seconds: event.seconds,
      };
    case "end":
      return { type: "end", folder, ...event.summary };
  }
}
