/**
 * Executors run a program: on a GPU through WebGPU, or on the CPU in WebAssembly.
 *
 * @module
 */
import type { Step } from "../program/program.ts";

/** Waits for copies of buffers and returns them. */
export type Copies = () => Promise<Uint8Array<ArrayBuffer>[]>;

/** Options of an executor. */
export interface ExecutorOptions {
  /** On a GPU: compiles steps in {@linkcode Executor.ready} instead of all at the start. */
  readonly lazily?: boolean;
  /**
   * On the CPU: maximum bytes of its memory; 0, the default: no limit. Where all threads would exceed
   * it, fewer are used. A GPU needs no more than the plan says.
   */
  readonly memory?: number;
}

/** Owns the buffers of a program and runs its steps on them. */
export interface Executor {
  /** Kind of device. */
  readonly device: "gpu" | "cpu";
  /** Name of the adapter. */
  readonly adapter: string;
  /** Bytes of all buffers, and of what the executor needs beside them. */
  readonly bytes: number;
  /**
   * Maximum seconds of a wait when all steps are done: a longer one shows that the device was still at
   * work. Infinite where `run` returns after its steps.
   */
  readonly idleWait: number;
  /** Copies `data` into a buffer, before any later step. */
  write(buffer: string, data: ArrayBufferView<ArrayBuffer>, offset?: number): void;
  /**
   * Compiles the kernels of steps that were not yet compiled. Earlier steps keep running meanwhile.
   *
   * @throws DeviceError when a kernel does not compile
   */
  ready(steps: readonly Step[]): Promise<void>;
  /**
   * Sets the buffers `clear` to zero, runs steps in order, then copies the buffers `copied`. Returns
   * before the GPU is done; the returned function waits for the copies.
   */
  run(steps: readonly Step[], clear?: readonly string[], copied?: readonly string[]): Copies;
  /**
   * Waits for all steps and returns copies of buffers.
   *
   * @throws DeviceError when a step failed or the adapter is lost
   */
  read(buffers: readonly string[]): Promise<Uint8Array<ArrayBuffer>[]>;
  /**
   * The memory of a buffer itself, of a program whose gradients are exchanged; absent where it is not the
   * host's. Steps that are under way may change it.
   */
  memoryOf?(buffer: string): Uint8Array<SharedArrayBuffer>;
  /** Frees the buffers. */
  close(): void;
}
