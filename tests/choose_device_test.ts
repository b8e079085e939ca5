/**
 * What `--device auto` takes.
 *
 * @module
 */
import "./support/isolate.ts";
import assert from "node:assert/strict";
import { isSoftware } from "../lib/runtime/gpu/device.ts";

Deno.test("software adapters are told from hardware by their names, or by what they say", () => {
  const named = (description: string, device = "0", isFallbackAdapter = false) =>
    isSoftware({ description, device, isFallbackAdapter });
  for (
    const name of [
      "llvmpipe (LLVM 15.0.6, 256 bits)",
      "SwiftShader Device (Subzero)",
      "Microsoft Basic Render Driver",
      "Microsoft Direct3D WARP",
    ]
  ) assert.ok(named(name), name);
  assert.ok(named("", "llvmpipe"));
  assert.ok(named("a driver of tomorrow", "0", true));
  for (
    const name of [
      "NVIDIA GeForce RTX 4090",
      "AMD Radeon RX 7600 (RADV NAVI33)",
      "Intel(R) Iris(R) Xe Graphics (TGL GT2)",
      "Apple M2",
      "V3D 7.1.7",
    ]
  ) assert.ok(!named(name), name);
});
