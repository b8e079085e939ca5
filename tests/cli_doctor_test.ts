/**
 * `qtrain doctor --report`: the block that a person pastes into an issue.
 *
 * @module
 */
import assert from "node:assert/strict";
import { reportBlock } from "../cli/doctor_report.ts";
import type { Details, Examination } from "../cli/examination.ts";
import { spread } from "../lib/bench/report.ts";
import { golden, HAS_GPU, inFolder, qtrain, type Result } from "./support/command.ts";

const NO_GPU = { VK_DRIVER_FILES: "/nonexistent", DENO_WEBGPU_BACKEND: "vulkan" };

const check = (kernel: string, result: "equal" | "close" | "wrong", largest = 0) =>
  ({ kernel, arithmetic: "int8", result, type: "codes", largest }) as const;

/** A GPU whose driver gets the native dot product wrong. */
const FOUND: Examination = {
  versions: { qtrain: "0.1.0", deno: "2.9.6", v8: "15.0", os: "windows", arch: "x86_64" },
  adapters: [{
    name: "Radeon RX 580",
    software: false,
    vendor: "4098",
    architecture: "",
    device: "26591",
    packedDot: true,
    timestamps: true,
    tiles: 12,
    features: ["shader-f16", "timestamp-query"],
    limits: {
      "invocations a workgroup": { value: 1024, base: 256, unit: "count" },
      "workgroup storage": { value: 32768, base: 16384, unit: "bytes" },
    },
  }],
  dots: { unsigned: true, native: false, emulated: true },
  tileFile: "C:\\Users\\ada\\tiles.json",
  checks: [
    check("conv_forward", "wrong", 77),
    check("pack_weights", "equal"),
    check("sgd", "close", 1),
  ],
  cpu: { threads: 8, cores: 8, simd: true, sharedMemory: true },
  cpuChecks: [check("conv_forward", "equal")],
  problems: [
    "wrong results from conv_forward int8: update the driver",
    "cannot read C:\\Users\\ada\\x",
  ],
};

const rate = (gops: number) => spread([gops]);
const DETAILS: Details = {
  osRelease: "10.0.26100",
  processor: "unknown",
  backend: "Vulkan or Direct3D 12",
  variables: { QTRAIN_NO_TUNE: "1", QTRAIN_CACHE: "set", QTRAIN_DATA: "unknown" },
  peakRates: {
    int8: rate(18400),
    float32: rate(6100),
    copy: rate(210),
    dots: { unsigned: rate(18400), native: rate(4500), emulated: rate(1500) },
  },
};

Deno.test("the report of a GPU with a wrong kernel names it, the rates and the variables", async () => {
  const block = reportBlock(FOUND, DETAILS);
  await golden("doctor_report.md", block + "\n");
  assert.ok(block.split("\n").every((line) => line.length <= 96));
  assert.doesNotMatch(block, /\bada\b/);
});

Deno.test("the report says why rates were not measured", () => {
  const { peakRates: _, ...rest } = DETAILS;
  const block = reportBlock(FOUND, { ...rest, notMeasured: "cannot time kernels" });
  assert.match(
    block,
    /^dot products +unsigned by default, native WRONG, emulated\n +not measured: cannot time kernels$/m,
  );
});

/** Runs the command in a home of its own. */
async function report(env: Record<string, string>, ...args: string[]): Promise<Result> {
  let result: Result | undefined;
  await inFolder({}, async (home) => {
    result = await qtrain(["doctor", "--report", "--threads", "2", ...args], {
      env: { HOME: home, QTRAIN_CACHE: `${home}/cache`, ...env },
    });
    assert.equal(result.stderr, "");
    assert.ok(!result.stdout.includes(home));
  });
  return result!;
}

Deno.test("doctor --report prints one block, with the rate of each dot product", {
  ignore: !HAS_GPU,
}, async () => {
  const { code, stdout } = await report({});
  assert.equal(code, 0, stdout);
  assert.match(stdout, /^```text\n[^`]+\n```\n$/);
  assert.match(stdout, /^adapter {7}\S.*, (soft|hard)ware$/m);
  assert.match(stdout, /native [\d.]+ GOP\/s/);
  assert.match(stdout, /^variables {5}QTRAIN_NO_TUNE=1, QTRAIN_NO_SELF_TEST=1, QTRAIN_CACHE=set$/m);
  assert.match(stdout, /^problems {6}none$/m);
});

Deno.test("without an adapter the block says so, in text and as JSON", async () => {
  const { code, stdout } = await report(NO_GPU);
  assert.equal(code, 0);
  assert.match(stdout, /^adapter {7}none: no Vulkan, Metal or Direct3D 12 driver was found$/m);
  assert.match(stdout, /^self-test {5}all \d+ equal$/m);
  const json = JSON.parse((await report(NO_GPU, "--json")).stdout);
  assert.deepEqual([json.adapters, json.dots, json.peak_rates], [[], {}, null]);
  assert.deepEqual(json.variables.QTRAIN_CACHE, "set");
  assert.equal("tile_file" in json, false);
});
