/**
 * Holds steps on the CPU executor against their references: the same bits, whatever the threads.
 *
 * @module
 */
import assert from "node:assert/strict";
import { CpuExecutor } from "../../lib/runtime/cpu/executor.ts";
import { compareExecutors, type Difference } from "../../lib/runtime/compare_executors.ts";
import type { PlanOptions } from "../../lib/program/plan.ts";
import type { Program, Step } from "../../lib/program/program.ts";
import type { ReferenceExecutor } from "../../lib/runtime/reference_executor.ts";
import { filled } from "./fill.ts";
import { allSteps } from "./lockstep_all.ts";
import type { Arithmetic, Case } from "./networks.ts";

/** Runs a case in lockstep with 1, 2 and 5 threads; throws with every difference. */
export async function lockstepSimd(
  test: Case,
  arithmetic: Arithmetic,
  options: PlanOptions = {},
): Promise<void> {
  for (const threads of [1, 2, 5]) {
    const { program, cpu } = await filled(test, arithmetic, { options });
    await lockstepSimdOf(program, cpu, allSteps(program), threads);
  }
}

/** Runs those of the steps that have a SIMD kernel in lockstep from the memory of `cpu`. */
export async function lockstepSimdOf(
  program: Program,
  cpu: ReferenceExecutor,
  steps: readonly Step[],
  threads: number,
): Promise<void> {
  const executor = new CpuExecutor(program, threads), wrong: string[] = [];
  try {
    await compareExecutors(steps, cpu, executor, (d) => {
      const differing = d.type === "floats" ? differingBits(d) : d.differing;
      if (differing === 0) return;
      const { step, variable, values, type, largest } = d;
      wrong.push(
        `${step.layer} ${step.kernel.name} ${variable}: ${differing} of ${values} ${type} differ, ` +
          `by ${largest} at most`,
      );
    }, ({ kernel }) => kernel.simd !== undefined);
  } finally {
    executor.close();
  }
  assert.deepEqual(wrong, [], `${program.arithmetic}, ${threads} threads`);
}

/** Number of f32 values whose bits differ; all NaN are one value. */
function differingBits({ want, got }: Difference): number {
  const [a, b] = [new Float32Array(want.buffer), new Float32Array(got.buffer)];
  return a.reduce((count, value, i) => count + (Object.is(value, b[i]) ? 0 : 1), 0);
}
