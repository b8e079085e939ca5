/**
 * Every SIMD kernel equals its reference to the bit, with 1, 2 and 5 threads.
 *
 * @module
 */
import { CASES, ESTIMATOR_CASES, SIMULATED_CASES } from "./support/cases.ts";
import { lockstepSimd } from "./support/lockstep_simd.ts";

for (const arithmetic of ["int8", "float32", "simulated"] as const) {
  const cases = arithmetic === "simulated"
    ? [...SIMULATED_CASES, ...CASES.slice(1, 4)]
    : [...CASES, ...arithmetic === "int8" ? ESTIMATOR_CASES : []];
  for (const test of cases) {
    Deno.test(`SIMD kernels equal their references: ${test.name} (${arithmetic})`, () => {
      return lockstepSimd(test, arithmetic);
    });
  }
}
