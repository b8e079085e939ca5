/**
 * A device that cannot hold the plan: what was planned, what there is, and what would fit.
 *
 * @module
 */
import assert from "node:assert/strict";
import { DeviceMemoryError } from "../lib/core/errors.ts";
import { probeAvailableBytes } from "../lib/runtime/gpu/probe_memory.ts";
import { openGpu, requestAdapter } from "../lib/runtime/gpu/device.ts";
import { peakMemory } from "../lib/program/memory/peak.ts";
import { plan } from "../lib/program/plan.ts";
import type { Program } from "../lib/program/program.ts";
import { resolveRecipe } from "../lib/recipe/load.ts";
import { train } from "../lib/train/train.ts";
import { withMemoryAdvice } from "../lib/train/loop/memory_advice.ts";
import { ROOT } from "./support/command.ts";

const ignore = await requestAdapter() === null;

const recipeOf = (batch: number, width: number, more: object = {}) => ({
  data: { format: "glyphs" as const, size: 28, train: batch, test: 8 },
  model: { name: "cnn" as const, width },
  train: { batch, max_steps: 1, schedule: { name: "constant" as const } },
  quantize: { calibration_batches: 0, scheduler: "host" as const },
  ...more,
});
const DATA = { shape: [28, 28, 1], classes: 10, mean: [0.5], std: [0.5] } as const;

function explained(recipe: ReturnType<typeof recipeOf>, error: DeviceMemoryError) {
  const whole = resolveRecipe(recipe), { program } = plan(whole, DATA);
  const found = withMemoryAdvice(error, whole, DATA, program);
  assert.ok(found instanceof DeviceMemoryError && found.exitCode === 1);
  assert.equal(found.message.includes("\n"), false);
  return { message: found.message, program, whole };
}

const largest = ({ buffers, layout }: Program) =>
  Math.max(...buffers.map((b) => b.bytes), ...layout?.regions ?? []);

Deno.test("memory that is too little: the budget that is named is kept, and how is said", () => {
  const recipe = recipeOf(64, 32),
    needs = peakMemory(plan(resolveRecipe(recipe), DATA).program).total;
  const { message, whole } = explained(recipe, new DeviceMemoryError("", needs * 0.9));
  assert.match(
    message,
    /^out of memory: the plan needs [\d.]+ MiB \(parameters and optimizer .*\), but the device gives [\d.]+ MiB\. memory=(\d+)KiB would fit \(micro-batches of (\d+)\), or train\.batch=\2$/,
  );
  const memory = Number(/memory=(\d+)KiB/.exec(message)![1]) * 1024;
  const { program } = plan({ ...whole, memory }, DATA);
  assert.ok(peakMemory(program).total <= memory && memory <= needs * 0.9);
  assert.equal(program.batch, Number(/micro-batches of (\d+)/.exec(message)![1]));
});

Deno.test("a buffer above the limit: the largest micro-batch that keeps it", () => {
  const recipe = recipeOf(64, 32), limit = 2 ** 20;
  const { message, program, whole } = explained(
    recipe,
    new DeviceMemoryError("", undefined, limit),
  );
  assert.ok(largest(program) > limit);
  assert.match(message, /but one buffer may take 1 MiB here, and .+ takes [\d.]+ MiB\. train\./);
  const micro = Number(/train\.micro_batch=(\d+) would fit, or train\.batch=\1$/.exec(message)![1]);
  const of = (micro_batch: number) =>
    largest(plan({ ...whole, train: { ...whole.train, micro_batch } }, DATA).program);
  assert.ok(of(micro) <= limit && of(2 * micro) > limit);
});

Deno.test("where nothing would fit, or nobody knows how much there is, that is said", () => {
  const recipe = recipeOf(8, 32);
  const none = explained(recipe, new DeviceMemoryError("", 100_000)).message;
  assert.match(
    none,
    /but the device gives 97\.7 KiB\. memory: the least that this network needs is /,
  );
  const unknown = explained(recipe, new DeviceMemoryError("")).message;
  assert.match(unknown, /but the device ran out of memory\. memory=\d+KiB would fit/);
  const other = new Error("something else");
  const whole = resolveRecipe(recipe);
  assert.equal(withMemoryAdvice(other, whole, DATA, plan(whole, DATA).program), other);
});

Deno.test(
  { name: "a device is asked for what it gives, and keeps none of it", ignore },
  async () => {
    const { device } = await openGpu();
    assert.equal(await probeAvailableBytes(device, 100e6), 100e6);
    assert.equal(await probeAvailableBytes(device, 5), 5);
    device.destroy();
  },
);

Deno.test(
  { name: "a plan above the adapter's limit ends before anything is made", ignore },
  async () => {
    const run = async () => {
      for await (const _ of train(recipeOf(1024, 256), { device: "gpu" }));
    };
    const limit = (await openGpu()).device.limits.maxStorageBufferBindingSize;
    if (limit > 2 ** 27) return;
    await assert.rejects(
      run(),
      /^DeviceMemoryError: out of memory: the plan needs .*128 MiB.* train\.micro_batch=512 would fit/,
    );
  },
);

Deno.test({
  name: "a process with a limit on its memory: the line says what fits, and that trains",
  ignore: ignore || Deno.build.os !== "linux" || !await has("prlimit"),
  fn: async () => {
    const run = async (mib: number, more: object) => {
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: [
          "run",
          "-A",
          "--no-check",
          `${ROOT}tests/support/limited.ts`,
          JSON.stringify(recipeOf(4096, 16, more)),
          `${mib}`,
        ],
        env: { NO_COLOR: "1" },
      }).output();
      const decoder = new TextDecoder();
      return { code, out: decoder.decode(stdout), errors: decoder.decode(stderr) };
    };
    const { code, errors } = await run(150, {});
    assert.equal(code, 1, errors);
    const memory =
      /^out of memory: .* but the device gives [\d.]+ MiB\. memory=(\w+) would fit \(.*\n$/
        .exec(errors)?.[1];
    assert.ok(memory, errors);
    // The software adapter compiles with the memory of the process, too.
    const again = await run(500, { memory });
    assert.deepEqual([again.code, again.errors], [0, ""]);
    assert.match(again.out, /end\n$/);
  },
});

async function has(program: string): Promise<boolean> {
  try {
    return (await new Deno.Command(program, { args: ["--version"] }).output()).success;
  } catch {
    return false;
  }
}
