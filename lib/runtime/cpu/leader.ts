/**
 * The thread that walks the steps of a program. The others take parts of its steps.
 *
 * @module
 */
import { HostBuffer } from "../../../kernels/include/host_buffer.ts";
import { kernels } from "../../../kernels/mod.ts";
import type { Answer, Call, Job, Request, Results, ThreadStart } from "./messages.ts";

/** Exports of kernels/simd.wasm (lib/runtime/cpu/threads.simd.ts). */
type Lead = (
  kernel: number,
  record: number,
  phase: number,
  parts: number,
  scratch: number,
  threads: number,
) => number;

const thread = self as unknown as Worker;
let memory: ArrayBuffer, bytes: Uint8Array<ArrayBuffer>, lead: Lead, start: ThreadStart;
const calls: (() => void)[] = [];
let failed = false;

class FollowerFailed extends Error {}

function begin(message: ThreadStart): void {
  start = message;
  const { module, pages = 0 } = message;
  const own = message.memory ?? new WebAssembly.Memory({ initial: pages, maximum: pages });
  // A SharedArrayBuffer serves like an ArrayBuffer here; the types of views tell them apart.
  memory = own.buffer as ArrayBuffer;
  bytes = new Uint8Array(memory);
  const { exports } = new WebAssembly.Instance(module, { env: { memory: own } });
  lead = exports.lead as unknown as Lead;
}

/** Returns the function that runs a call. */
function prepare(call: Call): () => void {
  if ("simd" in call) {
    const { simd, record, words, parts } = call, { scratch, threads } = start;
    new Uint32Array(memory, record, words.length).set(words);
    return () => {
      for (const [phase, count] of parts.entries()) {
        if (!lead(simd, record, phase, count, scratch, threads)) throw new FollowerFailed();
      }
    };
  }
  const kernel = kernels.get(call.reference)!;
  const buffers = Object.fromEntries(
    Object.entries(call.buffers).map(([variable, place]) => [
      variable,
      new HostBuffer(place.bytes, memory, place.address),
    ]),
  );
  return () => kernel.reference(call.constants, buffers);
}

function run({ writes, clear, steps, copied, timed }: Job): Results {
  for (const { address, data } of writes) bytes.set(data, address);
  for (const place of clear) bytes.fill(0, place.address, place.address + place.bytes);
  const times: number[] = [];
  for (const step of steps) {
    if (timed) {
      const began = performance.now();
      calls[step]!();
      times.push(performance.now() - began);
    } else calls[step]!();
  }
  const copies = copied.map((place) => {
    const copy = new Uint8Array(place.bytes);
    copy.set(bytes.subarray(place.address, place.address + place.bytes));
    return copy;
  });
  return { copies, times };
}

function receive(message: Request): void {
  if ("module" in message) begin(message);
  else if ("calls" in message) calls.push(...message.calls.map(prepare));
  else {
    const results = run(message), buffers = results.copies.map(({ buffer }) => buffer);
    thread.postMessage({ job: message.job, ...results } satisfies Answer, buffers);
  }
}

thread.onmessage = ({ data }: MessageEvent<Request>) => {
  if (failed) return; // The memory is in no state to go on, and the main thread knows.
  try {
    receive(data);
  } catch (error) {
    failed = true;
    if (error instanceof FollowerFailed) return; // It has told the main thread why.
    // Posted, as Deno prints the stack of what a worker throws.
    thread.postMessage({ error: (error as Error).message } satisfies Answer);
  }
};
