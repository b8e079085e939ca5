/**
 * Holds steps on the CPU executor against their references: the same bits, whatever the threads.
 *
 * @module
 */
import assert from "node:assert/strict";
import { CpuExecutor } from "../../lib/runtime/cpu/executor.ts";
import { compareExecutors, differingBits } from "../../lib/runtime/compare_executors.ts";
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
      const differing = differingBits(d);
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
