/**
 * Output of commands that run nothing: help, versions, plans. The exact texts are in
 * tests/golden; `UPDATE_GOLDEN=1 deno task test` updates them.
 *
 * @module
 */
import assert from "node:assert/strict";
import { VERSION } from "../lib/core/version.ts";
import { golden, inFolder, qtrain } from "./support/command.ts";

const RECIPE = `data: { format: glyphs, size: 12 }
model:
  layers:
    - { type: conv2d, channels: 6, kernel: 3, stride: [1, 2], padding: 1, bias: false }
    - batch_norm
    - relu
    - { type: max_pool, kernel: 2 }
    - { type: residual, body: [{ type: conv2d, channels: 6, kernel: 1 }, relu6] }
    - global_avg_pool
    - { type: linear, features: 10 }
train: { batch: 16 }
`;

Deno.test("help lists the commands, and each command has help", async () => {
  const help = async (...name: string[]) => {
    const { code, stdout, stderr } = await qtrain([...name, "--help"]);
    assert.deepEqual([code, stderr], [0, ""]);
    await golden(`${["help", ...name].join("_")}.txt`, stdout);
    return stdout;
  };
  const list = /^Commands:\n([^]*?)\n\n/m.exec(await help())![1]!;
  const names = list.split("\n").map((line) => line.trim().split(" ")[0]!);
  assert.ok(names.length >= 10);
  await Promise.all(names.map((name) => help(name)));
});

Deno.test("-h after a recipe shows the help of training, and --version prints one line", async () => {
  const [help, version] = await Promise.all([qtrain(["r.yaml", "-h"]), qtrain(["--version"])]);
  await golden("help_train.txt", help.stdout);
  assert.deepEqual(version, { code: 0, stdout: `qtrain ${VERSION}\n`, stderr: "" });
});

Deno.test("the version is the one in deno.json", async () => {
  const file = await Deno.readTextFile(new URL("../deno.json", import.meta.url));
  assert.equal(JSON.parse(file).version, VERSION);
});

Deno.test("check prints layers, shapes, parameters and memory, without GPU or data", async () => {
  await inFolder({ "r.yaml": RECIPE }, async (cwd) => {
    const { code, stdout, stderr } = await qtrain(["check", "r.yaml", "--threads", "2"], {
      cwd,
      env: { VK_DRIVER_FILES: "/nonexistent" },
    });
    assert.deepEqual([code, stderr], [0, ""]);
    // Scratch memory, and with it the layout, depends on the tiles of kernels, which change.
    const steady = stdout
      .replace(/(optimizer|activations|gradients|scratch|gaps|total) +[\d.]+ \w+$/gm, "$1 …")
      .replace(/^(memory|on the CPU)( +)[\d.]+ \w+ .*$/gm, "$1$2…");
    await golden("check.txt", steady.replace(/─{41,}/g, "─"));
  });
});

Deno.test("check says what the CPU takes, what a limit leaves, and what no CPU executor has", async () => {
  const wide = "data: { format: glyphs, size: 112 }\nmodel: { name: cnn, width: 1024 }\n" +
    "train: { batch: 512 }\n";
  await inFolder({ "r.yaml": RECIPE, "wide.yaml": wide }, async (cwd) => {
    const check = async (...args: string[]) => {
      const { code, stdout } = await qtrain(["check", ...args], { cwd });
      assert.equal(code, 0);
      return stdout;
    };
    const json = async (threads: string) =>
      JSON.parse(await check("r.yaml", "--json", "--threads", threads)).memory_cpu;
    const [one, many] = [await json("1"), await json("256")];
    assert.equal(many.threads, 256);
    const bytes = (m: typeof one) => m.shared + m.threads * m.thread;
    for (const m of [one, many]) assert.equal(m.total, Math.ceil(bytes(m) / 65536) * 65536);
    assert.match(
      await check("r.yaml", "--threads", "2"),
      /^on the CPU +[\d.]+ KiB with 2 threads \([\d.]+ KiB, and [\d.]+ \w+ for each thread\)$/m,
    );
    assert.match(
      await check("wide.yaml", "--threads", "1"),
      /\nthe network and its batch need \d+\.\d GiB, and the CPU executor has at most 4 GiB\. Use a/,
    );
  });
});

Deno.test("check --json has the total as parameters, and memory by kind that adds up", async () => {
  const recipe = "data: { format: idx, root: none, classes: 10, size: 28 }\nmodel: { name: cnn }\n";
  await inFolder({ "r.yaml": recipe }, async (cwd) => {
    const { code, stdout } = await qtrain(["check", "r.yaml", "--json"], { cwd });
    assert.equal(code, 0);
    const plan = JSON.parse(stdout);
    // 3×3 weights, two values for each channel of a norm, and the linear layer with its bias.
    const weights = 9 * (32 + 32 * 32 + 32 * 64 + 64 * 64), norms = 2 * (32 + 32 + 64 + 64);
    assert.equal(plan.parameters, weights + norms + 64 * 10 + 10);
    const { total, ...kinds } = plan.memory as Record<string, number>;
    assert.equal(Object.values(kinds).reduce((a, b) => a + b, 0), total);
    const layers = plan.layers as { parameters: number; output: number[] }[];
    assert.equal(layers.reduce((sum, l) => sum + l.parameters, 0), plan.parameters);
    assert.deepEqual(layers.at(-1)?.output, [1, 1, 10]);
  });
});

Deno.test("check needs no data if the recipe gives the shape of its images", async () => {
  const recipe = "data: { format: cifar, root: none, classes: 10 }\nmodel: { name: resnet8 }\n";
  await inFolder({ "r.yaml": recipe }, async (cwd) => {
    const input = async (...overrides: string[]) => {
      const { code, stdout } = await qtrain(["check", "r.yaml", "--json", ...overrides], { cwd });
      return code === 0 ? JSON.parse(stdout).input : code;
    };
    assert.deepEqual(await input(), [32, 32, 3]);
    const npz = ["data.format=npz", "data.size=20"];
    assert.deepEqual(await input(...npz, "data.channels=4"), [20, 20, 4]);
    assert.equal(await input(...npz), 2, "channels are looked for in the data");
  });
});
