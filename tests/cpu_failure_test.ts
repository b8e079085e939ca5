/**
 * The CPU executor where the runtime lacks something, the memory is too small, or a thread dies: one line,
 * and the last checkpoint stays.
 *
 * @module
 */
import assert from "node:assert/strict";
import { DeviceError } from "../lib/core/errors.ts";
import { plan } from "../lib/program/plan.ts";
import { resolveRecipe } from "../lib/recipe/load.ts";
import type { Program, Step } from "../lib/program/program.ts";
import { cpuMemory } from "../lib/program/memory/cpu_memory.ts";
import { threadsWithin, tooLarge } from "../lib/runtime/cpu/memory.ts";
import { cpuDevice, type Device, openDevice } from "../lib/runtime/device.ts";
import { RunFolder } from "../lib/train/run_folder/run_folder.ts";
import { CASES } from "./support/cases.ts";
import { inFolder as inFiles, ROOT } from "./support/command.ts";
import { programOf } from "./support/networks.ts";
import { inFolder, runOf, SHORT } from "./support/runs.ts";

const RECIPE = {
  ...SHORT,
  train: { ...SHORT.train, epochs: 3 },
} as const;

const ALL = { simd: true, sharedMemory: true, cores: 8 };

Deno.test("there is a thread for each core, or as many as are asked for; without shared memory, one", () => {
  const name = (threads: number | undefined, support: Partial<typeof ALL>) =>
    cpuDevice(threads === undefined ? {} : { threads }, { ...ALL, ...support }).name;
  assert.equal(name(undefined, {}), "CPU (WASM SIMD, 8 threads)");
  assert.equal(name(undefined, { cores: 1000 }), "CPU (WASM SIMD, 256 threads)");
  assert.equal(name(3, {}), "CPU (WASM SIMD, 3 threads)");
  const alone = { sharedMemory: false };
  assert.equal(name(undefined, alone), "CPU (WASM SIMD, 1 thread)");
  assert.equal(name(1, alone), "CPU (WASM SIMD, 1 thread)");
  assert.throws(() => name(2, alone), {
    name: "DeviceError",
    message: "this runtime has no SharedArrayBuffer, which 2 threads need: expected --threads 1",
  });
});

Deno.test("without shared memory a run has one thread and ends in the same bits", async () => {
  const { SharedArrayBuffer } = globalThis;
  const whole = await runOf(RECIPE, { opened: cpuDevice({ threads: 3 }) });
  Reflect.deleteProperty(globalThis, "SharedArrayBuffer");
  try {
    const { end } = await runOf(RECIPE, { opened: cpuDevice({}) });
    assert.equal(end.summary.adapter, "CPU (WASM SIMD, 1 thread)");
    assert.deepEqual(end.state, whole.end.state);
  } finally {
    globalThis.SharedArrayBuffer = SharedArrayBuffer;
  }
});

Deno.test("a number of threads that cannot be is refused", async () => {
  for (const threads of [0, -1, 1.5, NaN, 257]) {
    await assert.rejects(openDevice("cpu", { threads }), {
      name: "UsageError",
      message: `threads: expected a whole number from 1 to 256, got ${threads}`,
    });
  }
});

