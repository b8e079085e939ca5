/**
 * The line of a step while it is the last one.
 *
 * @module
 */
import type { StepEvent } from "../lib/train/events.ts";
import { stepLine } from "./format.ts";

/** A step's figures, without those that are not known yet. */
export function liveStep(event: StepEvent): string {
  return stepLine({
    ...event,
    lr: event.rate,
    imagesPerSecond: event.imagesPerSecond || NaN, // The first step is not timed.
    clipped: event.observations.length > 0 ? event.clipped : undefined,
    secondsLeft: event.imagesPerSecond > 0 ? event.secondsLeft : undefined,
  });
}
