/**
 * Mistakes, through the whole program: the message, the exit code, nothing on stdout, and no stack
 * trace.
 *
 * @module
 */
import assert from "node:assert/strict";
import { idxBytes, ramp, smallIdx } from "./data_helpers.ts";
import { records, smallCifar10 } from "./support/cifar.ts";
import { HAS_GPU, inFolder, qtrain } from "./support/command.ts";

const SHORT =
  "data: { format: glyphs, size: 12, train: 32, test: 16 }\nmodel: { name: cnn, width: 4 }\n" +
  "train: { epochs: 1, batch: 16 }\n";
const IDX = "data: { format: idx, root: . }\nmodel: { name: cnn, width: 4 }\n";
const NO_ADAPTER = { VK_DRIVER_FILES: "/nonexistent", DENO_WEBGPU_BACKEND: "vulkan" };

/** A name, the recipe, the arguments, the expected stderr, and files next to the recipe. */
type Mistake = readonly [
  name: string,
  recipe: string,
  args: readonly string[],
  message: string | RegExp,
  files?: Readonly<Record<string, Uint8Array>>,
];

const MISTAKES: readonly Mistake[] = [
  ["no arguments", SHORT, [], /^expected a recipe or a command, got nothing\n\nqtrain trains/],
  [
    "an unknown command",
    SHORT,
    ["chek", "r.yaml"],
    /^chek: unknown command \(did you mean check\?\); expected a recipe.yaml or one of init, train, .*\n$/,
  ],
  [
    "an unknown option",
    SHORT,
    ["r.yaml", "--resum"],
    "--resum: unknown option (did you mean --resume?)",
  ],
  [
    "an option of another command",
    SHORT,
    ["check", "r.yaml", "--resume"],
    "--resume: not an option of qtrain check, which takes --mpi, --threads, --json, --help",
  ],
  [
    "an option without its value",
    SHORT,
    ["r.yaml", "--out"],
    "--out: expected a value, as in --out DIR",
  ],
  [
    "an option in place of a value",
    SHORT,
    ["r.yaml", "--out", "--json"],
    "--out: expected a value, as in --out DIR",
  ],
  ["a value too much", SHORT, ["r.yaml", "--json=1"], '--json: expected no value, got "1"'],
  [
    "an unknown device",
    SHORT,
    ["r.yaml", "--device", "gup"],
    '--device: expected one of auto, gpu, cpu, got "gup" (did you mean gpu?)',
  ],
  ...["0", "1000", "x", "2.5"].map((threads): Mistake => [
    `${threads} threads`,
    SHORT,
    ["r.yaml", "--threads", threads],
    `--threads: expected a whole number from 1 to 256, got "${threads}"`,
  ]),
  [
    "threads of the GPU",
    SHORT,
    ["r.yaml", "--device", "gpu", "--threads", "2"],
    "--threads: expected only on the CPU, got --device gpu too",
  ],
  [
    "an override without =",
    SHORT,
    ["r.yaml", "train.epochs"],
    "train.epochs: expected key=value with a dotted key, such as train.epochs=1, got " +
    '"train.epochs"',
  ],
  [
    "an unknown key",
    SHORT + "quantise: {}\n",
    ["r.yaml"],
    "r.yaml:4:1: quantise: unknown key (did you mean quantize?)",
  ],
  [
    "a wrong type",
    SHORT,
    ["r.yaml", "train.batch=abc"],
    'train.batch=abc: train.batch: expected auto or a whole number from 1 to 65536, got "abc"',
  ],
  [
    "a missing file",
    SHORT,
    ["no.yaml"],
    "no.yaml: expected a recipe, a YAML file, got no such file",
  ],
  [
    "unreadable YAML",
    "data: { format: glyphs\n",
    ["r.yaml"],
    /^r\.yaml:2:1: expected valid YAML, got the end of the text \(.*\)\n$/,
  ],
  [
    "missing data",
    "data: { format: idx, root: /nonexistent/digits }\nmodel: { name: cnn }\n",
    ["r.yaml"],
    /^data\.root: cannot read \/nonexistent\/digits: it is outside the recipe.s folder.*\n$/,
  ],
  [
    "a wrong magic number",
    IDX,
    ["r.yaml"],
    /t10k-images-idx3-ubyte: byte 0: expected .*, got .*\n$/,
    { ...smallIdx(), "t10k-images-idx3-ubyte": idxBytes(0x802, [2, 2, 3], ramp(12)) },
  ],
  [
    "a label that is no class",
    IDX,
    ["r.yaml", "data.classes=2"],
    /train-labels-idx1-ubyte: byte 8: expected .*, got .*\n$/,
    smallIdx(),
  ],
  [
    "a CIFAR file that is cut short",
    "data: { format: cifar, root: . }\nmodel: { name: cnn, width: 4 }\n",
    ["r.yaml"],
    /data_batch_5\.bin: byte 3073: expected a whole record of 3073 bytes, got 1; .*\n$/,
    { ...smallCifar10(), "data_batch_5.bin": records([[0], [1]], 0).slice(0, 3074) },
  ],
  [
    "an .npz file that is no zip",
    "data: { format: npz, root: a.npz }\nmodel: { name: cnn, width: 4 }\n",
    ["r.yaml"],
    /a\.npz: byte 0: expected a zip file, which opens with PK, got .*\n$/,
    { "a.npz": Uint8Array.from(ramp(400)) },
  ],
  [
    "a kernel larger than its input",
    SHORT.replace(
      "{ name: cnn, width: 4 }",
      "{ layers: [{ type: conv2d, channels: 4, kernel: 13 }] }",
    ),
    ["check", "r.yaml"],
    "layer conv1: a kernel of 13×13 is larger than its input of 12×12 with padding 0×0; use a " +
    "smaller kernel, more padding, or less pooling before it",
  ],
  [
    "classes that do not match",
    SHORT.replace("{ name: cnn, width: 4 }", "{ layers: [{ type: linear, features: 7 }] }"),
    ["check", "r.yaml"],
    "layer linear1: expected the last layer to give [1, 1, 10], one score for each of 10 classes, " +
    "got [1, 1, 7]",
  ],
  [
    "eval of what is no run",
    SHORT,
    ["eval", "."],
    ".: expected the folder of a run (with recipe.yaml), got another. Give a folder that training wrote",
  ],
  [
    "eval of nothing",
    SHORT,
    ["eval"],
    "qtrain eval: expected the folder of a run, got nothing; see " +
    "qtrain eval --help",
  ],
  [
    "an export without a file",
    SHORT,
    ["export", "."],
    "qtrain export: expected --out FILE, got nothing",
  ],
  [
    "an export to an unknown format",
    SHORT,
    ["export", ".", "--out", "x.bin"],
    '--out: expected a file name that ends in .onnx, .tflite or .safetensors, got "x.bin"',
  ],
  [
    "an export for a target that there is not",
    SHORT,
    ["export", ".", "--out", "x.onnx", "--target", "tensorr"],
    /^--target: expected one of ort, web, tensorrt, got "tensorr" \(did you mean tensorrt\?\)\n$/,
  ],
  [
    "an export for a target in a format that has none",
    SHORT,
    ["export", ".", "--out", "x.tflite", "--target", "web"],
    /^--target: expected with a file name that ends in \.onnx, got one that ends in \.tflite\n$/,
  ],
  [
    "an export checked with a number of images that is none",
    SHORT,
    ["export", ".", "--out", "x.onnx", "--check", "many"],
    /^--check: expected a whole number from 0 to 1000000000, got "many"\n$/,
  ],
  [
    "an export that may lose what is no number",
    SHORT,
    ["export", ".", "--out", "x.onnx", "--max-drop", "1%"],
    /^--max-drop: expected percentage points from 0 to 100, such as 0\.5, got "1%"\n$/,
  ],
  [
    "an export of something that is no run",
    SHORT,
    ["export", ".", "--out", "x.onnx"],
    ".: expected the folder of a run (with recipe.yaml), got another. Give a folder that training wrote",
  ],
  [
    "an export with a setting that is not of the data",
    SHORT,
    ["export", ".", "train.epochs=2", "--out", "x.onnx"],
    /^qtrain export: expected the folder of a run and at most data\.root=PATH .*, got train\.epochs=2 too/,
  ],
  [
    "a comparison of an unknown estimator",
    SHORT,
    ["compare", "r.yaml", "--estimators", "float32,hindsigth-minmax"],
    /^--estimators: expected one of float32, hindsight-minmax\b.*, got "hindsigth-minmax" \(did you mean hindsight-minmax\?\)\n$/,
  ],
  [
    "a comparison over an unknown key",
    SHORT,
    ["compare", "r.yaml", "--estimators", "float32", "--vary", "train.lrr=0.1"],
    "--vary train.lrr: unknown key (did you mean train.optimizer.lr?)",
  ],
  [
    "a comparison in a folder that holds something else",
    SHORT,
    ["compare", "r.yaml", "--estimators", "float32", "--out", "."],
    ".: expected an empty folder or one that qtrain compare wrote, got one with r.yaml and " +
    "without its compare.json; choose another --out",
  ],
  [
    "a comparison in the place of a file",
    SHORT,
    ["compare", "r.yaml", "--estimators", "float32", "--out", "r.yaml"],
    "r.yaml: cannot write: a part of the path is a file, not a folder; choose another place",
  ],
  [
    "a comparison with a seed for all",
    SHORT,
    ["compare", "r.yaml", "seed=5"],
    "seed=5: expected --seeds 5, got a seed for all runs",
  ],
];

