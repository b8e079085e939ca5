/**
 * `deno task bench:gpu`: its parts, with little time and a software adapter; its JSON and its Markdown.
 *
 * @module
 */
import assert from "node:assert/strict";
import { asMarkdown, type GpuBench } from "../experiments/bench_gpu/report.ts";
import { PeerError, PeerProcess } from "../experiments/peers/process.ts";
import { HAS_GPU, inFolder, ROOT } from "./support/command.ts";

const { tasks } = JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`));
/** The task's arguments for Deno, with its permissions. */
const TASK: string[] = tasks["bench:gpu"].command.split(" ").slice(1)
  .map((word: string) => word.endsWith(".ts") ? ROOT + word : word);

/** Runs the task in a folder of its own. */
async function benchGpu(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<{ code: number; stdout: string; stderr: string; result?: GpuBench }> {
  let found: { code: number; stdout: string; stderr: string; result?: GpuBench } | undefined;
  await inFolder({}, async (cwd) => {
    const { code, ...bytes } = await new Deno.Command(Deno.execPath(), {
      args: [...TASK, ...args],
      cwd,
      env: { NO_COLOR: "1", HOME: cwd, XDG_CACHE_HOME: `${cwd}/cache`, ...env },
      stdin: "null",
    }).output();
    const [stdout, stderr] = [bytes.stdout, bytes.stderr].map((b) => new TextDecoder().decode(b));
    const json = await Deno.readTextFile(`${cwd}/bench-gpu.json`).catch(() => undefined);
    found = {
      code,
      stdout: stdout!,
      stderr: stderr!,
      ...(json === undefined ? {} : { result: JSON.parse(json) }),
    };
  });
  return found!;
}

Deno.test("bench:gpu writes every part that there is time for, and says what it left out", {
  ignore: !HAS_GPU,
}, async () => {
  const { code, stdout, stderr, result } = await benchGpu(
    ["--seconds", "60", "--only", "tiles,kernels,peers"],
    { PATH: "/nonexistent", QTRAIN_NO_TUNE: "" },
  );
  assert.equal(code, 0, stderr);
  const { format, parts, tiles, bench, doctor_report, seconds } = result!;
  assert.equal(format, "qtrain bench-gpu 1");
  const names = ["doctor", "tiles", "batches", "tuning", "kernels", "steps", "peers"];
  assert.deepEqual(parts.map(({ part }) => part), names);
  for (const { part, result, notes } of parts) {
    assert.ok(["done", "cut", "skipped"].includes(result), `${part}: ${result} ${notes}`);
    if (result !== "done") assert.ok(notes.length > 0, part);
  }
  assert.deepEqual(parts.find(({ part }) => part === "steps")!.notes, ["not among --only"]);
  assert.ok(seconds.spent > 0 && seconds.allowed === 60);
  assert.match(doctor_report, /^```text\nqtrain {8}0\./);
  assert.doesNotMatch(stdout, /QTRAIN_CACHE/);
  const isCut = (name: string, what: string) =>
    parts.find(({ part }) => part === name)!.notes.some((note) => note.includes(what));
  assert.ok(tiles.length > 0 || isCut("tiles", "number 1"));
  for (const { kernel, tile, result, steps } of tiles) {
    assert.notEqual(result, "wrong", `${kernel} ${tile}`);
    assert.ok(steps > 0 && tile.includes("="));
  }
  const kernels = bench?.kernels ?? [];
  assert.ok(kernels.length > 0 || isCut("kernels", "kernels of cnn"));
  for (const row of kernels.filter(({ operations }) => operations > 0)) {
    assert.ok(Object.keys(row.tiles!).length > 0);
    assert.ok(row.share_of_peak! > 0 && row.ms.median > 0);
  }
  assert.match(stdout, /^# Benchmark of a GPU$/m);
  assert.match(stdout, /^\| all {5}\| of 60 s /m);
});

Deno.test("without an adapter bench:gpu writes the doctor's report, and why the rest is missing", async () => {
  const { code, stdout, result } = await benchGpu(["--seconds", "5"], {
    VK_DRIVER_FILES: "/nonexistent",
    DENO_WEBGPU_BACKEND: "vulkan",
  });
  assert.equal(code, 1);
  assert.match(stdout, /^adapter {7}none: /m);
  const [doctor, ...others] = result!.parts;
  assert.equal(doctor!.result, "done");
  for (const { result, notes } of others) {
    assert.deepEqual([result, notes], ["skipped", ["there is no adapter"]]);
  }
});

Deno.test("bench:gpu refuses a time and a part that cannot be", async () => {
  for (
    const [args, message] of [
      [["--seconds", "no"], '--seconds: expected a number above 0, got "no"'],
      [["--only", "tile"], /^bench:gpu: --only: expected some of doctor, tiles, .*, got tile\n$/],
    ] as const
  ) {
    const { code, stderr, result } = await benchGpu(args);
    assert.equal(code, 2);
    if (typeof message === "string") assert.equal(stderr, `bench:gpu: ${message}\n`);
    else assert.match(stderr, message);
    assert.equal(result, undefined);
  }
});

