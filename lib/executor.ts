/**
 * What walks a program: the GPU through WebGPU, or the CPU through the references.
 *
 * @module
 */
import type { Step } from "./program.ts";

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
  /** Runs steps in order, after setting `clear` buffers to zero. Returns before the GPU is done. */
  run(steps: readonly Step[], clear?: readonly string[]): void;
  /**
   * Copies buffers as they are after the steps that were run so far; what is run later does not
   * change the copy. The function returned waits for it.
   */
  copy(buffers: readonly string[]): () => Promise<Uint8Array<ArrayBuffer>[]>;
  /**
   * Waits for all steps and copies buffers out.
   *
   * @throws DeviceError when a step failed or the adapter is lost
   */
  read(buffers: readonly string[]): Promise<Uint8Array<ArrayBuffer>[]>;
  /** Frees the buffers. */
  close(): void;
}
