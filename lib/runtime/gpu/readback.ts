/**
 * How results come back from the GPU: through buffers that the host can map, made once.
 *
 * @module
 */
import { MAX_READ } from "../../program/memory/staging.ts";

/** Part of a buffer: where a tensor lies. */
export interface BufferSlice {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly size: number;
}

type Bytes = Uint8Array<ArrayBuffer>;

/** Copies parts of buffers out. */
export class Readback {
  readonly #gpu: GPUDevice;
  readonly #wait: (map: () => Promise<void>) => Promise<void>;
  /** What {@link read} goes through, one read after the other. */
  #piece: GPUBuffer | undefined;
  #reading: Promise<unknown> = Promise.resolve();
  /** Buffers of copies, and those of them that no copy waits for. */
  readonly #copies: GPUBuffer[];
  readonly #idle: GPUBuffer[];

  /**
   * @param staging buffers that are there from the start: first that of {@link read}, then those of
   * copies
   * @param wait waits for a buffer to be mapped, and throws what has failed by then
   */
  constructor(
    gpu: GPUDevice,
    [piece, ...copies]: readonly GPUBuffer[],
    wait: (map: () => Promise<void>) => Promise<void>,
  ) {
    this.#gpu = gpu;
    this.#wait = wait;
    this.#piece = piece;
    this.#copies = copies;
    this.#idle = [...copies];
  }

  /** Bytes of its buffers. */
  get bytes(): number {
    return this.#copies.reduce((sum, { size }) => sum + size, this.#piece?.size ?? 0);
  }

  /**
   * Writes copies of parts into commands, which are to be submitted; the function returned waits for
   * that.
   */
  copy(encoder: GPUCommandEncoder, parts: readonly BufferSlice[]): () => Promise<Bytes[]> {
    if (parts.length === 0) return () => Promise.resolve([]);
    const size = parts.reduce((sum, part) => sum + part.size, 0);
    const fits = this.#idle.findIndex((buffer) => buffer.size >= size);
    const staging = fits >= 0 ? this.#idle.splice(fits, 1)[0]! : this.#create(size);
    if (fits < 0) this.#copies.push(staging);
    fill(encoder, staging, parts);
    return async () => {
      const bytes = await this.#map(staging, size);
      this.#idle.push(staging);
      let at = 0;
      return parts.map((part) => bytes.slice(at, at += part.size));
    };
  }

  /** Waits for everything and copies parts out, through one buffer however large they are. */
  read(parts: readonly BufferSlice[]): Promise<Bytes[]> {
    const read = this.#reading.then(() => this.#read(parts));
    this.#reading = read.catch(() => {});
    return read;
  }

  async #read(parts: readonly BufferSlice[]): Promise<Bytes[]> {
    const whole = parts.map(({ size }) => new Uint8Array(size));
    const all = parts.reduce((sum, { size }) => sum + size, 0);
    const piece = this.#piece ??= this.#create(Math.min(MAX_READ, all));
    let some: (BufferSlice & { readonly to: Bytes; readonly at: number })[] = [], filled = 0;
    const flush = async () => {
      const encoder = this.#gpu.createCommandEncoder();
      fill(encoder, piece, some);
      this.#gpu.queue.submit([encoder.finish()]);
      const bytes = await this.#map(piece, filled);
      let from = 0;
      for (const { to, at, size } of some) to.set(bytes.subarray(from, from += size), at);
      [some, filled] = [[], 0];
    };
    for (const [i, { buffer, offset, size: end }] of parts.entries()) {
      for (let at = 0; at < end;) {
        const size = Math.min(end - at, piece.size - filled);
        some.push({ buffer, offset: offset + at, size, to: whole[i]!, at });
        at += size;
        filled += size;
        if (filled === piece.size) await flush();
      }
    }
    if (filled > 0) await flush();
    return whole;
  }

  async #map(staging: GPUBuffer, size: number): Promise<Bytes> {
    await this.#wait(() => staging.mapAsync(GPUMapMode.READ, 0, size));
    const bytes = new Uint8Array(staging.getMappedRange(0, size).slice(0));
    staging.unmap();
    return bytes;
  }

  #create(size: number): GPUBuffer {
    return this.#gpu.createBuffer(stagingBuffer(size));
  }

  /** Frees its buffers. */
  close(): void {
    for (const buffer of this.#copies) buffer.destroy();
    this.#piece?.destroy();
  }
}

/** A buffer that results come back through. */
export function stagingBuffer(size: number): GPUBufferDescriptor {
  return { label: "staging", size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST };
}

/** Writes copies of parts, one behind the other, into commands. */
function fill(encoder: GPUCommandEncoder, staging: GPUBuffer, parts: readonly BufferSlice[]): void {
  let at = 0;
  for (const { buffer, offset, size } of parts) {
    encoder.copyBufferToBuffer(buffer, offset, staging, at, size);
    at += size;
  }
}
