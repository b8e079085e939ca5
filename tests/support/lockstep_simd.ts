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
  const { program, cpu } = await filled(test, arithmetic, { options });
  await lockstepSimdOf(program, cpu, allSteps(program), [1, 2, 5]);
}

/** Several executors that must copy the same bytes. */
class Together extends CpuExecutor {
  readonly #others: readonly CpuExecutor[];

  constructor(program: Program, [first, ...others]: readonly number[]) {
    super(program, first!);
    this.#others = others.map((threads) => new CpuExecutor(program, threads));
  }

  override write(buffer: string, data: ArrayBufferView<ArrayBuffer>, offset = 0): void {
    for (const other of this.#others) other.write(buffer, data, offset);
    super.write(buffer, data, offset);
  }

  override run(steps: readonly Step[], clear?: readonly string[], copied?: readonly string[]) {
    const others = this.#others.map((other) => other.run(steps, clear, copied));
    const own = super.run(steps, clear, copied);
    return async () => {
      const copies = await own();
      for (const other of others) {
        const names = steps.map(({ layer, kernel }) => `${layer} ${kernel.name}`);
        assert.deepEqual(await other(), copies, `${names}: other bytes with more threads`);
      }
      return copies;
    };
  }

  override close(): void {
    for (const other of this.#others) other.close();
    super.close();
  }
}

/**
 * Runs those of the steps that have a SIMD kernel in lockstep from the memory of `cpu`.
 *
 * @param threads numbers of threads
 */
export async function lockstepSimdOf(
  program: Program,
  cpu: ReferenceExecutor,
  steps: readonly Step[],
  threads: readonly number[],
): Promise<void> {
  const executor = new Together(program, threads), wrong: string[] = [];
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
