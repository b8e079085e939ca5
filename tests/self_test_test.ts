/**
 * The self-test of an adapter finds a kernel that is wrong, and OpenGL does not train without it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { DeviceError } from "../lib/core/errors.ts";
import { DOT } from "../kernels/define_kernel.ts";
import { dotsOf, openGpu } from "../lib/runtime/gpu/device.ts";
import { kernels, simdKernels } from "../kernels/mod.ts";
import { rememberPassed, untestedKernels } from "../lib/runtime/self_test/cache.ts";
import { testDots } from "../lib/runtime/self_test/dot_products.ts";
import { selfTest, selfTestCpu } from "../lib/runtime/self_test/self_test.ts";
import type { Program } from "../lib/program/program.ts";
import { openDevice } from "../lib/runtime/device.ts";
import { openTestedDevice } from "../lib/runtime/open_tested_device.ts";
import { train } from "../lib/train/train.ts";
import { withBroken, withDriver } from "./support/broken_kernel.ts";
import { HAS_GPU, inFolder, qtrain } from "./support/command.ts";
import { withCache } from "./support/isolate.ts";
import { CASES } from "./support/cases.ts";
import { programOf } from "./support/networks.ts";
import { QUANTIZER_KERNELS } from "./support/quantizer_kernels.ts";
import { EMULATED } from "./support/tiles.ts";

/** Whether the adapter is that of OpenGL, which int8 always tests (`deno task test:drivers`). */
const OPEN_GL = Deno.env.get("DENO_WEBGPU_BACKEND") === "gl";
/** What is advised where the self-test fails. */
const REMEDY = OPEN_GL ? "Install a Vulkan driver .*--device cpu" : "Update .*--device cpu";

/** Simulated arithmetic runs the float32 kernels; what it has of its own is asked. */
const SIMULATED = ["norm_forward", "pack_weights", "per_channel_weight_range"];

Deno.test("the self-test asks every kernel, in int8 and in float32, and this adapter passes", {
  ignore: !HAS_GPU,
}, async () => {
  const checks = await selfTest();
  const of = (arithmetic: string) =>
    checks.filter((c) => c.arithmetic === arithmetic).map((c) => c.kernel).sort();
  const all = [...kernels.keys()].sort();
  assert.deepEqual(of("int8"), all.filter((k) => k !== "per_channel_weight_range"));
  assert.deepEqual(of("simulated"), SIMULATED);
  assert.deepEqual(of("float32"), all.filter((k) => !QUANTIZER_KERNELS.includes(k)));
  assert.deepEqual(checks.filter((c) => c.result === "wrong"), []);
});

Deno.test("the CPU's self-test asks every SIMD kernel, and one wrong bit is wrong", async () => {
  for (const threads of [1, 3]) {
    const checks = await selfTestCpu(threads);
    assert.deepEqual(checks.filter((c) => c.result !== "equal"), []);
    const asked = new Set(checks.map((c) => c.kernel));
    assert.deepEqual([...asked].sort(), simdKernels.map(({ name }) => name).sort());
  }
  const kernel = kernels.get("norm_forward") as { reference: (...args: never[]) => void };
  const { reference } = kernel;
  // The leading thread has kernels of its own, so only what it is compared with changes.
  kernel.reference = (...[constants, buffers]: unknown[]) => {
    reference(constants as never, buffers as never);
    (buffers as { output: { bytes: Uint8Array } }).output.bytes[0]! ^= 1;
  };
  try {
    const wrong = (await selfTestCpu(2)).filter((c) => c.result === "wrong");
    assert.deepEqual([...new Set(wrong.map((c) => c.kernel))], ["norm_forward"]);
  } finally {
    kernel.reference = reference;
  }
});

/** A program, as far as its self-test goes. */
function withKernels(...names: string[]): Program {
  const program = programOf(CASES[0]!, "int8"), { sections } = program;
  const steps = names.map((name) => ({ ...sections.forward[0]!, kernel: kernels.get(name)! }));
  const none = Object.fromEntries(Object.keys(sections).map((name) => [name, []]));
  return { ...program, sections: { ...none, forward: steps } as unknown as Program["sections"] };
}