Deno.test({
  name: "a runtime without WebAssembly SIMD says so in one line, and check works there",
  ignore: Deno.build.arch !== "x86_64", // Its V8 has a switch for it.
  fn: async () => {
    const recipe = "data: { format: glyphs, size: 12, train: 32, test: 16 }\n" +
      "model: { name: cnn, width: 4 }\ntrain: { batch: 32 }\n";
    await inFiles({ "r.yaml": recipe }, async (cwd) => {
      const run = async (...args: string[]) => {
        const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
          args: ["run", "-A", "--v8-flags=--no-enable-sse4-1", `${ROOT}cli/main.ts`, ...args],
          cwd,
          env: { NO_COLOR: "1" },
        }).output();
        const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
        return { code, stdout: out!, stderr: err! };
      };
      assert.deepEqual(await run("r.yaml", "--device", "cpu"), {
        code: 1,
        stdout: "",
        stderr: "this runtime has no WebAssembly SIMD, which the CPU executor needs: expected a " +
          "processor with SSE4.1 or NEON. Use --device gpu\n",
      });
      const checked = await run("check", "r.yaml");
      assert.deepEqual([checked.code, checked.stderr], [0, ""]);
      const doctor = await run("doctor", "--json");
      assert.deepEqual([doctor.code, doctor.stderr], [1, ""]);
      const { cpu, problems } = JSON.parse(doctor.stdout);
      assert.deepEqual([cpu.simd, cpu.threads], [false, 0]);
      assert.match(problems.join(), /^this runtime has no WebAssembly SIMD, which the CPU exec/);
    });
  },
});

Deno.test("a limit on memory lowers the number of threads, or is refused with what is needed", () => {
  const planned = programOf(CASES[0]!, "int8"), { sections } = planned;
  const forward = sections.forward.map((step) => ({
    ...step,
    kernel: { ...step.kernel, simd: { parts: () => [1], scratch: () => 100_000 } },
  }));
  const program = { ...planned, sections: { ...sections, forward } };
  const needs = (threads: number) => cpuMemory(program, threads).total;
  assert.equal(threadsWithin(program, 200, 0), 200);
  assert.equal(threadsWithin(program, 200, needs(200)), 200);
  const few = threadsWithin(program, 200, needs(5));
  assert.ok(needs(few) <= needs(5) && few >= 5 && needs(few + 1) > needs(5), `${few}`);
  assert.throws(() => threadsWithin(program, 2, needs(1) - 1), {
    name: "DeviceError",
    message: /^memory: the CPU executor needs [\d.]+ \w+ with one thread \(buffers .*\. Allow more/,
  });
});

Deno.test("a plan within a limit leaves room for one thread of the CPU, and a run keeps the limit", async () => {
  const memory = 1_300_000, threads = 64, lines: string[] = [];
  const recipe = {
    ...SHORT,
    memory,
    data: { ...SHORT.data, size: 28, train: 64 },
    train: { batch: 64 },
  };
  const planned = plan(resolveRecipe(recipe), {
    shape: [28, 28, 1],
    classes: 10,
    mean: [0.5],
    std: [0.5],
  });
  assert.ok(planned.program.recomputed?.length || planned.program.micros > 1, "the limit binds");
  assert.ok(cpuMemory(planned.program, 1).total <= memory);
  const { end, warnings } = await runOf({ ...recipe, train: { ...recipe.train, max_steps: 1 } }, {
    opened: cpuDevice({ threads, warn: (text) => void lines.push(text) }, ALL),
  });
  assert.ok(end.summary.peak_memory_bytes <= memory, `${end.summary.peak_memory_bytes}`);
  assert.deepEqual(warnings, []);
  assert.match(
    lines.join(),
    /^memory: the limit leaves room for \d+ of 64 threads, so these are used$/,
  );
});

Deno.test("4 GiB are the most that the CPU executor can have", () => {
  assert.equal(tooLarge(2 ** 32), undefined);
  assert.match(
    tooLarge(2 ** 32 + 1)!,
    /^the network and its batch need 4\.0 GiB, and the CPU exec/,
  );
});

Deno.test("a plan above 4 GiB ends in one line, with what would fit", async () => {
  const recipe = {
    data: { format: "glyphs", size: 28, train: 4096, test: 8 },
    model: { name: "cnn", width: 1024 },
    train: { batch: 4096, max_steps: 1 },
  } as const;
  await assert.rejects(runOf(recipe, { device: "cpu" }), {
    name: "DeviceMemoryError",
    message:
      /^out of memory: the plan needs [\d.]+ GiB \(.*\), but the device gives 4 GiB\. memory=\d+MiB would fit \(.*micro-batches of \d+\), or train\.batch=\d+$/,
  });
});

Deno.test("a program that has trained in several threads ends by itself", async () => {
  const script = `import { train } from "${ROOT}mod.ts";
    const recipe = { data: { format: "glyphs", size: 12, train: 16, test: 8 }, model: { name: "cnn", width: 4 },
      train: { batch: 8, max_steps: 1 } };
    for (let i = 0; i < 2; i++) for await (const _ of train(recipe, { device: "cpu", threads: 4 }));
    console.log("trained");`;
  await inFiles({ "train.ts": script }, async (cwd) => {
    const { code, stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "train.ts"],
      cwd,
      signal: AbortSignal.timeout(30_000),
    }).output();
    assert.deepEqual([code, new TextDecoder().decode(stdout)], [0, "trained\n"]);
  });
});

