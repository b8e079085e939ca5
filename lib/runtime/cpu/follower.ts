/**
 * A thread that takes parts of the leader's steps. It returns to its event loop when the executor is
 * closed.
 *
 * @module
 */
import type { Answer, ThreadStart } from "./messages.ts";

const thread = self as unknown as Worker;
thread.onmessage = ({ data: { module, memory, scratch } }: MessageEvent<ThreadStart>) => {
  let fail = () => {};
  try {
    const { exports } = new WebAssembly.Instance(module, { env: { memory: memory! } });
    fail = exports.fail as () => void;
    (exports.follow as (scratch: number) => void)(scratch);
  } catch (error) {
    // Posted, as Deno prints the stack of what a worker throws.
    thread.postMessage({ error: (error as Error).message } satisfies Answer);
    fail();
  }
};