Deno.test("mistakes are reported with a remedy and exit code 2", async (t) => {
  for (const [name, recipe, args, message, files] of MISTAKES) {
    await t.step(name, async () => {
      await inFolder({ "r.yaml": recipe, ...files }, async (cwd) => {
        const { code, stdout, stderr } = await qtrain(args, { cwd });
        if (typeof message === "string") assert.equal(stderr, message + "\n");
        else assert.match(stderr, message);
        assert.deepEqual([code, stdout], [2, ""]);
        // A run that did not start leaves no files.
        const runs = await Array.fromAsync(Deno.readDir(`${cwd}/runs`)).catch(() => []);
        assert.deepEqual(runs, []);
      });
    });
  }
});

Deno.test("without an adapter, --device gpu fails in one line and auto uses the CPU", async () => {
  await inFolder({ "r.yaml": SHORT }, async (cwd) => {
    const fails =
      "no GPU adapter: expected a Vulkan, Metal or Direct3D 12 driver and found none. " +
      "On Debian or Ubuntu: apt-get install mesa-vulkan-drivers; or go on with --device cpu";
    const gpu = await qtrain(["r.yaml", "--device", "gpu"], { cwd, env: NO_ADAPTER });
    assert.deepEqual(gpu, { code: 1, stdout: "", stderr: fails + "\n" });
    const auto = await qtrain(["r.yaml", "train.max_steps=1", "--json"], { cwd, env: NO_ADAPTER });
    assert.equal(auto.code, 0);
    assert.equal(auto.stderr, "");
    assert.equal(JSON.parse(auto.stdout.trim().split("\n").at(-1)!).device, "cpu");
    const doctor = await qtrain(["doctor"], { cwd, env: NO_ADAPTER });
    assert.equal(doctor.code, 0);
    assert.match(doctor.stdout, /\nadapter: none, .*apt-get install mesa-vulkan-drivers/);
    assert.match(doctor.stdout, /\nno problems: qtrain trains on the CPU\n$/);
  });
});