/** A device on which a broken step runs before the step of a training that is counted as `at`, from 0. */
function failing(
  at: number,
  change: (program: Program) => { program: Program; broken: Step },
): Device {
  const device = cpuDevice({ threads: 2 });
  return {
    ...device,
    createExecutor: async (planned) => {
      const { program, broken } = change(planned);
      const executor = await device.createExecutor(program);
      const run = executor.run.bind(executor);
      let updates = 0;
      executor.run = (steps, ...more) => {
        const trains = steps.some(({ kernel }) => kernel.name === "sgd");
        if (trains && updates++ === at) run([broken]);
        return run(steps, ...more);
      };
      return executor;
    },
  };
}

/** A program with a step whose record has a number that no kernel can have. */
function withTrap(program: Program): { program: Program; broken: Step } {
  const good = program.sections.forward.find(({ kernel }) => kernel.name === "norm_forward")!;
  assert.ok(good.kernel.simd);
  const broken = { ...good, constants: { ...good.constants, PIXELS: 2 ** 27 } };
  const { exchange } = program.sections;
  return {
    program: { ...program, sections: { ...program.sections, exchange: [...exchange, broken] } },
    broken,
  };
}

Deno.test("a trap in WebAssembly ends the run in one line; it resumes to the bits of a whole one", () =>
  inFolder(async (out) => {
    const whole = await runOf(RECIPE, { device: "cpu" });
    const steps = whole.losses.length / 3;
    await assert.rejects(
      runOf(RECIPE, { opened: failing(2 * steps, withTrap), out }),
      (error) => {
        assert.ok(error instanceof DeviceError && error.exitCode === 1);
        assert.match(
          error.message,
          /^a thread of the CPU executor failed: (memory access out of bounds|divide by zero)\. A run that has a checkpoint goes on from it with --resume; qtrain doctor tests the kernels$/,
        );
        return true;
      },
    );
    const [latest] = await (await RunFolder.open(out)).checkpoints();
    assert.equal(latest!.step, 2 * steps, "the last checkpoint is kept");
    const resumed = await runOf(RECIPE, { device: "cpu", out, resume: true });
    assert.deepEqual(resumed.end.state, whole.end.state);
  }));

for (const [module, what] of [["follower.ts", "follows"], ["leader.ts", "leads"]] as const) {
  Deno.test(`a thread that ${what} and dies ends the run in one line`, async () => {
    const { Worker } = globalThis;
    globalThis.Worker = class extends Worker {
      constructor(url: string | URL, options?: WorkerOptions) {
        const dies = "data:text/javascript,onmessage = () => { throw new Error('it died') }";
        super(`${url}`.endsWith(`/${module}`) ? dies : url, options);
      }
    };
    try {
      await assert.rejects(
        runOf(RECIPE, { opened: cpuDevice({ threads: 3 }) }),
        /^DeviceError: a thread of the CPU executor failed: it died\. A run that has/,
      );
    } finally {
      globalThis.Worker = Worker;
    }
  });
}
