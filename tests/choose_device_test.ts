/**
 * What `--device auto` takes.
 *
 * @module
 */
import "./support/isolate.ts";
import assert from "node:assert/strict";
import { DeviceError } from "../lib/core/errors.ts";
import { type AutoOptions, openAuto, stepMilliseconds } from "../lib/runtime/choose_device.ts";
import type { Device, DeviceChoice } from "../lib/runtime/device.ts";
import { openDevice } from "../lib/runtime/device.ts";
import { type Gpu, isSoftware } from "../lib/runtime/gpu/device.ts";
import { CASES } from "./support/cases.ts";
import { HAS_GPU } from "./support/command.ts";
import { withCache } from "./support/isolate.ts";
import { programOf } from "./support/networks.ts";

Deno.test("software adapters are told from hardware by their names, or by what they say", () => {
  const named = (description: string, device = "0", isFallbackAdapter = false) =>
    isSoftware({ description, device, isFallbackAdapter });
  for (
    const name of [
      "llvmpipe (LLVM 15.0.6, 256 bits)",
      "SwiftShader Device (Subzero)",
      "Microsoft Basic Render Driver",
      "Microsoft Direct3D WARP",
    ]
  ) assert.ok(named(name), name);
  assert.ok(named("", "llvmpipe"));
  assert.ok(named("a driver of tomorrow", "0", true));
  for (
    const name of [
      "NVIDIA GeForce RTX 4090",
      "AMD Radeon RX 7600 (RADV NAVI33)",
      "Intel(R) Iris(R) Xe Graphics (TGL GT2)",
      "Apple M2",
      "V3D 7.1.7",
    ]
  ) assert.ok(!named(name), name);
});

/** A machine with a GPU and a CPU of given speed. */
class Machine {
  /** What happened: devices opened, timed and destroyed. */
  readonly calls: string[] = [];
  readonly warnings: string[] = [];
  now = 1e12;

  constructor(
    readonly times: { gpu: number | Error; cpu: number | Error },
    readonly hasGpu = true,
  ) {}

  /** Opens the device of `auto` and returns its kind, with what was timed. */
  async choose(options: AutoOptions = { tiles: "timed" }, program = PROGRAM): Promise<string> {
    this.calls.length = this.warnings.length = 0;
    const warn = (text: string) => void this.warnings.push(text);
    const { kind } = await openAuto(program, { ...options, warn }, {
      open: (choice) => Promise.resolve(this.#open(choice)),
      time: ({ kind }) => {
        this.calls.push(`time ${kind}`);
        const time = this.times[kind];
        return time instanceof Error ? Promise.reject(time) : Promise.resolve(time);
      },
      now: () => this.now,
    });
    return [kind, ...this.calls].join(", ");
  }

  #open(choice: DeviceChoice): Device {
    const createExecutor = () => Promise.reject(new Error("nothing is run"));
    if (choice === "cpu" || !this.hasGpu) {
      return { kind: "cpu", name: "CPU of 3 threads", createExecutor };
    }
    const info = { vendor: "v", architecture: "a", device: "d", description: "Board 5" };
    const device = { destroy: () => this.calls.push("destroy") };
    return {
      kind: "gpu",
      name: "Board 5",
      createExecutor,
      gpu: { info, device } as unknown as Gpu,
      reopen: () => {
        this.calls.push("reopen");
        return Promise.resolve(this.#open("gpu"));
      },
    };
  }
}

const PROGRAM = programOf(CASES[0]!, "int8");

Deno.test("auto times a step of each device once, takes the faster one and says why", () =>
  withCache(async (folder) => {
    const slow = new Machine({ gpu: 120.4, cpu: 57.123 });
    assert.equal(await slow.choose(), "cpu, time cpu, time gpu");
    const why =
      "auto takes the CPU of 3 threads: a step takes 57.1 ms there and 120 ms on Board 5 " +
      "(--device gpu)";
    assert.deepEqual(slow.warnings, [why]);
    assert.equal(await slow.choose(), "cpu, destroy", "it is remembered");
    assert.deepEqual(slow.warnings, [why]);
    const other = programOf(CASES[1]!, "int8");
    slow.times.gpu = 9;
    assert.equal(await slow.choose(undefined, other), "gpu, time cpu, time gpu, reopen");
    assert.deepEqual(slow.warnings, [
      "auto takes Board 5: a step takes 9.00 ms there and 57.1 ms on the CPU of 3 threads",
    ]);
    assert.equal(await slow.choose(undefined, other), "gpu");
    slow.now += 31 * 86_400_000;
    assert.equal(
      await slow.choose(),
      "gpu, time cpu, time gpu, reopen",
      "the driver may be another",
    );
    await Deno.writeTextFile(`${folder}/devices.json`, "{");
    assert.equal(
      await slow.choose(),
      "gpu, time cpu, time gpu, reopen",
      "a damaged file is ignored",
    );
  }));

Deno.test("auto times nothing without a GPU, without tuning, or for a run that has begun", () =>
  withCache(async () => {
    const machine = new Machine({ gpu: 2, cpu: 1 });
    assert.equal(await machine.choose({}), "gpu");
    assert.equal(await machine.choose({ tiles: "remembered" }), "gpu");
    assert.equal(await machine.choose({ tiles: "timed", before: "gpu" }), "gpu");
    assert.equal(await machine.choose({ tiles: "timed", before: "cpu" }), "cpu");
    Deno.env.set("QTRAIN_NO_TUNE", "1");
    try {
      assert.equal(await machine.choose(), "gpu");
    } finally {
      Deno.env.delete("QTRAIN_NO_TUNE");
    }
    assert.deepEqual(machine.warnings, []);
    assert.equal(await new Machine({ gpu: 1, cpu: 2 }, false).choose(), "cpu");
  }));

Deno.test("a device that fails while it is timed is not taken, and that is not remembered", () =>
  withCache(async () => {
    const broken = new Machine({ gpu: new DeviceError("it is out of memory"), cpu: 5 });
    for (let i = 0; i < 2; i++) {
      assert.equal(await broken.choose(), "cpu, time cpu, time gpu");
      assert.deepEqual(broken.warnings, [
        "auto takes the CPU of 3 threads: the GPU fails (it is out of memory)",
      ]);
    }
    const large = new Machine({ gpu: 5, cpu: new DeviceError("4 GiB are the most") });
    assert.equal(await large.choose(), "gpu, time cpu, time gpu, reopen");
    const bug = new Machine({ gpu: 5, cpu: new Error("a defect") });
    await assert.rejects(bug.choose(), /a defect/);
  }));

Deno.test("a step is timed on every device that is here", async () => {
  for (const choice of HAS_GPU ? ["gpu", "cpu"] as const : ["cpu"] as const) {
    for (const arithmetic of ["int8", "float32"] as const) {
      const time = await stepMilliseconds(
        await openDevice(choice),
        programOf(CASES[0]!, arithmetic),
      );
      assert.ok(time > 0 && time < 60_000, `${choice}: ${time}`);
    }
  }
});
