/**
 * `qtrain bench` through the whole program: the smallest benchmarks, the files, mistakes in arguments.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { BenchReport, Spread } from "../lib/bench/report.ts";
import { HAS_GPU, inFolder, qtrain } from "./support/command.ts";

const NO_GPU = { VK_DRIVER_FILES: "/nonexistent", DENO_WEBGPU_BACKEND: "vulkan" };
const SHAPES = "gemm, pointwise, conv-14, conv-56, cnn, resnet18, mobilenet-v2";
const MODELS = "cnn, mlp, resnet8, resnet20, resnet18, vgg16, mobilenet-v2";

const isSpread = ({ median, min, max }: Spread) => min > 0 && min <= median && median <= max;

/** Runs a test on the CPU in two threads, and on the GPU if there is one. */
function onBoth(name: string, test: (device: "gpu" | "cpu", args: string[]) => Promise<void>) {
  const cpu = ["--device", "cpu", "--threads", "2"];
  Deno.test(`${name}, on the CPU`, () => test("cpu", cpu));
  Deno.test(`${name}, on the GPU`, { ignore: !HAS_GPU }, () => test("gpu", ["--device", "gpu"]));
}

onBoth("bench kernels has a row for each layer and direction, as JSON and in files", async (
  device,
  on,
) => {
  await inFolder({}, async (cwd) => {
    const args = ["bench", "kernels", "cnn", "--batch", "1", "--rounds", "1", "--json", ...on];
    const { code, stdout, stderr } = await qtrain([...args, "--out", "new/result.md"], { cwd });
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^ *\d+ s {2}kernels of cnn, batch 1: round 1 of 1$/m);
    assert.match(stderr, /^written: new\/result\.json, new\/result\.md$/m);
    const report: BenchReport = JSON.parse(stdout);
    assert.equal(await Deno.readTextFile(`${cwd}/new/result.json`), stdout);
    assert.match(await Deno.readTextFile(`${cwd}/new/result.md`), /^\| conv2d 3×3 1→32 at 28×28 /m);
    const { peak_rates: peaks, kernels = [], statistics = [], steps } = report;
    assert.ok(peaks);
    const { dots, ...rates } = peaks;
    assert.ok(Object.values(rates).every(isSpread));
    if (device === "gpu") {
      assert.deepEqual(Object.keys(dots!), ["native", "unsigned", "emulated"]);
      assert.equal(rates.int8.max, Math.max(...Object.values(dots!).map(({ max }) => max)));
    } else assert.equal(dots, undefined);
    assert.equal(steps, undefined);
    assert.equal(report.device, device);
    const { peak_rates_one_thread: one, threads, packed_dot_product, timestamps } = report;
    if (device === "gpu") {
      assert.deepEqual([one, threads, timestamps], [undefined, undefined, true]);
    } else {
      assert.ok(one && Object.values(one).every(isSpread));
      assert.deepEqual([threads, packed_dot_product, timestamps], [2, undefined, undefined]);
    }
    const rows = kernels.filter(({ layer }) => layer === "conv2d 3×3 32→64 at 14×14");
    assert.deepEqual(rows.map(({ direction, arithmetic }) => `${direction} ${arithmetic}`), [
      ...["forward int8", "forward float32", "weight gradient int8", "weight gradient float32"],
      ...["input gradient int8", "input gradient float32"],
    ]);
    for (const row of rows) {
      const {
        ms,
        operations,
        bytes,
        gop_per_second,
        share_of_peak: share_of_peak,
        arithmetic,
        tiles,
      } = row;
      assert.ok(isSpread(ms));
      assert.equal(operations, 2 * 14 * 14 * 32 * 64 * 9);
      assert.ok(Math.abs(gop_per_second! - operations / ms.median / 1e6) < 1e-9);
      if (device === "gpu") {
        assert.equal(share_of_peak, gop_per_second! / rates[arithmetic].max);
        const tiled = Object.entries(tiles!).filter(([kernel]) => kernel.startsWith("conv_"));
        assert.ok(tiled.length > 0 && tiled.every(([, tile]) => /^\w+=\d+/.test(tile)));
      } else assert.ok(share_of_peak! > 0); // Of a peak just before or after.
      assert.ok(bytes > 14 * 14 * 32);
    }
    assert.ok(kernels.some(({ layer }) => layer === "65,834 parameters"));
    assert.ok(statistics.every(({ share, ms }) => share < 1 && isSpread(ms)));
    assert.ok(statistics.some(({ direction }) => direction === "input gradient"));
  });
});

