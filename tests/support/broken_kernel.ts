/**
 * A kernel, or a driver, made wrong on purpose.
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

/** Changes the text of every shader that is compiled while `body` runs, as a driver with a defect does. */
export async function withDriver(
  change: (code: string, label: string | undefined) => string,
  body: () => Promise<void>,
): Promise<void> {
  const { prototype } = GPUDevice, create = prototype.createShaderModule;
  prototype.createShaderModule = function ({ code, label, ...more }) {
    const changed = change(code, label);
    return create.call(this, { ...more, code: changed, ...(label === undefined ? {} : { label }) });
  };
  try {
    await body();
  } finally {
    prototype.createShaderModule = create;
  }
}
