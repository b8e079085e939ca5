/**
 * Dropout: what is kept, that the backward pass keeps the same, and that evaluation changes nothing.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { ReferenceExecutor } from "../lib/runtime/reference_executor.ts";
import { requestAdapter } from "../lib/runtime/gpu/device.ts";
import type { Program } from "../lib/program/program.ts";
import { reader, row } from "../kernels/include/quantize.ts";
import { resolveRecipe } from "../lib/recipe/load.ts";
import { filled } from "./support/fill.ts";
import type { Arithmetic, Case } from "./support/networks.ts";
import { inFolder, runOf, SHORT } from "./support/runs.ts";

const RATE = 0.25;
const NETWORK: Case = {
  name: "dropout",
  image: [8, 8, 2],
  batch: 4,
  classes: 3,
  layers: [
    { type: "conv2d", channels: 6, kernel: 1 },
    { type: "dropout", rate: RATE },
    { type: "dropout", rate: RATE },
    { type: "linear", features: 3 },
  ],
};

/** Real values of a tensor, by the row that its reader goes by. */
function values(
  program: Program,
  cpu: ReferenceExecutor,
  tensor: string,
  gradient = false,
): number[] {
  const steps = [...program.sections.forward, ...program.sections.backward];
  const buffer = gradient ? `${tensor}.gradient` : `${tensor}.output`;
  const step = steps.find((s) => (gradient ? s.buffers.dy : s.buffers.x) === buffer)!;
  const table = cpu.memory.get("quantizers")!, memory = cpu.memory.get(buffer)!;
  const int8 = program.arithmetic === "int8" ? 1 : 0;
  const at = reader(int8, memory, row(table, step.constants[gradient ? "DY_ROW" : "X_ROW"]!));
  return Array.from({ length: (int8 ? memory.i8 : memory.f32).length }, (_, i) => at(i));
}

function forward({ sections }: Program, cpu: ReferenceExecutor, phase: "train" | "eval"): void {
  cpu.run([
    ...sections.weights,
    ...sections.forward.filter((s) => (s.phase ?? phase) === phase),
  ]);
}

for (const arithmetic of ["int8", "simulated", "float32"] as Arithmetic[]) {
  Deno.test(`dropout keeps 1 − rate of the values and divides them by it: ${arithmetic}`, async () => {
    const { program, cpu } = await filled(NETWORK, arithmetic);
    forward(program, cpu, "train");
    const x = values(program, cpu, "conv1"), y = values(program, cpu, "dropout1");
    const real = x.flatMap((v, i) => i % 8 < 6 && v !== 0 ? [i] : []);
    const kept = real.filter((i) => y[i] !== 0);
    for (const i of kept) assert.ok(Math.abs(y[i]! * (1 - RATE) - x[i]!) <= 1e-6 * Math.abs(x[i]!));
    const off = Math.abs(kept.length / real.length - (1 - RATE));
    assert.ok(
      off < 4 * Math.sqrt(RATE * (1 - RATE) / real.length),
      `${kept.length} ${real.length}`,
    );
  });

  Deno.test(`dropout is the identity in evaluation, to the bit: ${arithmetic}`, async () => {
    const { program, cpu } = await filled(NETWORK, arithmetic);
    forward(program, cpu, "train");
    forward(program, cpu, "eval");
    const x = values(program, cpu, "conv1");
    assert.ok(x.some((v) => v !== 0));
    assert.deepEqual(values(program, cpu, "dropout1"), x);
    assert.deepEqual(values(program, cpu, "dropout2"), x);
  });
}

Deno.test("the backward pass drops what the forward pass dropped", async () => {
  const { program, cpu } = await filled(NETWORK, "float32");
  forward(program, cpu, "train");
  cpu.run([...program.sections.loss, ...program.sections.backward]);
  const x = values(program, cpu, "dropout1"), y = values(program, cpu, "dropout2");
  const dy = values(program, cpu, "dropout2", true), dx = values(program, cpu, "dropout1", true);
  x.forEach((v, i) => {
    if (v !== 0 && dy[i] !== 0) assert.equal(dx[i] !== 0, y[i] !== 0);
  });
});

Deno.test("a mask is another one in each step and each layer, and the same for the same image", async () => {
  const { program, cpu } = await filled(NETWORK, "float32"), step = cpu.memory.get("step")!.u32;
  const mask = (layer: "dropout1" | "dropout2", at: number, first = 0) => {
    step[1] = at;
    step[3] = first;
    cpu.memory.get("conv1.output")!.f32.fill(1);
    const steps = program.sections.forward.filter((s) => s.phase === "train");
    cpu.run(steps);
    const x = values(program, cpu, "dropout1"), y = values(program, cpu, layer);
    return y.map((v, i) => i % 8 >= 6 || x[i] === 0 ? undefined : v !== 0);
  };
  const differing = (a: readonly unknown[], b: readonly unknown[]) =>
    a.filter((v, i) => v !== undefined && b[i] !== undefined && v !== b[i]).length;
  const first = mask("dropout1", 3).map((kept) => kept ?? false);
  assert.deepEqual(mask("dropout1", 3).map((kept) => kept ?? false), first);
  const next = mask("dropout1", 4).map((kept) => kept ?? false);
  assert.ok(differing(first, next) > 200);
  assert.ok(differing(mask("dropout2", 3), first) > 100, "layers differ");
  // The second image of a batch is the first one of a micro-batch that starts there.
  const image = first.length / 4;
  const later = mask("dropout1", 3, 1).map((kept) => kept ?? false);
  assert.deepEqual(later.slice(0, 3 * image), first.slice(image));
});

Deno.test("a rate of 1 is refused, and one half is the default", () => {
  const recipe = (rate?: number) =>
    resolveRecipe({
      data: { format: "glyphs" },
      model: { layers: [{ type: "dropout", ...(rate === undefined ? {} : { rate }) }] },
    });
  assert.deepEqual(recipe().model, { layers: [{ type: "dropout", rate: 0.5 }] });
  assert.throws(() => recipe(1), /rate: expected a number of at least 0 and less than 1, got 1/);
});

Deno.test("a run with dropout that was stopped goes on with the same bits", {
  ignore: await requestAdapter() === null,
}, async () => {
  const recipe = {
    ...SHORT,
    model: {
      layers: [
        { type: "conv2d", channels: 4, kernel: 3, stride: 2 },
        "relu",
        { type: "dropout", rate: 0.2 },
        { type: "conv2d", channels: 4, kernel: 3, groups: 4 },
        "global_avg_pool",
        { type: "linear", features: 10 },
      ],
    },
  } as const;
  const expected = await runOf(recipe);
  await inFolder(async (out) => {
    await runOf(recipe, { out, stopAt: 7 });
    const rest = await runOf(recipe, { out, resume: true });
    assert.deepEqual(rest.end.state, expected.end.state);
  });
});
