/**
 * Every kernel equals its reference, on the adapter's terms and on an edge device's: base limits and
 * the packed dot product spelled out. Integers and codes are the same; f32 results of int8 kernels
 * are too, on the software adapter; float32 sums lie within 1e-5 of the largest value.
 *
 * @module
 */
import { tilesOf } from "../lib/runtime/gpu/tile.ts";
import assert from "node:assert/strict";
import { requestAdapter } from "../lib/runtime/gpu/device.ts";
import { kernels } from "../kernels/mod.ts";
import { readStatistics } from "../lib/quant/statistics.ts";
import { METRICS, QUANTIZER } from "../lib/quant/layouts.ts";
import { ReferenceExecutor } from "../lib/runtime/reference_executor.ts";
import { filled, uniform } from "./support/fill.ts";
import { CASES, ESTIMATOR_CASES, SIMULATED_CASES } from "./support/cases.ts";
import { allSteps, lockstepAll, lockstepOf } from "./support/lockstep_all.ts";
import { programOf } from "./support/networks.ts";
import { QUANTIZER_KERNELS } from "./support/quantizer_kernels.ts";
import { SOFTWARE } from "./support/tiles.ts";

const ignore = await requestAdapter() === null;

for (const terms of ["adapter", "edge"] as const) {
  for (const arithmetic of ["int8", "float32"] as const) {
    // float32 shaders are the same text in both terms (wgsl_limits_test.ts): two cases do.
    const same = terms === "edge" && arithmetic === "float32";
    for (const test of same ? CASES.slice(0, 2) : CASES) {
      const name = `kernels equal their references: ${test.name} (${arithmetic}, ${terms} terms)`;
      Deno.test({ name, ignore, fn: () => lockstepAll(test, arithmetic, terms) });
    }
  }
}

for (const test of [...ESTIMATOR_CASES, ...SIMULATED_CASES, ...CASES.slice(1, 4)]) {
  for (const arithmetic of ["int8", "simulated"] as const) {
    if (arithmetic === "int8" && !ESTIMATOR_CASES.includes(test)) continue;
    const name = `kernels equal their references: ${test.name} (${arithmetic})`;
    Deno.test({ name, ignore, fn: () => lockstepAll(test, arithmetic, "adapter") });
  }
}

Deno.test({
  name: "values that are not finite become zero and are counted, on the GPU as in the reference",
  ignore,
  fn: async () => {
    const { program, cpu } = await filled(CASES[1]!, "int8");
    const bias = cpu.memory.get("conv1.bias")!.f32;
    bias.set([NaN, Infinity, -Infinity]);
    // With a scale that makes a finite sum overflow, too.
    QUANTIZER.write(cpu.memory.get("quantizers")!, program.weightQuantizers, { scale: 3e38 });
    const steps = program.sections.forward.filter((step) => step.layer === "conv1");
    await lockstepOf(program, cpu, steps, "adapter");
    const { nonfinite } = readStatistics(cpu.memory.get("statistics")!, steps[0]!.quantizer!);
    assert.ok(nonfinite > 3 * program.batch);
  },
});

Deno.test({
  name: "an update that makes every weight NaN counts them all, on the GPU as in the reference",
  ignore,
  fn: async () => {
    const { program, cpu } = await filled(CASES[0]!, "int8");
    const step = program.sections.update.find(({ constants }) => constants.STORE)!;
    cpu.memory.get(step.buffers.weight!)!.f32.fill(NaN);
    cpu.memory.get("statistics")!.bytes.fill(0);
    await lockstepOf(program, cpu, [step], "adapter");
    const { constants: { W_ROW, SIZE } } = step;
    const { min, nonfinite } = readStatistics(cpu.memory.get("statistics")!, W_ROW!);
    assert.deepEqual([min, nonfinite], [undefined, 4 * SIZE!]);
  },
});

Deno.test({
  name: "of equal logits the first is the answer, on the GPU as in the reference",
  ignore,
  fn: async () => {
    const { program, cpu, batch } = await filled(CASES[4]!, "float32");
    const [step] = program.sections.loss;
    cpu.memory.get(step!.buffers.logits!)!.f32.fill(0.25);
    for (const [label, correct] of [[0, batch.samples], [1, 0]] as const) {
      cpu.memory.get("labels")!.u32.fill(label);
      await lockstepOf(program, cpu, [step!], "adapter");
      assert.equal(METRICS.get(cpu.memory.get("metrics")!, 0, "correct"), correct);
    }
  },
});

Deno.test({
  name: "dispatches of more than 65535 workgroups are folded into two dimensions",
  ignore,
  fn: async () => {
    const program = programOf({
      name: "large",
      image: [2100, 2000, 1],
      batch: 1,
      classes: 2,
      layers: ["relu", { type: "avg_pool", kernel: 100 }, { type: "linear", features: 2 }],
    }, "int8");
    const cpu = new ReferenceExecutor(program.buffers), u = uniform(1);
    cpu.memory.get("pixels")!.u32.forEach((_, n, words) => words[n] = 2 ** 32 * u(n));
    cpu.memory.get("normalization")!.f32.set([2 / 255, 0, 0, 0, -1, 0, 0, 0]);
    program.quantizers.forEach((_, row) => {
      QUANTIZER.write(cpu.memory.get("quantizers")!, row, {
        scale: 1 / 128,
        inverse: 128,
        zero: row,
        qmin: -128,
        qmax: 127,
      });
    });
    const steps = program.sections.forward.slice(0, 2);
    assert.deepEqual(steps.map((s) => [s.kernel.name, tilesOf(s, SOFTWARE)[0]!.workgroups[1]]), [
      ["normalize_input", 2],
      ["activation_forward", 2],
    ]);
    await lockstepOf(program, cpu, steps, "edge");
  },
});

/** Kernels that an arithmetic has no use for. */
const WITHOUT = {
  int8: ["per_channel_weight_range"],
  simulated: ["dropout_quantizer", "weight_sums"],
  float32: QUANTIZER_KERNELS,
} as const;

Deno.test("the table of networks reaches every kernel in every arithmetic", () => {
  for (const arithmetic of ["int8", "simulated", "float32"] as const) {
    const cases = arithmetic === "simulated" ? [...CASES, ...SIMULATED_CASES] : CASES;
    const reached = new Set(
      [...cases, ...ESTIMATOR_CASES].flatMap((test) =>
        allSteps(programOf(test, arithmetic)).map((step) => step.kernel.name)
      ),
    );
    const missing = [...kernels.keys()].filter((name) => !reached.has(name));
    assert.deepEqual(missing.sort(), [...WITHOUT[arithmetic]].sort(), arithmetic);
  }
});
