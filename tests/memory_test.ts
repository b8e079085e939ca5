/**
 * Memory that tensors share: the layout is proven, and shared or not, no bit differs.
 *
 * @module
 */
import "./support/isolate.ts";
import assert from "node:assert/strict";
import { ReferenceExecutor } from "../lib/runtime/reference_executor.ts";
import type { Copies } from "../lib/runtime/executor.ts";
import { accesses, lifetimesOf, stepsInOrder } from "../lib/program/memory/lifetimes.ts";
import { verifyLayout } from "../lib/program/memory/layout.ts";
import { bytesOf } from "../lib/program/memory/bytes.ts";
import { peakMemory } from "../lib/program/memory/peak.ts";
import { plan } from "../lib/program/plan.ts";
import { openDevice } from "../lib/runtime/device.ts";
import type { Program, Step } from "../lib/program/program.ts";
import { resolveRecipe } from "../lib/recipe/load.ts";
import { Network } from "../lib/train/network/network.ts";
import { CASES, ESTIMATOR_CASES } from "./support/cases.ts";
import { batchOf } from "./support/fill.ts";
import { dataOf, programOf, recipeOf } from "./support/networks.ts";
import { outcome, RUNS } from "./support/outcome.ts";

/** Fills what only lives within a step with rubbish, just before a step first writes it. */
class SpoilingExecutor extends ReferenceExecutor {
  readonly #first = new Map<Step, string[]>();

  constructor(program: Program) {
    super(program.buffers);
    const known = new Set(program.layout!.places.keys());
    const { lifetimes } = lifetimesOf(program);
    // What the host writes, and what micro-batches add to, is not made anew.
    const seen = new Set([...known].filter((name) => lifetimes.get(name)![0] < 0));
    for (const step of stepsInOrder(program)) {
      const first = accesses(step, known).filter((a) => a.writes && !seen.has(a.name));
      for (const { name } of accesses(step, known)) seen.add(name);
      this.#first.set(step, first.map(({ name }) => name));
    }
  }

  override run(
    steps: readonly Step[],
    clear: readonly string[] = [],
    copied: readonly string[] = [],
  ): Copies {
    super.run([], clear);
    for (const step of steps) {
      // Every other way to quantize writes the same tensor: the first of them that runs counts.
      for (const name of this.#first.get(step) ?? []) {
        this.memory.get(name)!.bytes.forEach((_, i, bytes) => bytes[i] = 0x7f ^ (37 * i));
      }
      super.run([step]);
    }
    return super.run([], [], copied);
  }
}

Deno.test("no two tensors in use at the same time share memory", () => {
  for (const [test, arithmetic] of RUNS) {
    const program = programOf(test, arithmetic);
    assert.deepEqual(verifyLayout(program), [], `${test.name}, ${arithmetic}`);
  }
});

Deno.test("the proof sees a layout that is wrong", () => {
  const program = programOf(CASES[2]!, "int8"), { regions, places } = program.layout!;
  const [first, second] = program.sections.forward.filter((s) => s.kernel.name === "conv_forward");
  const moved = new Map(places);
  moved.set(second!.buffers.y!, places.get(first!.buffers.y!)!);
  const wrong = { ...program, layout: { regions: regions.map(() => 2 ** 30), places: moved } };
  assert.notDeepEqual(verifyLayout(wrong), []);
});

for (const [test, arithmetic] of RUNS) {
  Deno.test(`${arithmetic}, ${test.name}: sharing memory changes no bit`, async () => {
    const program = programOf(test, arithmetic);
    const apart = await outcome(test, program, new ReferenceExecutor(program.buffers));
    const executor = new ReferenceExecutor(program.buffers, program.layout);
    assert.ok(executor.bytes < bytesOf(program.buffers));
    assert.deepEqual(await outcome(test, program, executor), apart);
  });
}

Deno.test("no kernel relies on what its output held before", async () => {
  for (const [test, arithmetic] of RUNS) {
    const program = programOf(test, arithmetic);
    const plain = await outcome(test, program, new ReferenceExecutor(program.buffers));
    const spoiled = await outcome(test, program, new SpoilingExecutor(program));
    assert.deepEqual(spoiled, plain, `${test.name}, ${arithmetic}`);
  }
});

Deno.test("reuse: false gives every tensor memory of its own", () => {
  const recipe = resolveRecipe({ data: { format: "glyphs" }, model: { name: "cnn" } });
  const data = { shape: [28, 28, 1], classes: 10, mean: [0.5], std: [0.5] } as const;
  const { program } = plan(recipe, data, { reuse: false });
  assert.equal(bytesOf(program.buffers, program.layout), bytesOf(program.buffers));
});

for (const arithmetic of ["int8", "float32"] as const) {
  Deno.test(`${arithmetic} on the GPU: sharing memory changes no bit`, async () => {
    const test = CASES[2]!, recipe = recipeOf(test, arithmetic), data = dataOf(test);
    const run = async (reuse: boolean) => {
      const { program } = plan(recipe, data, { reuse });
      const executor = await (await openDevice("gpu")).createExecutor(program);
      try {
        const found = await outcome(test, program, executor);
        assert.equal(
          executor.bytes,
          peakMemory(program).total,
          "what is planned is what is created",
        );
        return { found, bytes: executor.bytes };
      } finally {
        executor.close();
      }
    };
    const apart = await run(false), shared = await run(true);
    assert.ok(shared.bytes < apart.bytes);
    assert.deepEqual(shared.found, apart.found);
  });
}

Deno.test("memory by kind adds up to every buffer, whatever the program", () => {
  for (const [test, arithmetic] of RUNS) {
    const program = programOf(test, arithmetic), { total, ...kinds } = peakMemory(program);
    assert.equal(Object.values(kinds).reduce((a, b) => a + b, 0), total);
    assert.ok(Object.values(kinds).every((n) => n >= 0));
  }
});

Deno.test("steps in flight and telemetry create no buffer that was not planned", async () => {
  const test = ESTIMATOR_CASES[1]!, program = programOf(test, "int8");
  const executor = await (await openDevice("gpu")).createExecutor(program);
  try {
    const { quantize, seed } = recipeOf(test, "int8");
    const network = new Network(program, executor, seed, quantize, dataOf(test));
    network.initialize();
    for (let step = 0; step < network.maxInFlight; step++) {
      await network.submit(batchOf(program), step, 0.01, true);
    }
    await network.collect();
    await network.state();
    assert.equal(executor.bytes, peakMemory(program).total);
  } finally {
    executor.close();
  }
});

Deno.test({
  name: "the process grows by what is planned, on the software adapter",
  ignore: Deno.build.os !== "linux",
}, async () => {
  const one = async (batch: number) => {
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-A", "--no-check", new URL("../experiments/memory.ts", import.meta.url).href],
        ...["--one", `${batch}`, "--arithmetic", "float32"],
      ],
    }).output();
    return JSON.parse(new TextDecoder().decode(stdout)) as Record<string, number>;
  };
  const small = await one(16), large = await one(256);
  const planned = large.plan! - small.plan!, grown = large.resident! - small.resident!;
  // Beside the buffers there is the batch on the host and on its way (0.4 MB), and what V8 keeps.
  assert.ok(grown > 0.8 * planned && grown < 1.4 * planned, `${grown} for ${planned} planned`);
});
