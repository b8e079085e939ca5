/**
 * Every SIMD kernel equals its reference to the bit, with 1, 2 and 5 threads.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { LayerInput } from "../lib/recipe/layers.ts";
import { readStatistics } from "../lib/quant/statistics.ts";
import { CASES, ESTIMATOR_CASES, SIMULATED_CASES } from "./support/cases.ts";
import { filled } from "./support/fill.ts";
import type { Case } from "./support/networks.ts";
import { allSteps } from "./support/lockstep_all.ts";
import { lockstepSimd, lockstepSimdOf } from "./support/lockstep_simd.ts";

for (const arithmetic of ["int8", "float32", "simulated"] as const) {
  const cases = arithmetic === "simulated"
    ? [
      ...SIMULATED_CASES,
      ...CASES.slice(1, 4),
      ...CASES.filter(({ name }) => /^(pools whose|dropout|depthwise: ragged)/.test(name)),
    ]
    : [...CASES, ...arithmetic === "int8" ? ESTIMATOR_CASES : []];
  for (const test of cases) {
    Deno.test(`SIMD kernels equal their references: ${test.name} (${arithmetic})`, () => {
      return lockstepSimd(test, arithmetic);
    });
  }
}

/** A network of every kind of layer with `channels` channels, `stride`, and images of some sizes. */
function ragged(
  channels: number,
  stride: number,
  batch: number,
  image: readonly [number, number],
): Case {
  const conv = (kernel: number, more: object): LayerInput => ({
    type: "conv2d",
    channels,
    kernel,
    padding: (kernel - 1) / 2,
    ...more,
  });
  const grouped: LayerInput[] = channels > 1
    ? [conv(3, { stride, groups: channels, bias: false }), "batch_norm"]
    : [];
  return {
    name: `${image.join("×")} images, ${channels} channels, stride ${stride}, batch ${batch}`,
    image: [...image, Math.min(channels, 3)],
    batch,
    classes: 3,
    layers: [
      conv(3, { stride, bias: false }),
      "batch_norm",
      "relu",
      ...grouped,
      "relu6",
      { type: "residual", body: [conv(1, {}), "batch_norm"] },
      "relu",
      { type: "max_pool", kernel: 3, stride, padding: 1 },
      conv(5, { stride }),
      { type: "dropout", rate: 0.3 },
      { type: "avg_pool", kernel: 3, stride, padding: 1 },
      { type: "linear", features: 3 },
    ],
  };
}

const SIZES = [[1, 1], [2, 5], [9, 7]] as const;
for (const [i, channels] of [1, 3, 5, 17].entries()) {
  for (const stride of [1, 2, 3]) {
    const test = ragged(channels, stride, (i + stride) % 2 ? 1 : 7, SIZES[(i + stride) % 3]!);
    for (const arithmetic of ["int8", "float32"] as const) {
      Deno.test(`SIMD kernels equal their references: ${test.name} (${arithmetic})`, () => {
        return lockstepSimd(test, arithmetic);
      });
    }
  }
}

// What passes a gradient are all codes of a channel, none, those above one, or those below.
for (const arithmetic of ["int8", "float32"] as const) {
  const name = `SIMD kernels equal their references: negative and zero gammas (${arithmetic})`;
  Deno.test(name, async () => {
    const gammas = [-0.7, 0, -0, 1.1, -100, 1e-3, 40];
    // Codes stay finite, real values do not.
    if (arithmetic === "int8") gammas.push(Infinity, -Infinity, NaN, 0.3);
    for (const test of CASES.slice(1, 4)) {
      const { program, cpu } = await filled(test, arithmetic);
      for (const { name, role, dims: [, channels] } of program.parameters) {
        if (role !== "norm") continue;
        const values = cpu.memory.get(name)!.f32;
        for (let c = 0; c < channels; c++) values[c] = gammas[c % gammas.length]!;
      }
      await lockstepSimdOf(program, cpu, allSteps(program), [2]);
    }
  });
}

Deno.test("an update that makes every weight NaN counts them all, in SIMD as in the reference", async () => {
  for (const test of CASES.filter(({ name }) => /^(one pixel|AdamW)/.test(name))) {
    const { program, cpu } = await filled(test, "int8");
    const updates = program.sections.update.filter(({ kernel }) =>
      /^(sgd|adamw)$/.test(kernel.name)
    );
    const weights = updates.filter(({ constants }) => constants.STORE);
    for (const { buffers } of weights) cpu.memory.get(buffers.weight!)!.f32.fill(NaN);
    cpu.memory.get("statistics")!.bytes.fill(0);
    await lockstepSimdOf(program, cpu, updates, [2]);
    assert.ok(weights.length > 0);
    for (const { constants } of weights) {
      assert.deepEqual(readStatistics(cpu.memory.get("statistics")!, constants.W_ROW!), {
        min: undefined,
        max: undefined,
        clipped: 0,
        nonfinite: 4 * constants.SIZE!,
      });
    }
  }
});

// Parameters of more than one part: weights that are not finite are counted part by part.
for (const name of ["sgd", "adamw"] as const) {
  for (const arithmetic of ["int8", "float32"] as const) {
    for (const finite of [true, false]) {
      const title = `SIMD kernels equal their references: ${name} of large parameters, ` +
        `${finite ? "clipped and averaged" : "not finite, averaged"} (${arithmetic})`;
      Deno.test(title, async () => {
        const { program, cpu } = await filled({
          name: title,
          image: [5, 5, 7],
          batch: 2,
          classes: 5,
          optimizer: { name, weight_decay: 0.1 },
          train: { ema: 0.9, ...finite ? { clip_norm: 0.1 } : {} },
          layers: [{ type: "linear", features: 401 }, "relu", { type: "linear", features: 5 }],
        }, arithmetic);
        const { update, exchange, weights } = program.sections;
        for (const { buffers } of update) {
          const values = buffers.gradient && cpu.memory.get(buffers.gradient)!.f32;
          if (!values) continue;
          for (let i = 0; i < values.length; i++) values[i] = Math.sin(i) / 10;
          if (finite) continue;
          for (let i = 40_005; i < values.length; i += 7001) values[i] = [NaN, Infinity][i % 2]!;
        }
        for (const threads of [1, 2, 5]) {
          await lockstepSimdOf(program, cpu, [...update, ...exchange, ...weights], [threads]);
        }
      });
    }
  }
}
