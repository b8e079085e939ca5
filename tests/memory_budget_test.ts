/**
 * `memory:` in a recipe: what is chosen to fit, that recomputing changes no bit, and what is said
 * when nothing fits.
 *
 * @module
 */
import assert from "node:assert/strict";
import { ReferenceExecutor } from "../lib/runtime/reference_executor.ts";
import { layOut, verifyLayout } from "../lib/program/memory/layout.ts";
import { peakMemory } from "../lib/program/memory/peak.ts";
import { recomputable, recompute } from "../lib/program/passes/recompute.ts";
import { plan } from "../lib/program/plan.ts";
import { openDevice } from "../lib/runtime/device.ts";
import type { Program } from "../lib/program/program.ts";
import type { RecipeInput } from "../lib/recipe/recipe.ts";
import { resolveRecipe } from "../lib/recipe/load.ts";
import { CASES, ESTIMATOR_CASES } from "./support/cases.ts";
import { inFolder, qtrain } from "./support/command.ts";
import { programOf } from "./support/networks.ts";
import { outcome, RUNS } from "./support/outcome.ts";

/** A program that keeps no norm's output for its backward pass. */
function recomputed(program: Program): Program {
  const changed = recompute(program, recomputable(program));
  return { ...changed, layout: layOut(changed) };
}

const RECIPE: RecipeInput = {
  data: { format: "glyphs", size: 28 },
  model: { name: "cnn" },
  train: { batch: 64 },
};

function planned(memory: number | string, more: Partial<RecipeInput> = {}): Program {
  const data = { shape: [28, 28, 1], classes: 10, mean: [0.5], std: [0.5] } as const;
  return plan(resolveRecipe({ ...RECIPE, ...more, memory }), data).program;
}

for (const [test, arithmetic] of RUNS) {
  const program = programOf(test, arithmetic), changed = recomputed(program);
  if (!changed.recomputed) continue;
  Deno.test(`${arithmetic}, ${test.name}: recomputing changes no bit`, async () => {
    assert.deepEqual(verifyLayout(changed), []);
    const plain = await outcome(test, program, new ReferenceExecutor(program.buffers));
    const executor = new ReferenceExecutor(changed.buffers, changed.layout);
    assert.deepEqual(await outcome(test, changed, executor), plain);
  });
}

for (const test of [CASES[2]!, ESTIMATOR_CASES[0]!]) {
  Deno.test(`${test.name}, on the GPU: recomputing changes no bit`, async () => {
    const program = programOf(test, "int8");
    const run = async (program: Program) => {
      const executor = await (await openDevice("gpu")).createExecutor(program);
      try {
        return await outcome(test, program, executor);
      } finally {
        executor.close();
      }
    };
    assert.deepEqual(await run(recomputed(program)), await run(program));
  });
}

Deno.test("a budget is kept by recomputing where that is enough, else by smaller micro-batches", () => {
  const free = planned(0), needs = peakMemory(free).total;
  assert.deepEqual([free.batch, free.recomputed], [64, undefined]);
  assert.deepEqual(planned(needs).recomputed, undefined, "what fits stays as it is");
  const least = peakMemory(recomputed(free)).total;
  assert.ok(least < needs);
  const squeezed = planned(least);
  assert.equal(squeezed.batch, 64);
  assert.ok(squeezed.recomputed!.length > 0);
  const cut = planned(least - 1);
  assert.equal(cut.batch, 32);
  assert.equal(cut.micros, 2);
  for (const [budget, program] of [[least, squeezed], [least - 1, cut]] as const) {
    assert.ok(peakMemory(program).total <= budget);
    assert.deepEqual(verifyLayout(program), []);
  }
  const train = { batch: 60, micro_batch: 20 };
  assert.equal(60 % planned("4MB", { train }).batch, 0, "a micro-batch divides the batch");
  assert.ok(planned("4MB", { train }).batch < 20);
});

Deno.test("what a budget allows is what the device's buffers add up to", async () => {
  const program = planned("4MB"),
    executor = await (await openDevice("gpu")).createExecutor(program);
  try {
    assert.ok(executor.bytes <= 4e6);
    assert.equal(executor.bytes, peakMemory(program).total);
  } finally {
    executor.close();
  }
});

Deno.test("memory is read in bytes, decimal and binary units", () => {
  const bytes = (memory: number | string) => resolveRecipe({ ...RECIPE, memory }).memory;
  assert.equal(bytes(1000), 1000);
  assert.equal(bytes("64MiB"), 64 * 2 ** 20);
  assert.equal(bytes("64 MB"), 64e6);
  assert.equal(bytes("1.5GiB"), 1.5 * 2 ** 30);
  assert.equal(bytes("512kb"), 512e3);
  for (const wrong of ["64", "64MiBs", "-1MB", -1, 0.5, "much"]) {
    assert.throws(() => bytes(wrong), {
      name: "RecipeError",
      message: /memory: expected an amount of memory such as 64MiB, 64MB or 1\.5GiB, .*, got /,
    });
  }
});

Deno.test("check says what a budget led to, and by how much nothing fits", async () => {
  const recipe = "data: { format: glyphs }\nmodel: { name: cnn }\n";
  await inFolder({ "r.yaml": recipe }, async (cwd) => {
    const check = (memory: string) => qtrain(["check", "r.yaml", `memory=${memory}`], { cwd });
    const { stdout } = await check("9MB");
    assert.match(stdout, /^memory +[\d.]+ MiB of 8\.6 MiB allowed \(float32: [\d.]+ MiB; /m);
    assert.match(stdout, /^recomputed +outputs of \d norms? \(norm\d/m);
    const cut = (await check("7.5MB")).stdout;
    assert.match(
      cut,
      /^batch +64 images in 2 micro-batches of 32; batch norm sees only 32 images/m,
    );
    const { code, stderr } = await check("1MiB");
    assert.equal(code, 2);
    assert.match(
      stderr,
      /memory: the least that this network needs is 2\.2 MiB \(micro-batches of 1, recomputing\), 1\.2 MiB more than the 1 MiB allowed; parameters and optimizer take 9\d\d\.\d KiB of it\. /,
    );
  });
});

Deno.test("a batch that no kernel takes is cut where there is a budget, and refused where there is none", () => {
  // Batch norm sums up to 8,388,608 values: 2 images of 2304 × 2304 are too many at once.
  const recipe = (memory: number) =>
    resolveRecipe({
      data: { format: "npz", root: "x", classes: 2 },
      model: { layers: ["batch_norm", "global_avg_pool", { type: "linear", features: 2 }] },
      train: { batch: 2 },
      memory,
    });
  const data = { shape: [2304, 2304, 1], classes: 2, mean: [0.5], std: [0.5] } as const;
  assert.equal(plan(recipe(2 ** 30), data).program.batch, 1);
  assert.throws(() => plan(recipe(0), data), { name: "ModelError", message: /8,?388,?608/ });
});
