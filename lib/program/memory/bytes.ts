/**
 * Sizes of a program's buffers.
 *
 * @module
 */
import type { BufferSpec, Layout } from "../program.ts";

/** Returns the bytes of all buffers with tensors: regions, and buffers of a single tensor. */
export function bytesOf(buffers: readonly BufferSpec[], layout?: Layout): number {
  const own = buffers.filter(({ name }) => !layout?.places.has(name));
  return [...own.map((b) => b.bytes), ...layout?.regions ?? []].reduce((a, b) => a + b, 0);
}
