/**
 * Sizes of staging buffers, through which the host reads results.
 *
 * @module
 */
import type { Program } from "../program.ts";

/** Maximum bytes read at once; a read takes 11 ms whatever its size, so pieces should not be small. */
export const MAX_READ = 8 * 2 ** 20;

/** Buffers that the host reads after every step: see lib/train/network/in_flight_steps.ts. */
const READ_EVERY_STEP: ReadonlySet<string> = new Set([
  "metrics",
  "statistics",
  "quantizers",
  "clip",
  "fidelity",
]);

/**
 * Returns the bytes of each staging buffer: one that reads anything piece by piece (a checkpoint may be
 * larger), and one for each step in flight, which the scores of an evaluation's batches take too.
 */
export function stagingOf({ buffers, sections: { loss } }: Program, inFlight: number): number[] {
  const sum = (bytes: number, b: { bytes: number }) => bytes + b.bytes;
  const kept = buffers.filter(({ kind }) =>
    kind === "parameter" || kind === "optimizer" || kind === "table"
  );
  const left = buffers.filter(({ name }) => READ_EVERY_STEP.has(name)).reduce(sum, 0);
  const scores = buffers.find(({ name }) => name === loss[0]?.buffers.logits)?.bytes ?? 0;
  const copies = Array<number>(inFlight).fill(Math.max(left, scores));
  return [Math.min(MAX_READ, kept.reduce(sum, 0)), ...copies];
}
