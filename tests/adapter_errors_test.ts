/**
 * What WebGPU refuses ends the run with the name of the kernel; nothing passes silently.
 *
 * @module
 */
import assert from "node:assert/strict";
import { DeviceError } from "../lib/core/errors.ts";
import { openGpu, requestAdapter } from "../lib/runtime/gpu/device.ts";
import { GpuExecutor } from "../lib/runtime/gpu/executor.ts";
import { openDevice } from "../lib/runtime/device.ts";
import { type TiledStep, tilesOf } from "../lib/runtime/gpu/tile.ts";
import type { Program, Sections, Step } from "../lib/program/program.ts";
import { train } from "../lib/train/train.ts";
import { SHORT } from "./support/runs.ts";
import { withBroken } from "./support/broken_kernel.ts";
import { SOFTWARE } from "./support/tiles.ts";

const ignore = await requestAdapter() === null;

type Change = (step: Step) => Partial<TiledStep>;

/** The program with one step of it changed. */
function changed(program: Program, kernel: string, change: Change): Program {
  let done = false;
  const sections = Object.entries(program.sections).map(([name, steps]) => [
    name,
    (steps as Step[]).map((step) => {
      if (done || step.kernel.name !== kernel) return step;
      done = true;
      return { ...step, ...change(step) };
    }),
  ]);
  assert.ok(done);
  return { ...program, sections: Object.fromEntries(sections) as unknown as Sections };
}

/** Trains; what the device runs has one step changed. @returns the error that ends the run */
async function failing(kernel: string, change: Change): Promise<Error> {
  const device = await openDevice("gpu");
  const run = async () => {
    const opened = {
      ...device,
      createExecutor: async (program: Program) => {
        const wrong = changed(program, kernel, change);
        const executor = await device.createExecutor(wrong);
        // The run asks for steps of its own program.
        const steps = new Map<Step, Step>();
        const all = (p: Program) => Object.values(p.sections).flat() as Step[];
        all(program).forEach((step, i) => steps.set(step, all(wrong)[i]!));
        return new Proxy(executor, {
          get: (target, name) => {
            const value = target[name as keyof typeof target] as unknown;
            if (typeof value !== "function") return value;
            return (first: unknown, ...rest: unknown[]) =>
              value.call(
                target,
                name === "run" || name === "ready"
                  ? (first as Step[]).map((step) => steps.get(step) ?? step)
                  : first,
                ...rest,
              );
          },
        });
      },
    };
    for await (const _ of train(SHORT, { opened }));
  };
  return await run().then(() => assert.fail("it trained"), (error) => error);
}

function isOneLine(error: Error): asserts error is DeviceError {
  assert.ok(error instanceof DeviceError && error.exitCode === 1, error.stack);
  assert.equal(error.message.includes("\n"), false, error.message);
}

Deno.test(
  { name: "a dispatch that is refused is named with its kernel and layer", ignore },
  async () => {
    const error = await failing(
      "norm_forward",
      (step) => ({ tile: { ...tilesOf(step, SOFTWARE)[0]!, workgroups: [70_000, 1, 1] } }),
    );
    isOneLine(error);
    assert.match(
      error.message,
      /^the GPU failed: kernel norm_forward of norm\d* is refused: .*65535/,
    );
    assert.match(error.message, /--device cpu/);
  },
);

Deno.test(
  { name: "a buffer that is read and written at once is named likewise", ignore },
  async () => {
    const error = await failing("norm_forward", ({ buffers }) => ({
      buffers: { ...buffers, output: buffers.y! },
    }));
    isOneLine(error);
    assert.match(error.message, /kernel norm_forward of norm\d* is refused: .*conflicting usages/);
  },
);

Deno.test(
  { name: "a binding that does not fit is named before anything runs", ignore },
  async () => {
    const error = await failing("norm_forward", ({ buffers }) => ({
      buffers: { ...buffers, output: "step" },
    }));
    isOneLine(error);
    assert.match(error.message, /^kernel norm_forward of norm\d* is refused: .*usage flags/i);
  },
);

Deno.test({ name: "a kernel that does not compile is named with the line", ignore }, async () => {
  await withBroken("norm_forward", /fn main\(/, "fn main(!", async () => {
    const error = await failing("norm_forward", () => ({}));
    isOneLine(error);
    assert.match(
      error.message,
      /^kernel norm_forward does not compile, at "fn main.*": .*expected .*Use --device cpu/,
    );
  });
});

Deno.test(
  { name: "an error of no kernel is told at the next wait, once and for all", ignore },
  async () => {
    const device = await openDevice("gpu");
    const { program } = await programOf();
    const executor = await device.createExecutor(program);
    try {
      executor.write("metrics", new Uint8Array(1 << 20));
      await assert.rejects(executor.read(["metrics"]), /^DeviceError: the GPU failed: .*overrun/);
      executor.run(program.sections.weights);
      await assert.rejects(executor.read(["metrics"]), /^DeviceError: the GPU failed: .*overrun/);
    } finally {
      executor.close();
    }
  },
);

Deno.test({ name: "closing a device is no failure of it", ignore }, async () => {
  const { program } = await programOf();
  const executor = await GpuExecutor.create(await openGpu(), program);
  executor.run(program.sections.weights);
  executor.close();
  await new Promise((resolve) => setTimeout(resolve, 50));
});

async function programOf(): Promise<{ program: Program }> {
  for await (const event of train(SHORT, { device: "gpu" })) {
    if (event.type === "start") return event;
  }
  return assert.fail("no start");
}
