/**
 * Reads results back from the GPU, through staging buffers that the host can map.
 *
 * @module
 */
import { MAX_READ } from "../../program/memory/staging.ts";

/** The part of a buffer that holds a tensor. */
export interface BufferSlice {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly size: number;
}

type Bytes = Uint8Array<ArrayBuffer>;

/** Copies parts of buffers to the host. */
export class Readback {
  readonly #gpu: GPUDevice;
  readonly #wait: (map: () => Promise<void>) => Promise<void>;
  /** The buffer of {@link read}, which does one read after the other. */
  #piece: GPUBuffer | undefined;
  #reading: Promise<unknown> = Promise.resolve();
  /** The buffers of {@link copy}, and those of them that are free. */
  readonly #copies: GPUBuffer[];
  readonly #idle: GPUBuffer[];

  /**
   * @param staging buffers that exist from the start: first that of {@link read}, then those of
   * {@link copy}
   * @param wait waits for a buffer to be mapped, and throws if a step failed
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
   * Encodes copies of parts; the caller submits them. The returned function waits for the copies.
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

  /** Waits for all steps and copies parts of any size to the host, piece by piece through one buffer. */
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

/** Describes a staging buffer: the host maps it to read results. */
export function stagingBuffer(size: number): GPUBufferDescriptor {
  return { label: "staging", size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST };
}

/** Encodes copies of parts, one after the other, into a staging buffer. */
function fill(encoder: GPUCommandEncoder, staging: GPUBuffer, parts: readonly BufferSlice[]): void {
  let at = 0;
  for (const { buffer, offset, size } of parts) {
    encoder.copyBufferToBuffer(buffer, offset, staging, at, size);
    at += size;
  }
}
