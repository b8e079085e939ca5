/**
 * A kernel made wrong on purpose.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type Kernel, kernels } from "../../kernels/mod.ts";

/** Replaces a kernel's text while `body` runs. */
export async function withBroken(
  name: string,
  part: RegExp,
  to: string,
  body: () => Promise<void>,
): Promise<void> {
  const table = kernels as Record<string, Kernel>, right = table[name]!;
  const source = right.source.replace(part, to);
  assert.notEqual(source, right.source);
  table[name] = { ...right, source };
  try {
    await body();
  } finally {
    table[name] = right;
  }
}