/** Shaders that are compiled while `body` runs. */
async function compiled(body: () => Promise<unknown>): Promise<number> {
  let count = 0;
  await withDriver((code) => (count++, code), async () => void await body());
  return count;
}

for (const arithmetic of ["int8", "simulated", "float32"] as const) {
  Deno.test(`each kernel of ${arithmetic} can be asked alone, in one trial`, {
    ignore: !HAS_GPU,
  }, async () => {
    const all = [...kernels.keys()];
    const checks = await selfTest({}, { arithmetic, kernels: new Set(kernels.values()) });
    assert.deepEqual(checks.filter((c) => c.result === "wrong"), []);
    const asked = new Set(checks.map((c) => c.kernel));
    const left = all.filter((kernel) => !asked.has(kernel));
    if (arithmetic === "int8") assert.deepEqual(left, ["per_channel_weight_range"]);
    if (arithmetic === "simulated") assert.deepEqual(left, []);
    if (arithmetic === "float32") assert.deepEqual(left.sort(), [...QUANTIZER_KERNELS].sort());
    const one = await selfTest({}, {
      arithmetic,
      kernels: new Set([kernels.get("norm_forward")!]),
    });
    assert.deepEqual(one.map((c) => c.kernel), ["norm_forward"]);
  });
}

Deno.test("an adapter is asked for what it has not answered yet, and only that", {
  ignore: !HAS_GPU,
}, () =>
  withCache(async (folder) => {
    const open = async (...names: string[]) => {
      const options = { selfTest: true };
      const device = await openTestedDevice("gpu", withKernels(...names), options);
      device.gpu!.device.destroy();
    };
    assert.equal(await compiled(() => open("max_pool_forward", "sgd")), 2 + 3, "3 dot products");
    assert.equal(await compiled(() => open("max_pool_forward", "sgd")), 0);
    assert.equal(await compiled(() => open("sgd", "add_forward")), 1);
    assert.ok((await Deno.stat(`${folder}/self_test.json`)).isFile);
    const gpu = await openGpu(), edge = { ...gpu, target: EMULATED };
    gpu.device.destroy();
    const both = withKernels("sgd", "add_forward");
    assert.deepEqual(await untestedKernels(both, gpu), new Set());
    assert.equal((await untestedKernels(both, edge)).size, 2, "other code was compiled");
    assert.equal((await untestedKernels({ ...both, arithmetic: "float32" }, gpu)).size, 2);
    const later = Date.now() + 31 * 86_400_000;
    assert.equal(
      (await untestedKernels(both, gpu, later)).size,
      2,
      "the driver may be another by now",
    );
    await Deno.writeTextFile(`${folder}/self_test.json`, "{");
    assert.equal((await untestedKernels(both, gpu)).size, 2);
  }));

Deno.test({
  name: "where the cache may not be read or written, the adapter is asked each time, in silence",
  ignore: !HAS_GPU,
  permissions: { read: true, write: false, env: ["XDG_RUNTIME_DIR", "DENO_WEBGPU_BACKEND"] },
  fn: async () => {
    const gpu = await openGpu();
    gpu.device.destroy();
    await rememberPassed("int8", [kernels.get("sgd")!], gpu);
    assert.deepEqual(
      await untestedKernels(withKernels("sgd"), gpu),
      new Set([kernels.get("sgd")!]),
    );
  },
});

