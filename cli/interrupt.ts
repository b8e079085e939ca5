/**
 * Ctrl-C and SIGTERM: the first stops the run after its step and saves a checkpoint, or a prediction
 * after the answers that are there; the second ends the process at once.
 *
 * The second is the system's own: no listener is left, so it ends the process even while a kernel is
 * compiled or the CPU computes a step, when no listener would be called. Files are complete at any
 * moment, so it does no damage.
 *
 * What looks like a second one may be the first again: mpirun, a terminal or a service manager signals both
 * `deno task` and the program that it has started, and `deno task` passes it on.
 *
 * @module
 */

/** Exit code of a run that was interrupted. */
export const INTERRUPTED = 130;

/** Signals within so many milliseconds are one, as the same one reaches a process within a few. */
const ONE_SIGNAL_MS = 250;

// Windows has no SIGTERM. SIGHUP is left alone, so that a run under nohup ignores it.
const SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT", "SIGBREAK"]
  : ["SIGINT", "SIGTERM"];

/**
 * Listens for the first signal until it is disposed.
 *
 * @param notify prints a line for the person
 * @param doing what happens now
 */
export function listenForInterrupt(
  notify: (text: string) => void,
  doing = "stopping after this step and saving a checkpoint",
): { readonly signal: AbortSignal; [Symbol.dispose](): void } {
  const controller = new AbortController();
  let settled: ReturnType<typeof setTimeout> | undefined;
  const stopListening = () => {
    clearTimeout(settled);
    for (const signal of SIGNALS) Deno.removeSignalListener(signal, listener);
  };
  const listener = () => {
    if (settled !== undefined) return;
    settled = setTimeout(stopListening, ONE_SIGNAL_MS);
    notify(`${doing} (Ctrl-C again: quit now)`);
    controller.abort();
  };
  for (const signal of SIGNALS) Deno.addSignalListener(signal, listener);
  return { signal: controller.signal, [Symbol.dispose]: stopListening };
}
