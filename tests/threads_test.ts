/**
 * A run on the CPU gives the same bits with any number of threads, and the same as the references: in
 * int8, with stochastic rounding, and in float32.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type Device, openDevice } from "../lib/runtime/device.ts";
import { ReferenceExecutor } from "../lib/runtime/reference_executor.ts";
import type { RecipeInput } from "../lib/recipe/recipe.ts";
import { inFolder, runOf, SHORT } from "./support/runs.ts";

/** The references as a device. */
const REFERENCES: Device = {
  kind: "cpu",
  name: "references",
  // deno-lint-ignore require-await -- rejects the promise instead of throwing
  createExecutor: async (program) => new ReferenceExecutor(program.buffers, program.layout),
};

/** Networks with every kind of layer of the zoo, narrow. */
const MODELS: Readonly<Record<string, RecipeInput["model"]>> = {
  cnn: { name: "cnn", width: 8 },
  resnet8: { name: "resnet8", width: 8 },
  "mobilenet-v2": { name: "mobilenet-v2", width: 8 },
};

/** A recipe of `steps` steps of 4 images. */
function recipe(model: RecipeInput["model"], arithmetic: "int8" | "float32", steps: number) {
  return {
    ...SHORT,
    data: { format: "glyphs", size: 16, train: 4 * steps, test: 8 },
    model,
    quantize: { arithmetic },
    train: { epochs: 1, batch: 4 },
  } satisfies RecipeInput;
}

/** Trains; returns the losses, and the checkpoint's bytes. */
async function trained(input: RecipeInput, opened: Device) {
  let losses: readonly number[] = [], checkpoint!: Uint8Array;
  await inFolder(async (out) => {
    ({ losses } = await runOf(input, { opened, out }));
    const step = String(losses.length).padStart(8, "0");
    checkpoint = await Deno.readFile(`${out}/checkpoints/step-${step}.safetensors`);
  });
  return { losses, checkpoint };
}

for (const [name, model] of Object.entries(MODELS)) {
  Deno.test(`50 steps of ${name} write the same checkpoint with 1, 2 and 4 threads`, async () => {
    const input = recipe(model, "int8", 50);
    const one = await trained(input, await openDevice("cpu", { threads: 1 }));
    assert.equal(one.losses.length, 50);
    for (const threads of [2, 4]) {
      const more = await trained(input, await openDevice("cpu", { threads }));
      assert.deepEqual(more.losses, one.losses, `${threads} threads`);
      assert.deepEqual(more.checkpoint, one.checkpoint, `${threads} threads`);
    }
  });

  for (const arithmetic of ["int8", "float32"] as const) {
    Deno.test(`SIMD kernels train ${name} in ${arithmetic} to the bits of the references`, async () => {
      const input = recipe(model, arithmetic, 3);
      const simd = await trained(input, await openDevice("cpu", { threads: 2 }));
      const references = await trained(input, REFERENCES);
      assert.deepEqual(simd.losses, references.losses);
      assert.deepEqual(simd.checkpoint, references.checkpoint);
    });
  }
}
