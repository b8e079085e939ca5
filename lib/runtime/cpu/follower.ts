/**
 * A thread that takes parts of the leader's steps. It never returns to its event loop.
 *
 * @module
 */
import type { ThreadStart } from "./messages.ts";

const thread = self as unknown as Worker;
thread.onmessage = ({ data: { module, memory, scratch } }: MessageEvent<ThreadStart>) => {
  const { exports } = new WebAssembly.Instance(module, { env: { memory: memory! } });
  const { follow, fail } = exports as Record<"follow" | "fail", (scratch?: number) => void>;
  try {
    follow(scratch);
  } catch (error) {
    fail();
    throw error;
  }
};
