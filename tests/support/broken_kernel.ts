/**
 * A kernel made wrong on purpose.
 *
 * @module
 */
import assert from "node:assert/strict";
import { kernels } from "../../kernels/mod.ts";

/** Replaces a kernel's text while `body` runs. */
export async function withBroken(
  name: string,
  part: RegExp,
  to: string,
  body: () => Promise<void>,
): Promise<void> {
  const gpu: { source: string } = kernels.get(name)!.gpu, right = gpu.source;
  gpu.source = right.replace(part, to);
  assert.notEqual(gpu.source, right);
  try {
    await body();
  } finally {
    gpu.source = right;
  }
}
