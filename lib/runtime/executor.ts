/**
 * What walks a program: the GPU through WebGPU, or the CPU through the references.
 *
 * @module
 */
import type { Step } from "../program/program.ts";

/** Waits for copies of buffers. */
export type Copies = () => Promise<Uint8Array<ArrayBuffer>[]>;

/** Holds a program's buffers and runs its steps on them. */
export interface Executor {
  /** Where steps run. */
  readonly device: "gpu" | "cpu";
  /** The adapter in words. */
  readonly adapter: string;
  /** Bytes of all buffers that it created. */
  readonly bytes: number;
  /** Copies `data` into a buffer, before any step that runs later. */
  write(buffer: string, data: ArrayBufferView<ArrayBuffer>, offset?: number): void;
  /**
   * Waits until steps can run: their kernels are compiled, unless an executor was made with all of
   * them compiled. What was run before goes on meanwhile.
   *
   * @throws DeviceError when a kernel does not compile
   */
  ready(steps: readonly Step[]): Promise<void>;
  /**
   * Runs steps in order, after setting `clear` buffers to zero, and copies `copied` buffers as they
   * are then. Returns before the GPU is done; the function returned waits for the copies.
   */
  run(steps: readonly Step[], clear?: readonly string[], copied?: readonly string[]): Copies;
  /**
   * Waits for all steps and copies buffers out.
   *
   * @throws DeviceError when a step failed or the adapter is lost
   */
  read(buffers: readonly string[]): Promise<Uint8Array<ArrayBuffer>[]>;
  /** Frees the buffers. */
  close(): void;
}
