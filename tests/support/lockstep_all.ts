/**
 * Holds every step of a case on the GPU against its reference, with the bounds that docs/architecture.md states.
 *
 * @module
 */
import "./isolate.ts";
import assert from "node:assert/strict";
import { type Gpu, openGpu } from "../../lib/runtime/gpu/device.ts";
import { GpuExecutor } from "../../lib/runtime/gpu/executor.ts";
import { compareExecutors, type Difference } from "../../lib/runtime/compare_executors.ts";
import type { PlanOptions } from "../../lib/program/plan.ts";
import type { Program, Step } from "../../lib/program/program.ts";
import { readStatistics } from "../../lib/quant/statistics.ts";
import { wordsOf } from "../../lib/quant/layouts.ts";
import { BOUNDS } from "../../lib/runtime/self_test/self_test.ts";
import type { ReferenceExecutor } from "../../lib/runtime/reference_executor.ts";
import { filled } from "./fill.ts";
import type { Arithmetic, Case } from "./networks.ts";

/** f32 sums in another order than the reference's, or with fused products: this share of the largest value. */
const FLOAT_BOUND = 1e-5;

/** A step of training, then what evaluation has of its own. */
export function allSteps({ sections: s }: Program): Step[] {
  return [
    ...s.weights,
    ...s.forward.filter((step) => step.phase !== "eval"),
    ...s.loss,
    ...s.backward,
    ...s.update,
    ...s.schedule,
    ...s.weights.filter((step) => !step.afterLoad),
    ...s.exchange,
    ...s.calibrate,
    ...s.forward.filter((step) => step.phase === "eval"),
  ];
}

/** Runs a case in lockstep; throws with every difference beyond its bound. */
export async function lockstepAll(
  test: Case,
  arithmetic: Arithmetic,
  terms: "adapter" | "edge",
  options: PlanOptions = {},
): Promise<void> {
  const { program, cpu } = await filled(test, arithmetic, { options });
  await lockstepOf(program, cpu, allSteps(program), terms);
}

/** Runs steps in lockstep from the memory of `cpu`; throws with every difference beyond its bound. */
export async function lockstepOf(
  program: Program,
  cpu: ReferenceExecutor,
  steps: readonly Step[],
  terms: "adapter" | "edge",
): Promise<void> {
  const gpu = await openGpu({ limits: terms });
  const executor = await GpuExecutor.create(gpu, program);
  const wrong: string[] = [];
  try {
    await compareExecutors(steps, cpu, executor, (d) => {
      const problem = judge(d, program, exact(gpu));
      if (!problem) return;
      wrong.push(
        `${d.step.layer} ${d.step.kernel.name} ${d.variable}: ${problem}; ` +
          `${d.differing} of ${d.values} ${d.type} differ, by ${d.largest} at most`,
      );
    });
  } finally {
    executor.close();
  }
  assert.deepEqual(wrong, [], `${program.arithmetic}, ${terms} terms`);
}

/** Whether the adapter's f32 arithmetic is that of `Math.fround`: the software adapter's is. */
function exact(gpu: Gpu): boolean {
  return /llvmpipe/i.test(gpu.name);
}

/** What is wrong with a difference; `undefined` when it is within its bound. */
function judge(d: Difference, program: Program, exactFloats: boolean): string | undefined {
  const { step, variable } = d;
  // f32 sums in another order than the reference's: their extremes are off in the last places.
  if (program.arithmetic === "simulated" && variable === "statistics") {
    return nearStatistics(d);
  }
  // The factor of the learning rate goes through exp.
  if (step.kernel.name === "dsgc_search" && variable === "table" && d.largest < 1e-6) {
    return undefined;
  }
  if (variable === "errors") return d.largest > FLOAT_BOUND ? "beyond the bound" : undefined;
  // The one kernel with exp and log, whose last places WGSL leaves open.
  if (step.kernel.name === "softmax_cross_entropy") {
    if (variable === "statistics") return nearStatistics(d);
    if (d.type === "codes") return d.largest > 1 ? "a code differs by more than one" : undefined;
    return d.largest > FLOAT_BOUND ? "beyond the bound" : undefined;
  }
  // A driver may multiply the momentum and the factor of the unbiased variance first.
  if (variable === "running") return d.largest > FLOAT_BOUND / 10 ? "beyond the bound" : undefined;
  // Other drivers replace the division by a constant, which WGSL leaves 2.5 units in the last place.
  if (program.arithmetic === "int8" && variable === "statistics" && !exactFloats) {
    return d.largest > BOUNDS.statistics ? "beyond the bound" : undefined;
  }
  if (program.arithmetic === "int8" && (d.type !== "floats" || exactFloats)) {
    return d.differing > 0 ? "not the same" : undefined;
  }
  if (variable === "coefficients") return coefficients(d);
  const sumsDy = variable === "dy_total" || variable === "bias_gradient" && "dy" in step.buffers;
  if (sumsDy && program.arithmetic !== "int8") return cancelling(d);
  return d.largest > FLOAT_BOUND ? "beyond the bound" : undefined;
}

function nearStatistics(d: Difference): string | undefined {
  const row = d.step.quantizer!;
  const want = readStatistics(wordsOf(d.want), row), got = readStatistics(wordsOf(d.got), row);
  const near = (a = 0, b = 0) => Math.abs(a - b) <= FLOAT_BOUND * Math.abs(a);
  const same = near(want.min, got.min) && near(want.max, got.max) &&
    want.nonfinite === got.nonfinite && Math.abs(want.clipped - got.clipped) <= 2;
  return same ? undefined : `expected ${JSON.stringify(want)}, got ${JSON.stringify(got)}`;
}

/**
 * Sums whose terms cancel: behind a norm a gradient adds up to 0 over the batch. An f32 sum is as good
 * as its largest term.
 */
function cancelling({ step, before, ...d }: Difference): string | undefined {
  const want = new Float32Array(d.want.buffer), got = new Float32Array(d.got.buffer);
  const terms = new Float32Array(before.get(step.buffers.dy!)!.buffer);
  const bound = FLOAT_BOUND * terms.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  return want.every((w, i) => Math.abs(w - got[i]!) <= bound) ? undefined : "beyond the bound";
}

/** Six vectors of different size lie in one buffer: each against its own largest value. */
function coefficients(d: Difference): string | undefined {
  const want = new Float32Array(d.want.buffer), got = new Float32Array(d.got.buffer);
  for (let which = 0; which < 6; which++) {
    let largest = 0, difference = 0;
    want.forEach((value, at) => {
      if (Math.floor(at / 4) % 6 !== which) return;
      largest = Math.max(largest, Math.abs(value));
      difference = Math.max(difference, Math.abs(value - got[at]!));
    });
    if (difference > FLOAT_BOUND * largest) return `vector ${which} is off by ${difference}`;
  }
}