Deno.test("a wrong kernel ends a training before its first step, and is asked again next time", {
  ignore: !HAS_GPU,
}, () =>
  withCache(async (folder) => {
    const recipe = {
      data: { format: "glyphs", size: 12, train: 32, test: 8 },
      model: { name: "cnn", width: 4 },
      train: { batch: 8, max_steps: 1 },
    } as const;
    const run = async () => {
      for await (const _ of train(recipe, { device: "gpu", selfTest: true }));
    };
    await withBroken("norm_forward", /\(wide\), zy\)/, "(wide), za)", async () => {
      for (let i = 0; i < 2; i++) {
        await assert.rejects(run(), (error) => {
          assert.ok(error instanceof DeviceError && error.exitCode === 1);
          assert.match(error.message, RegExp(`wrong results from norm_forward\\. ${REMEDY}`));
          assert.equal(error.message.includes("\n"), false);
          return true;
        });
      }
      const remembered = await Deno.readTextFile(`${folder}/self_test.json`);
      assert.match(remembered, /"dot products"/);
      assert.doesNotMatch(remembered, /"int8 /, "no kernel");
      Deno.env.set("QTRAIN_NO_SELF_TEST", "1");
      const untested = run().finally(() => Deno.env.delete("QTRAIN_NO_SELF_TEST"));
      await (OPEN_GL ? assert.rejects(untested, /through OpenGL/) : untested);
    });
    await run();
    assert.ok((await Deno.stat(`${folder}/self_test.json`)).isFile);
  }));

Deno.test("the command line asks the adapter, and remembers that it did", {
  ignore: !HAS_GPU,
}, () =>
  inFolder({}, async (folder) => {
    const recipe = ["configs/quickstart.yaml", "data.train=32", "data.test=8", "train.batch=8"];
    const options = ["--device", "gpu", "--quiet", "--out", `${folder}/run`];
    const args = [...recipe, "train.max_steps=1", ...options];
    const env = { QTRAIN_NO_SELF_TEST: "", QTRAIN_CACHE: `${folder}/cache` };
    const { code, stderr } = await qtrain(args, { env });
    assert.deepEqual([code, stderr], [0, ""]);
    assert.ok((await Deno.stat(`${folder}/cache/self_test.json`)).isFile);
  }));

