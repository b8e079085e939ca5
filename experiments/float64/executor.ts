/**
 * Runs a float32 program on the CPU in float64, to measure the f32 arithmetic of a GPU against it.
 *
 * @module
 */
import type { Copies, Executor } from "../../lib/runtime/executor.ts";
import type { BufferSpec, Step } from "../../lib/program/program.ts";
import type { Request } from "./worker.ts";

/** An executor whose work is done by a worker, in the order of the calls. */
export class Float64Executor implements Executor {
  readonly device = "cpu";
  readonly adapter = "CPU (reference kernels in float64)";
  readonly bytes: number;
  readonly idleWait = Infinity;
  readonly #worker: Worker;
  readonly #waiting: ((values: Float64Array[]) => void)[] = [];
  #failure: string | undefined;
  #reject: ((error: Error) => void) | undefined;

  private constructor(worker: Worker, buffers: readonly BufferSpec[]) {
    this.#worker = worker;
    this.bytes = 2 * buffers.reduce((sum, b) => sum + b.bytes, 0);
    worker.onmessage = ({ data }: MessageEvent<Float64Array[]>) => this.#waiting.shift()?.(data);
    worker.onerror = (event) => {
      event.preventDefault();
      this.#failure = event.message;
      this.#reject?.(new Error(event.message));
    };
    this.#post({ buffers });
  }

  /** Starts the worker. */
  static async create(buffers: readonly BufferSpec[]): Promise<Float64Executor> {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
    await new Promise((resolve, reject) => {
      worker.onmessage = resolve;
      worker.onerror = (event) => reject(new Error(event.message));
    });
    return new Float64Executor(worker, buffers);
  }

  write(buffer: string, data: ArrayBufferView<ArrayBuffer>, offset = 0): void {
    const bytes = data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength);
    this.#post({ write: buffer, data: bytes, offset }, [bytes]);
  }

  ready(): Promise<void> {
    return Promise.resolve();
  }

  run(
    steps: readonly Step[],
    clear: readonly string[] = [],
    copied: readonly string[] = [],
  ): Copies {
    this.#post({ steps: steps.map((s) => ({ ...s, kernel: s.kernel.name })), clear });
    const values = copied.length > 0 ? this.values(copied) : Promise.resolve([]);
    return async () => (await values).map((v) => new Uint8Array(Float32Array.from(v).buffer));
  }

  read(buffers: readonly string[]): Promise<Uint8Array<ArrayBuffer>[]> {
    return this.run([], [], buffers)();
  }

  /** Waits for all steps and reads buffers in float64. */
  values(buffers: readonly string[]): Promise<Float64Array[]> {
    if (this.#failure !== undefined) return Promise.reject(new Error(this.#failure));
    this.#post({ read: buffers });
    return new Promise((resolve, reject) => {
      this.#waiting.push(resolve);
      this.#reject = reject;
    });
  }

  close(): void {
    this.#worker.terminate();
  }

  #post(request: Request, transfer: Transferable[] = []): void {
    this.#worker.postMessage(request, transfer);
  }
}
