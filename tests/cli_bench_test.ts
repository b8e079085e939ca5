/**
 * `qtrain bench` through the whole program: the smallest benchmarks, the files, mistakes in arguments.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { BenchReport, Spread } from "../lib/bench/report.ts";
import { HAS_GPU, inFolder, qtrain } from "./support/command.ts";

const NO_GPU = { VK_DRIVER_FILES: "/nonexistent", DENO_WEBGPU_BACKEND: "vulkan" };
const SHAPES = "gemm, cnn, resnet18, mobilenet-v2";
const MODELS = "cnn, mlp, resnet8, resnet20, resnet18, vgg16, mobilenet-v2";

const isSpread = ({ median, min, max }: Spread) => min > 0 && min <= median && median <= max;

Deno.test("bench kernels has a row for each layer in every direction, as JSON and in files", {
  ignore: !HAS_GPU,
}, async () => {
  await inFolder({}, async (cwd) => {
    const args = ["bench", "kernels", "cnn", "--batch", "1", "--rounds", "1", "--json"];
    const { code, stdout, stderr } = await qtrain([...args, "--out", "new/result.md"], { cwd });
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^ *\d+ s {2}kernels of cnn, batch 1: round 1 of 1$/m);
    assert.match(stderr, /^written: new\/result\.json, new\/result\.md$/m);
    const report: BenchReport = JSON.parse(stdout);
    assert.equal(await Deno.readTextFile(`${cwd}/new/result.json`), stdout);
    assert.match(await Deno.readTextFile(`${cwd}/new/result.md`), /^\| conv2d 3×3 1→32 at 28×28 /m);
    const { peak_rates: peaks, kernels = [], statistics = [], steps } = report;
    assert.ok(peaks && Object.values(peaks).every(isSpread));
    assert.equal(steps, undefined);
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
      } = row;
      assert.ok(isSpread(ms));
      assert.equal(operations, 2 * 14 * 14 * 32 * 64 * 9);
      assert.ok(Math.abs(gop_per_second! - operations / ms.median / 1e6) < 1e-9);
      assert.equal(share_of_peak, gop_per_second! / peaks[arithmetic].max);
      assert.ok(bytes > 14 * 14 * 32);
    }
    assert.ok(kernels.some(({ layer }) => layer === "65,834 parameters"));
    assert.ok(statistics.every(({ share, ms }) => share < 1 && isSpread(ms)));
    assert.ok(statistics.some(({ direction }) => direction === "input gradient"));
  });
});

Deno.test("bench steps breaks the time of each variant down", {
  ignore: !HAS_GPU,
}, async () => {
  const args = ["bench", "steps", "mlp", "--batch", "2", "--input", "12", "--rounds", "1"];
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
  assert.deepEqual(variants.map(({ variant }) => variant), names);
  for (const { ms, gpu_ms, host_ms, data_ms, readback_ms, ...row } of variants) {
    assert.ok(isSpread(ms));
    // One round: medians add up.
    assert.ok(Math.abs(gpu_ms + host_ms + data_ms + readback_ms - ms.median) < 1e-6);
    assert.ok(Math.min(gpu_ms, host_ms, data_ms, readback_ms) >= 0);
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
    "gemm, cnn, resnet18, mobilenet-v2, mlp, resnet8, resnet20, vgg16",
  ],
  [
    ["kernel"],
    "kernel: unknown model (did you mean kernels?); expected kernels, steps, all, or one of " +
    "gemm, cnn, resnet18, mobilenet-v2, mlp, resnet8, resnet20, vgg16",
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
    ["--device", "cpu"],
    "--device: not an option of qtrain bench, which takes --ranges, --batch, --input, --rounds, " +
    "--no-tune, --out, --json, --quiet, --help",
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

Deno.test("bench without an adapter fails in one line", async () => {
  const { code, stdout, stderr } = await qtrain(["bench"], { env: NO_GPU });
  assert.deepEqual([code, stdout], [1, ""]);
  assert.match(stderr, /^qtrain bench: no GPU adapter: expected a Vulkan, .*\n$/);
});
