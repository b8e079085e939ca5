/**
 * What a step asks of WebGPU once training runs: one submit, nothing created, and no more waits than the
 * scheduler needs.
 *
 * @module
 */
import "./support/isolate.ts";
import assert from "node:assert/strict";
import { requestAdapter } from "../lib/runtime/gpu/device.ts";
import type { RecipeInput } from "../lib/recipe/recipe.ts";
import { train } from "../lib/train/train.ts";

const ignore = await requestAdapter() === null;

/** Methods that create something on the device. */
const CREATES = [
  "createBuffer",
  "createBindGroup",
  "createBindGroupLayout",
  "createPipelineLayout",
  "createShaderModule",
  "createComputePipeline",
  "createComputePipelineAsync",
  "createQuerySet",
] as const;

interface Count {
  created: number;
  submits: number;
  /** Times that something was waited for; what is waited for together counts once. */
  waits: number;
}

type Methods = Record<string, (...args: unknown[]) => unknown>;

/** Counts calls while `body` runs. */
async function counting(body: (count: Count) => Promise<void>): Promise<void> {
  const count: Count = { created: 0, submits: 0, waits: 0 }, undo: (() => void)[] = [];
  const wrap = (prototype: object, name: string, call: (result: unknown) => void) => {
    const methods = prototype as Methods, original = methods[name]!;
    methods[name] = function (...args) {
      const result = original.apply(this, args);
      call(result);
      return result;
    };
    undo.push(() => methods[name] = original);
  };
  let pending = 0;
  for (const name of CREATES) wrap(GPUDevice.prototype, name, () => count.created++);
  wrap(GPUQueue.prototype, "submit", () => count.submits++);
  wrap(GPUBuffer.prototype, "mapAsync", (result) => {
    if (pending++ === 0) count.waits++;
    (result as Promise<void>).finally(() => pending--);
  });
  try {
    await body(count);
  } finally {
    for (const restore of undo) restore();
  }
}

const STEPS = 17;

function recipeOf(quantize: NonNullable<RecipeInput["quantize"]>): RecipeInput {
  return {
    data: { format: "glyphs", size: 12, train: 8 * STEPS, test: 20 },
    model: { name: "cnn", width: 4 },
    train: { batch: 8, epochs: 1 },
    quantize,
  };
}

/** Steps that are waited for together, when they are short. */
const TOGETHER: readonly [string, NonNullable<RecipeInput["quantize"]>, number][] = [
  ["scheduler: host", { scheduler: "host" }, 1],
  ["scheduler: device", { scheduler: "device" }, 8],
  ["float32, scheduler: auto", { arithmetic: "float32", scheduler: "auto" }, 8],
];

for (const [name, quantize, together] of TOGETHER) {
  Deno.test({ name: `${name}: a step is one submit and creates nothing`, ignore }, async () => {
    await counting(async (count) => {
      let first: Count | undefined, last: Count | undefined;
      for await (const event of train(recipeOf(quantize), { device: "gpu" })) {
        if (event.type === "step") first ??= { ...count };
        if (event.type === "step") last = { ...count };
        if (event.type === "end") assert.equal(event.summary.steps, STEPS);
      }
      assert.ok(first && last && first.created > 0);
      assert.equal(
        count.created,
        first.created,
        "evaluation and the last state create nothing too",
      );
      assert.equal(last.submits - first.submits, STEPS - 1);
      // A slow machine waits more often: for no more than half a second of steps.
      const least = Math.ceil((STEPS - 1) / together), waits = last.waits - first.waits;
      assert.ok(waits >= least && waits <= STEPS - 1, `${waits} waits`);
    });
  });
}
