/**
 * Ctrl-C and SIGTERM: the first ends the run after its step, with a checkpoint; the second at once.
 *
 * @module
 */

/** Exit code of a run that was interrupted. */
export const INTERRUPTED = 130;

// Windows knows no SIGTERM.
const SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT", "SIGBREAK"]
  : ["SIGINT", "SIGTERM"];

/**
 * Listens until it is disposed of.
 *
 * @param say tells the person one line
 */
export function listenForInterrupt(
  say: (text: string) => void,
): { readonly signal: AbortSignal; [Symbol.dispose](): void } {
  const controller = new AbortController();
  const listener = () => {
    if (controller.signal.aborted) Deno.exit(INTERRUPTED);
    say("finishing what is in progress, then writing a checkpoint (once more: leave at once)");
    controller.abort();
  };
  for (const signal of SIGNALS) Deno.addSignalListener(signal, listener);
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      for (const signal of SIGNALS) Deno.removeSignalListener(signal, listener);
    },
  };
}
