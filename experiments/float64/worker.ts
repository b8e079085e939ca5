/**
 * The references in float64: `Math.fround` is the identity here, and Float32Array is Float64Array. It is
 * a worker, so that nothing else computes that way. The references are imported after the change, as
 * some keep `Math.fround` under their own name.
 *
 * @module
 */
import type { BufferSpec, Step } from "../../lib/program/program.ts";
// It keeps a Float32Array to read the bits of numbers, so it is imported before the change.
import "../../lib/quant/statistics.ts";
import type { HostBuffer } from "../../kernels/include/host_buffer.ts";

/** A step with the name of its kernel, which has functions and cannot be sent. */
type NamedStep = Omit<Step, "kernel"> & { readonly kernel: string };

/** A message to the worker. */
export type Request =
  | { readonly buffers: readonly BufferSpec[] }
  | { readonly write: string; readonly data: ArrayBuffer; readonly offset: number }
  | { readonly steps: readonly NamedStep[]; readonly clear: readonly string[] }
  | { readonly read: readonly string[] };

const Single = Float32Array;
Math.fround = (x) => x;
globalThis.Float32Array = Float64Array as unknown as Float32ArrayConstructor;
const { ReferenceExecutor } = await import("../../lib/runtime/reference_executor.ts");
const { kernels } = await import("../../kernels/mod.ts");

/** Buffers that hold bytes or integers; `step` holds floats too. */
const WORDS = ["pixels", "labels", "statistics", "step", "found_nonfinite"];

/** A buffer whose f32 values have separate memory, twice as wide, allocated at first use. */
class WideBuffer {
  #f32: Float64Array<ArrayBuffer> | undefined;
  #words: Uint32Array<ArrayBuffer> | undefined;

  constructor(readonly size: number) {}

  get f32(): Float64Array<ArrayBuffer> {
    return this.#f32 ??= new Float64Array(this.size / 4);
  }
  get u32(): Uint32Array<ArrayBuffer> {
    return this.#words ??= new Uint32Array(this.size / 4);
  }
  get i32(): Int32Array<ArrayBuffer> {
    return new Int32Array(this.u32.buffer);
  }
  get i8(): Int8Array<ArrayBuffer> {
    return new Int8Array(this.u32.buffer);
  }
  get bytes(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.u32.buffer);
  }

  clear(): void {
    this.#f32?.fill(0);
    this.#words?.fill(0);
  }
}

const cpu = new ReferenceExecutor([]), memory = cpu.memory as Map<string, HostBuffer>;
const find = (name: string) => memory.get(name) as unknown as WideBuffer;

function answer(request: Request): Float64Array[] | undefined {
  if ("buffers" in request) {
    for (const { name, bytes } of request.buffers) {
      memory.set(name, new WideBuffer(bytes) as unknown as HostBuffer);
    }
  } else if ("write" in request) {
    const { write, data, offset } = request, buffer = find(write);
    if (WORDS.includes(write)) buffer.bytes.set(new Uint8Array(data), offset);
    if (write === "step" || !WORDS.includes(write)) buffer.f32.set(new Single(data), offset / 4);
  } else if ("steps" in request) {
    for (const name of request.clear) find(name).clear();
    cpu.run(request.steps.map((step) => ({ ...step, kernel: kernels.get(step.kernel)! })));
  } else {
    return request.read.map((name) => find(name).f32.slice());
  }
}

const thread = self as unknown as Worker;
thread.onmessage = ({ data }: MessageEvent<Request>) => {
  const values = answer(data);
  if (values) thread.postMessage(values, values.map((v) => v.buffer as ArrayBuffer));
};
thread.postMessage("ready");
