/**
 * A thread that runs the loops of the CPU's peak rates.
 *
 * @module
 */
import { loops } from "./peak_module.js";

/** What a thread is to run; it answers with an empty message. */
export interface PeakJob {
  readonly loop: "int8" | "float32" | "copy";
  /** Calls of the loop, and turns of a call. */
  readonly calls: number;
  readonly turns: number;
  /** Bytes to copy in a turn, the same in every job. */
  readonly bytes: number;
}

/** Address of the data to copy (peak_rates.simd.ts). */
const DATA = 4096;
const PAGE_BYTES = 65536;

const thread = self as unknown as Worker;
let exports: WebAssembly.Exports | undefined;

thread.onmessage = ({ data: { loop, calls, turns, bytes } }: MessageEvent<PeakJob>) => {
  if (!exports) {
    const pages = Math.ceil((DATA + 2 * bytes) / PAGE_BYTES);
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    exports = new WebAssembly.Instance(loops, { env: { memory } }).exports;
  }
  const run = exports[loop] as (turns: number, bytes: number) => void;
  for (let call = 0; call < calls; call++) run(turns, bytes);
  thread.postMessage(undefined);
};
