/**
 * Buffers that results come back through.
 *
 * @module
 */
import type { Program } from "../program.ts";

/** What is read at once; a waiting read costs 11 ms whatever its size, so pieces are not small. */
export const MAX_READ = 8 * 2 ** 20;

/** What a step in flight leaves behind for the host: see lib/train/network/in_flight_steps.ts. */
const LEFT_BEHIND: ReadonlySet<string> = new Set([
  "metrics",
  "statistics",
  "quantizers",
  "clip",
  "fidelity",
]);

/**
 * Bytes of each staging buffer: one that everything is read through, piece by piece (a checkpoint may
 * be larger), and one for each step in flight.
 */
export function stagingOf({ buffers }: Program, inFlight: number): number[] {
  const sum = (bytes: number, b: { bytes: number }) => bytes + b.bytes;
  const kept = buffers.filter(({ kind }) =>
    kind === "parameter" || kind === "optimizer" || kind === "table"
  );
  const left = buffers.filter(({ name }) => LEFT_BEHIND.has(name)).reduce(sum, 0);
  return [Math.min(MAX_READ, kept.reduce(sum, 0)), ...Array<number>(inFlight).fill(left)];
}