onBoth("bench steps breaks the time of each variant down", async (device, on) => {
  const args = ["bench", "steps", "mlp", "--batch", "2", "--input", "12", "--rounds", "1", ...on];
  const [{ code, stdout, stderr }, text] = [
    await qtrain([...args, "--json"]),
    await qtrain([...args, "--quiet"]),
  ];
  assert.equal(code, 0, stderr);
  const { steps, kernels }: BenchReport = JSON.parse(stdout);
  assert.equal(kernels, undefined);
  const { model, batch, input, variants, operations } = steps![0]!;
  assert.deepEqual([model, batch, input, steps!.length], ["mlp", 2, [12, 12, 1], 1]);
  const products = 144 * 256 + 256 * 256 + 256 * 10;
  assert.equal(operations, 2 * 2 * (3 * products - 144 * 256));
  const names = ["int8 static", "int8 dynamic", "float32"];
  if (device === "cpu") names.push("int8 static, 1 thread", "float32, 1 thread");
  assert.deepEqual(
    variants.map(({ threads }) => threads),
    device === "cpu" ? [2, 2, 2, 1, 1] : names.map(() => undefined),
  );
  assert.deepEqual(variants.map(({ variant }) => variant), names);
  for (const { ms, device_ms, host_ms, data_ms, readback_ms, ...row } of variants) {
    assert.ok(isSpread(ms));
    // One round: medians add up.
    assert.ok(Math.abs(device_ms + host_ms + data_ms + readback_ms - ms.median) < 1e-6);
    assert.ok(Math.min(device_ms, host_ms, data_ms, readback_ms) >= 0);
    const kernels = Object.values(row.by_kernel_ms ?? {}).reduce((a, b) => a + b, 0);
    // One round: medians add up.
    assert.ok(Math.abs(kernels - (row.kernels_ms ?? 0)) < 1e-6);
    if (device === "cpu") assert.ok(row.by_kernel_ms!.conv_forward! > 0);
    assert.ok(row.first_step_ms > 0 && row.activation_ratio! <= 1 && row.moved_bytes > 0);
  }
  assert.deepEqual([variants[0]!.ratio.median, variants[2]!.activation_ratio], [1, 1]);
  assert.deepEqual([text.code, text.stderr], [0, ""]);
  assert.match(text.stdout, /^Steps: mlp, batch 2, 12×12×1$/m);
  for (const name of names) assert.match(text.stdout, new RegExp(`^${name} +[0-9]`, "m"));
});

const MISTAKES: readonly (readonly [args: readonly string[], message: string])[] = [
  [
    ["resnet19"],
    "resnet19: unknown model (did you mean resnet18?); expected kernels, steps, all, or one of " +
    `${SHAPES}, mlp, resnet8, resnet20, vgg16`,
  ],
  [
    ["kernel"],
    "kernel: unknown model (did you mean kernels?); expected kernels, steps, all, or one of " +
    `${SHAPES}, mlp, resnet8, resnet20, vgg16`,
  ],
  [["steps", "gemm"], `gemm: unknown model; expected one of ${MODELS}`],
  [["kernels", "vgg16"], `vgg16: unknown shapes; expected one of ${SHAPES}`],
  [["cnn", "--batch", "0"], '--batch: expected a whole number from 1 to 65536, got "0"'],
  [["cnn", "--rounds", "1.5"], '--rounds: expected a whole number from 1 to 1000, got "1.5"'],
  [["cnn", "--input", "huge"], '--input: expected a whole number from 1 to 1024, got "huge"'],
  [
    ["kernels", "--input", "28"],
    "--input: expected only with steps, as the kernels have shapes of their own",
  ],
  [
    ["kernels", "--ranges"],
    "--ranges: expected only with steps, which it compares ranges over",
  ],
  [
    ["--seed", "1"],
    "--seed: not an option of qtrain bench, which takes --device, --threads, --ranges, --batch, " +
    "--input, --rounds, --no-tune, --out, --json, --quiet, --help",
  ],
  [["--threads", "0"], '--threads: expected a whole number from 1 to 256, got "0"'],
  [
    ["--device", "gpu", "--threads", "2"],
    "--threads: expected only on the CPU, got --device gpu too",
  ],
  [
    ["--out", "file/bench"],
    "file/: cannot write: a part of the path is a file, not a folder; choose another place",
  ],
];

Deno.test("bench reports wrong arguments and exits with 2", async (t) => {
  await inFolder({ file: "" }, async (cwd) => {
    for (const [args, message] of MISTAKES) {
      await t.step(args.join(" "), async () => {
        const result = await qtrain(["bench", ...args], { cwd });
        assert.deepEqual(result, { code: 2, stdout: "", stderr: message + "\n" });
      });
    }
  });
});

Deno.test("bench --device gpu without an adapter fails in one line", async () => {
  const { code, stdout, stderr } = await qtrain(["bench", "--device", "gpu"], { env: NO_GPU });
  assert.deepEqual([code, stdout], [1, ""]);
  assert.match(stderr, /^qtrain bench: no GPU adapter: expected a Vulkan, .*\n$/);
});
