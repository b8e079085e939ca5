/**
 * A buffer in host memory, with views for the element types of kernels.
 *
 * @module
 */

/** A block of memory with one view for each element type. */
export class HostBuffer {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly i8: Int8Array<ArrayBuffer>;
  readonly i32: Int32Array<ArrayBuffer>;
  readonly u32: Uint32Array<ArrayBuffer>;
  readonly f32: Float32Array<ArrayBuffer>;

  /**
   * @param size bytes, a multiple of 4
   * @param memory memory to use; by default new memory, filled with zeros
   * @param offset start in `memory` in bytes, a multiple of 4
   */
  constructor(size: number, memory = new ArrayBuffer(size), offset = 0) {
    this.bytes = new Uint8Array(memory, offset, size);
    this.i8 = new Int8Array(memory, offset, size);
    this.i32 = new Int32Array(memory, offset, size / 4);
    this.u32 = new Uint32Array(memory, offset, size / 4);
    this.f32 = new Float32Array(memory, offset, size / 4);
  }
}

/** The buffers of one kernel, by the names of its WGSL variables. */
export type Buffers<Name extends string> = Readonly<
  Record<Name | "quantizers" | "statistics" | "step", HostBuffer>
>;
