/**
 * Ctrl-C and SIGTERM: the first ends the run after its step, with a checkpoint; the second at once.
 *
 * The second is the system's own: nothing listens any more, so it ends the process even while a
 * kernel is compiled or a step of the CPU is computed, in which no listener would be called. Files
 * are whole at any moment, so it does no damage.
 *
 * @module
 */

/** Exit code of a run that was interrupted. */
export const INTERRUPTED = 130;

// Windows knows no SIGTERM. SIGHUP keeps its meaning: under nohup a run shall not hear it.
const SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT", "SIGBREAK"]
  : ["SIGINT", "SIGTERM"];

/**
 * Listens for the first signal until it is disposed of.
 *
 * @param say tells the person one line
 */
export function listenForInterrupt(
  say: (text: string) => void,
): { readonly signal: AbortSignal; [Symbol.dispose](): void } {
  const controller = new AbortController();
  const deafen = () => {
    for (const signal of SIGNALS) Deno.removeSignalListener(signal, listener);
  };
  const listener = () => {
    deafen();
    say("finishing what is in progress, then writing a checkpoint (once more: leave at once)");
    controller.abort();
  };
  for (const signal of SIGNALS) Deno.addSignalListener(signal, listener);
  return { signal: controller.signal, [Symbol.dispose]: deafen };
}
