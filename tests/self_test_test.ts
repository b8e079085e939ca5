/**
 * The self-test of an adapter finds a kernel that is wrong, and OpenGL does not train without it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { DeviceError } from "../lib/errors.ts";
import { type Kernel, kernels } from "../lib/kernels.ts";
import { openCheckedDevice } from "../lib/train/checked_device.ts";
import { selfTest } from "../lib/model/self_test.ts";
import { HAS_GPU } from "./support/command.ts";
import { QUANTIZER_KERNELS } from "./support/quantizer_kernels.ts";

/** Replaces a kernel's text while `body` runs. */
async function withBroken(
  name: string,
  from: RegExp,
  to: string,
  body: () => Promise<void>,
): Promise<void> {
  const table = kernels as Record<string, Kernel>, right = table[name]!;
  const source = right.source.replace(from, to);
  assert.notEqual(source, right.source);
  table[name] = { ...right, source };
  try {
    await body();
  } finally {
    table[name] = right;
  }
}

/** Simulated arithmetic runs the float32 kernels; what it has of its own is asked. */
const SIMULATED = ["channel_range", "norm_forward", "pack_weights"];

Deno.test("the self-test asks every kernel, in int8 and in float32, and this adapter passes", {
  ignore: !HAS_GPU,
}, async () => {
  const checks = await selfTest();
  const of = (arithmetic: string) =>
    checks.filter((c) => c.arithmetic === arithmetic).map((c) => c.kernel).sort();
  const all = Object.keys(kernels).sort();
  assert.deepEqual(of("int8"), all.filter((k) => k !== "channel_range"));
  assert.deepEqual(of("simulated"), SIMULATED);
  assert.deepEqual(of("float32"), all.filter((k) => !QUANTIZER_KERNELS.includes(k)));
  assert.deepEqual(checks.filter((c) => c.result === "wrong"), []);
});

Deno.test("a wrong kernel is named, and keeps OpenGL from training in int8", {
  ignore: !HAS_GPU,
}, async () => {
  const before = Deno.env.get("DENO_WEBGPU_BACKEND");
  await withBroken("max_pool_forward", /max\(/, "min(", async () => {
    // Read by wgpu at the first request only: the adapter stays what it is.
    Deno.env.set("DENO_WEBGPU_BACKEND", "vulkan,gl");
    try {
      await assert.rejects(openCheckedDevice("gpu", "int8"), (error) => {
        assert.ok(error instanceof DeviceError);
        assert.match(error.message, /through OpenGL: .* found wrong ones from max_pool_forward\. /);
        return true;
      });
    } finally {
      if (before === undefined) Deno.env.delete("DENO_WEBGPU_BACKEND");
      else Deno.env.set("DENO_WEBGPU_BACKEND", before);
    }
  });
});
