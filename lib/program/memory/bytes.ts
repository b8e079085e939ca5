/**
 * What a program's buffers add up to.
 *
 * @module
 */
import type { BufferSpec, Layout } from "../program.ts";

/** Bytes of all buffers that hold tensors: regions, and those that one tensor has to itself. */
export function bytesOf(buffers: readonly BufferSpec[], layout?: Layout): number {
  const own = buffers.filter(({ name }) => !layout?.places.has(name));
  return [...own.map((b) => b.bytes), ...layout?.regions ?? []].reduce((a, b) => a + b, 0);
}
