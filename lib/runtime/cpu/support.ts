/**
 * How many threads the CPU executor can have here.
 *
 * @module
 */

/**
 * Maximum number of threads: more cores than a machine with one memory has, and each thread costs a
 * runtime of its own (8 MB), so a larger number is a mistake.
 */
export const MAX_THREADS = 256;

/** Returns the number of threads without `--threads`: one for each core. */
export function defaultThreads(): number {
  return Math.min(navigator.hardwareConcurrency, MAX_THREADS);
}
