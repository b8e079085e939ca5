/**
 * Every kernel equals its reference, on the adapter's terms and on an edge device's: base limits and
 * the packed dot product spelled out. Integers and codes are the same; f32 results of int8 kernels
 * are too, on the software adapter; float32 sums lie within 1e-5 of the largest value.
 *
 * @module
 */
import assert from "node:assert/strict";
import { requestAdapter } from "../lib/gpu/device.ts";
import { kernels } from "../lib/ops/kernels.ts";
import { CASES } from "./support/cases.ts";
import { allSteps, lockstepAll } from "./support/lockstep_all.ts";
import { programOf } from "./support/networks.ts";

const ignore = await requestAdapter() === null;

for (const terms of ["adapter", "edge"] as const) {
  for (const arithmetic of ["int8", "float32"] as const) {
    for (const test of CASES) {
      const name = `kernels equal their references: ${test.name} (${arithmetic}, ${terms} terms)`;
      Deno.test({ name, ignore, fn: () => lockstepAll(test, arithmetic, terms) });
    }
  }
}

/** Kernels that float32 has no use for. */
const INT8_ONLY = ["weight_range", "weight_sums"];

Deno.test("the table of networks reaches every kernel in both arithmetics", () => {
  for (const arithmetic of ["int8", "float32"] as const) {
    const reached = new Set(
      CASES.flatMap((test) => allSteps(programOf(test, arithmetic)).map((step) => step.kernel)),
    );
    const missing = Object.keys(kernels).filter((name) => !reached.has(name));
    assert.deepEqual(missing, arithmetic === "int8" ? [] : INT8_ONLY, arithmetic);
  }
});