Deno.test("a wrong kernel is named, and keeps OpenGL from training in int8", {
  ignore: !HAS_GPU,
}, () =>
  withCache(async () => {
    const before = Deno.env.get("DENO_WEBGPU_BACKEND");
    await withBroken("max_pool_forward", /max\(/, "min(", async () => {
      // Read by wgpu at the first request only: the adapter stays what it is.
      Deno.env.set("DENO_WEBGPU_BACKEND", "vulkan,gl");
      try {
        const program = withKernels("max_pool_forward");
        await assert.rejects(openTestedDevice("gpu", program), (error) => {
          assert.ok(error instanceof DeviceError);
          assert.match(error.message, /through OpenGL: .* wrong results from max_pool_forward\. /);
          return true;
        });
      } finally {
        if (before === undefined) Deno.env.delete("DENO_WEBGPU_BACKEND");
        else Deno.env.set("DENO_WEBGPU_BACKEND", before);
      }
    });
  }));

/** What a driver makes of each way of dot products if it gets that one wrong. */
const WRONG = {
  native: (code: string) => code.replaceAll("dot4I8Packed(", "-dot4I8Packed("),
  unsigned: (code: string) => code.replaceAll("dot4U8Packed(", "~dot4U8Packed("),
  emulated: (code: string) => code.replaceAll("p.x + p.y + p.z + p.w", "p.x + p.y + p.z"),
};

/** Opens a device for a convolution, with its self-test; returns its dot products and the warnings. */
async function openedDots(): Promise<{ dots: readonly number[]; warnings: string[] }> {
  const warnings: string[] = [], warn = (text: string) => void warnings.push(text);
  const program = withKernels("conv_forward", "sgd");
  const { gpu } = await openTestedDevice("gpu", program, { selfTest: true, warn });
  gpu!.device.destroy();
  return { dots: gpu!.target.dots, warnings };
}

/** The dot products of a device that is opened without a self-test. */
async function untestedDots(): Promise<readonly number[]> {
  const { gpu } = await openDevice("gpu");
  gpu!.device.destroy();
  return gpu!.target.dots;
}

for (
  const { wrong, dots, says } of [
    {
      wrong: ["native"],
      dots: [DOT.unsigned, DOT.emulated],
      says: /dot4I8Packed, .* dot4U8Packed/,
    },
    {
      wrong: ["native", "unsigned"],
      dots: [DOT.emulated],
      says: /dot4I8Packed, .*single products/,
    },
    { wrong: ["unsigned"], dots: [DOT.native, DOT.emulated], says: undefined },
  ] as const
) {
  Deno.test(`a driver that gets ${wrong.join(" and ")} dot products wrong trains with another`, {
    ignore: !HAS_GPU,
  }, () =>
    withCache(async (folder) => {
      const all = await untestedDots();
      assert.deepEqual(all, [DOT.native, DOT.unsigned, DOT.emulated]);
      const driver = (code: string) => wrong.reduce((code, way) => WRONG[way](code), code);
      await withDriver(driver, async () => {
        const first = await openedDots();
        assert.deepEqual(first.dots, dots);
        assert.equal(first.warnings.length, says ? 1 : 0, first.warnings.join("; "));
        if (says) assert.match(first.warnings[0]!, says);
        // The next run, and one without a self-test, know it.
        assert.equal(
          await compiled(async () => {
            assert.deepEqual(await openedDots(), { dots, warnings: [] });
          }),
          0,
        );
        assert.deepEqual(await untestedDots(), dots);
      });
      // The driver was updated: what is remembered is too old, and found right again.
      await withDriver((code) => code, async () => {
        const path = `${folder}/self_test.json`, text = await Deno.readTextFile(path);
        await Deno.writeTextFile(path, text.replaceAll(/"day": \d+/g, '"day": 1'));
        assert.deepEqual(await openedDots(), { dots: all, warnings: [] });
        assert.deepEqual(await untestedDots(), all);
      });
    }));
}

Deno.test("a driver that gets dot products wrong in one kernel alone trains with the next way", {
  ignore: !HAS_GPU,
}, () =>
  withCache(() =>
    withDriver(
      (code, label) => label === "conv_forward" ? WRONG.native(code) : code,
      async () => {
        const { dots, warnings } = await openedDots();
        assert.deepEqual(dots, [DOT.unsigned, DOT.emulated]);
        assert.equal(warnings.length, 1);
        assert.match(warnings[0]!, /wrong results from conv_forward with dot4I8Packed/);
        assert.deepEqual(await openedDots(), { dots, warnings: [] });
      },
    )
  ));

Deno.test("a driver that gets every dot product wrong is refused, and nothing is remembered", {
  ignore: !HAS_GPU,
}, () =>
  withCache((folder) =>
    withDriver(
      (code) => Object.values(WRONG).reduce((code, way) => way(code), code),
      async () => {
        const warnings: string[] = [], warn = (text: string) => void warnings.push(text);
        const program = withKernels("conv_forward", "sgd");
        await assert.rejects(openTestedDevice("gpu", program, { selfTest: true, warn }), {
          name: "DeviceError",
          message: RegExp(`self-test failed: wrong results from conv_forward\\. ${REMEDY}`),
        });
        assert.deepEqual(warnings, []);
        await assert.rejects(Deno.stat(`${folder}/self_test.json`), Deno.errors.NotFound);
      },
    )
  ));

Deno.test("each way of dot products is tested, and a refused one is not right", {
  ignore: !HAS_GPU,
}, async () => {
  const right = [[DOT.native, true], [DOT.unsigned, true], [DOT.emulated, true]];
  assert.deepEqual([...await testDots()], right);
  assert.deepEqual([...await testDots({ limits: "edge" })], [[DOT.emulated, true]]);
  const refused = (code: string) => code.replaceAll("dot4U8Packed", "dot4U8Pcked");
  await withDriver(refused, async () => {
    assert.deepEqual([...await testDots()].map(([, right]) => right), [true, false, true]);
  });
});

Deno.test("AMD's GPUs try unsigned dot products first; Deno gives vendors as decimal numbers", {
  ignore: !HAS_GPU,
}, () => {
  assert.deepEqual(dotsOf("4098", false), [DOT.unsigned, DOT.native, DOT.emulated]);
  for (const vendor of ["4318", "32902", "65541", "0", ""]) {
    assert.deepEqual(dotsOf(vendor, false), [DOT.native, DOT.unsigned, DOT.emulated]);
  }
  assert.deepEqual(dotsOf("4098", true), [DOT.emulated]);
});