Deno.test("the Markdown names a wrong tile, a failed part and the ratio to PyTorch", () => {
  const check = { kernel: "conv_forward", arithmetic: "int8", type: "codes" } as const;
  const one = (value: number) => ({ median: value, min: value, max: value });
  const steps = {
    model: "cnn",
    batch: 64,
    input: [28, 28, 1],
    classes: 10,
    parameters: 10,
    operations: 1e9,
    variants: [{
      variant: "int8 static",
      arithmetic: "int8",
      estimator: null,
      scheduler: "device",
      steps_per_round: 8,
      in_flight: 8,
      ms: one(2),
      ratio: one(1),
      device_ms: 1.8,
      host_ms: 0.1,
      data_ms: 0,
      readback_ms: 0.1,
      host_share: 0.05,
      kernels_ms: null,
      sections_ms: null,
      by_kernel_ms: null,
      images_per_second: 32000,
      gop_per_second: 500,
      first_step_ms: 900,
      activation_bytes: 1,
      activation_ratio: null,
      moved_bytes: 1,
      device_bytes: 1,
    }],
  } as const;
  const result: GpuBench = {
    format: "qtrain bench-gpu 1",
    software: false,
    date: "2026-11-28",
    seconds: { allowed: 440, spent: 300.5 },
    parts: [{ part: "tuning", result: "failed", seconds: 1, notes: ["the GPU failed: a|b"] }],
    doctor: null,
    doctor_report: "```text\n```",
    tiles: [
      { ...check, network: "cnn", tile: "DOT=0", result: "wrong", largest: 90, steps: 3 },
      { ...check, network: "cnn", tile: "DOT=1", result: "equal", largest: 0, steps: 3 },
    ],
    sizes: [],
    tuning: [],
    bench: {
      qtrain: "0.1.0",
      device: "gpu",
      adapter: "a card",
      os: "linux",
      arch: "x86_64",
      cores: 8,
      rounds: 5,
      steps: [steps],
    },
    peers: [{
      peer: "PyTorch eager",
      version: "2.9",
      device: "A card, CUDA",
      model: "cnn",
      batch: 64,
      ms: 3,
      images_per_second: 21333,
    }],
  };
  const text = asMarkdown(result);
  assert.match(text, /^- WRONG results from tiles of conv_forward$/m);
  assert.match(text, /^- a step of cnn, batch 64, takes 2\.00 ms in int8 static, 5\.0% of it on/m);
  assert.match(text, /^\| tuning \| failed +\| +1\.0 \| the GPU failed: a\\\|b \|$/m);
  assert.match(text, /^\| conv\\_forward \| int8 +\| +2 \| +1 \| +0 \| DOT=0 \|$/m);
  assert.match(text, /^\|.*\| PyTorch eager +\| 2\.9 +\| +3\.00 \| +21333 \| +1\.50 \|$/m);
  assert.match(text, /^PyTorch computes on A card, CUDA\.$/m);
  assert.doesNotMatch(text, /software adapter/);
});

Deno.test("PyTorch builds a network from its layers and runs rounds of it", async () => {
  await inFolder({}, async (folder) => {
    const conv = { type: "conv2d", kernel: [3, 3], stride: [1, 1], padding: [1, 1], bias: false };
    const norm = { type: "batch_norm", momentum: 0.1, epsilon: 1e-5 };
    const pool = { kernel: [2, 2], stride: [2, 2], padding: [0, 0] };
    const layers = [
      { ...conv, channels: 4, groups: 1 },
      norm,
      { type: "relu" },
      { type: "residual", body: [{ ...conv, channels: 4, groups: 4 }, norm], shortcut: [] },
      { type: "relu6" },
      { type: "max_pool", ...pool },
      { type: "avg_pool", ...pool },
      { type: "dropout", rate: 0.2 },
      { type: "linear", features: 3, bias: true },
    ];
    const file = `${folder}/network.json`;
    const training = { layers, batch: 5, input: [8, 8, 2], classes: 3 };
    await Deno.writeTextFile(file, JSON.stringify(training));
    const peer = {
      name: "PyTorch",
      what: "",
      script: "pytorch_layers.py",
      args: ["cpu", "default"],
    };
    let process: PeerProcess;
    try {
      const [running, ready] = await PeerProcess.start(peer, file, 1, 60);
      process = running;
      assert.deepEqual([ready.device, ready.threads, ready.losses.length], ["CPU", 1, 3]);
    } catch (error) {
      if (error instanceof PeerError && /import torch/.test(error.message)) return;
      throw error;
    }
    const { ms, loss } = await process.round(2, 60);
    assert.ok(ms > 0 && loss > 0);
    await assert.rejects(() => process.round(1_000_000, 0.05), /no answer after 0\.05 s/);
    await process.stop();
  });
});