Deno.test("a buffer beyond the adapter's limit is reported by name, with a remedy", {
  ignore: !HAS_GPU,
}, async () => {
  await inFolder({ "r.yaml": SHORT }, async (cwd) => {
    const args = [
      "r.yaml",
      "data.size=64",
      "train.batch=2048",
      "data.train=2048",
      "model.width=64",
    ];
    const { code, stderr } = await qtrain([...args, "--device", "gpu"], {
      cwd,
      env: { QTRAIN_TERMS: "edge" },
    });
    assert.match(
      stderr,
      /^out of memory: the plan needs .* one buffer may take 128 MiB here, and conv1.output takes 512 MiB\. train\.micro_batch=512 would fit, or /m,
    );
    assert.equal(code, 1);
  });
});

Deno.test("a run that diverges exits with 1 and prints the layer and the last good checkpoint", async () => {
  await inFolder({ "r.yaml": SHORT }, async (cwd) => {
    const args = ["r.yaml", "train.optimizer.lr=1e9", "train.epochs=20", "--json"];
    const { code, stdout, stderr } = await qtrain(args, { cwd });
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^diverged at step \d+: layer \w+, quantizer \S+: \d+ of \d+ values are not /,
    );
    const end = JSON.parse(stdout.trim().split("\n").at(-1)!);
    assert.equal(end.status, "diverged");
    assert.match(
      stderr,
      /The last good checkpoint is runs\/r\/checkpoints\/step-\d+\.safetensors\n$/,
    );
    const summary = JSON.parse(await Deno.readTextFile(`${cwd}/runs/r/summary.json`));
    assert.equal(summary.status, "diverged");
    assert.match(summary.reason, /layer/);
  });
});
