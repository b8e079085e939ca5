/**
 * All that comes out of a short training, to be compared bit by bit.
 *
 * @module
 */
import type { Executor } from "../../lib/runtime/executor.ts";
import type { Program } from "../../lib/program/program.ts";
import type { StepResult } from "../../lib/train/network/in_flight_steps.ts";
import { Network } from "../../lib/train/network/network.ts";
import type { NetworkState } from "../../lib/train/network/types.ts";
import { CASES, ESTIMATOR_CASES, SIMULATED_CASES } from "./cases.ts";
import { batchOf } from "./fill.ts";
import { type Arithmetic, type Case, dataOf, recipeOf } from "./networks.ts";

/** Every case in every arithmetic that takes it. */
export const RUNS: readonly (readonly [Case, Arithmetic])[] = [
  ...[...CASES, ...ESTIMATOR_CASES].map((test) => [test, "int8"] as const),
  ...[...CASES, ...SIMULATED_CASES].map((test) => [test, "simulated"] as const),
  ...CASES.map((test) => [test, "float32"] as const),
];

/** Calibrates, trains some steps and evaluates; all that comes out. */
export async function outcome(test: Case, program: Program, executor: Executor) {
  const { quantize, seed } = recipeOf(test, program.arithmetic);
  const network = new Network(program, executor, seed, quantize, dataOf(test));
  network.initialize();
  const batch = batchOf(program), steps: StepResult[] = [];
  await network.calibrate([batch]);
  const calibrated: NetworkState = await network.state();
  for (let step = 0; step < 3; step++) {
    const telemetry = test.telemetry === "full" && step !== 1;
    steps.push(await network.step(batch, step, 0.05, telemetry));
  }
  const evaluated = await network.evaluate((async function* () {
    yield await Promise.resolve(batch);
  })());
  return { calibrated, steps, evaluated, state: await network.state() };
}
