/**
 * `qtrain traffic` through the whole program: the table, the JSON, and mistakes in arguments.
 *
 * @module
 */
import assert from "node:assert/strict";
import { golden, HAS_GPU, inFolder, qtrain } from "./support/command.ts";

/** Grouped convolutions have no program, so the table does not depend on the tiles of kernels. */
const GROUPED = `data: { format: glyphs, size: 12 }
model:
  layers:
    - { type: conv2d, channels: 8, kernel: 3, padding: 1, bias: false }
    - batch_norm
    - relu6
    - { type: conv2d, channels: 8, kernel: 3, padding: 1, groups: 4 }
    - { type: max_pool, kernel: 2 }
    - { type: residual, body: [{ type: conv2d, channels: 8, kernel: 1 }, relu] }
    - global_avg_pool
    - { type: linear, features: 10 }
`;
const PLAIN = GROUPED.replace("groups: 4", "groups: 1") + "train: { batch: 16 }\n";
const NO_GPU = { VK_DRIVER_FILES: "/nonexistent", DENO_WEBGPU_BACKEND: "vulkan" };

// deno-lint-ignore no-explicit-any
type Json = any;

async function jsonOf(args: readonly string[], cwd?: string): Promise<Json> {
  const { code, stdout, stderr } = await qtrain(["traffic", ...args, "--json"], {
    ...(cwd ? { cwd } : {}),
    env: NO_GPU,
  });
  assert.deepEqual([code, stderr], [0, ""]);
  return JSON.parse(stdout);
}

Deno.test("traffic prints forward and backward of each layer, without GPU or data", async () => {
  await inFolder({ "r.yaml": GROUPED }, async (cwd) => {
    const { code, stdout, stderr } = await qtrain(["traffic", "r.yaml"], { cwd, env: NO_GPU });
    assert.deepEqual([code, stderr], [0, ""]);
    await golden("traffic.txt", stdout);
  });
});

Deno.test("the tables of resnet18 and mobilenet-v2 contain the paper's rows", async () => {
  const [resnet, mobilenet] = await Promise.all([
    qtrain(["traffic", "resnet18"]),
    qtrain(["traffic", "mobilenet-v2", "--input", "224"]),
  ]);
  assert.match(resnet.stdout, /^layer1-0-conv1 .* 56×56×64 +428\.0 +1996\.0 +\+366% /m);
  assert.match(
    mobilenet.stdout,
    /^features-2-expand-conv .* 112×112×96 +1373\.5 +10781\.5 +\+685% /m,
  );
  assert.match(resnet.stdout, /resnet18: 11,689,512 parameters\nimages +224×224×3, 1000 classes/);
  assert.match(mobilenet.stdout, /mobilenet-v2: 3,504,872 parameters/);
});

Deno.test("traffic --json has bytes, and its totals are the sums over layers", async () => {
  await inFolder({ "r.yaml": PLAIN }, async (cwd) => {
    const { layers, totals, batch, input, problems } = await jsonOf(["r.yaml"], cwd);
    assert.deepEqual([batch, input, problems], [16, [12, 12, 1], []]);
    for (const section of ["forward", "backward"]) {
      for (
        const [kind, ranges] of [["model", "static"], ["model", "dynamic"], ["program", "static"], [
          "program",
          "dynamic",
        ]]
      ) {
        const of = (row: Json): number => row[section][kind!][ranges!];
        const sum = (group?: string) =>
          layers.filter((l: Json) => !group || l.group === group)
            .reduce((n: number, l: Json) => n + of(l), 0);
        assert.equal(of(totals.everything), sum());
        assert.equal(of(totals.convolutions), sum("convolution"));
        assert.equal(of(totals.everything), of(totals.convolutions) + of(totals.others));
        assert.ok(of(totals.everything) > 0);
      }
    }
  });
});

Deno.test("--input replaces a recipe's size, and 224 for a model", async () => {
  await inFolder({ "r.yaml": PLAIN }, async (cwd) => {
    const { input, layers } = await jsonOf(["r.yaml", "data.size=20", "--input", "16"], cwd);
    assert.deepEqual([input, layers[0].output], [[16, 16, 1], [16, 16, 8]]);
  });
  const { input, classes, batch, parameters } = await jsonOf([
    "resnet18",
    "--input",
    "64",
    "data.classes=10",
    "model.width=16",
    "train.batch=2",
  ]);
  assert.deepEqual([input, classes, batch], [[64, 64, 3], 10, 2]);
  assert.ok(parameters < 11_689_512 / 12);
});

const MISTAKES: readonly (readonly [args: readonly string[], message: string])[] = [
  [[], "qtrain traffic: expected a model or a recipe, got nothing; see qtrain traffic --help"],
  [
    ["resnet19"],
    "resnet19: unknown model (did you mean resnet18?); expected a recipe.yaml or one of cnn, " +
    "mlp, resnet8, resnet20, resnet18, vgg16, mobilenet-v2",
  ],
  [
    ["toString"],
    "toString: unknown model; expected a recipe.yaml or one of cnn, mlp, resnet8, " +
    "resnet20, resnet18, vgg16, mobilenet-v2",
  ],
  [["none.yaml"], "none.yaml: expected a recipe, a YAML file, got no such file"],
  [
    ["resnet18", "--input", "big"],
    '--input: expected a whole number from 1 to 65536, got "big"',
  ],
  [
    ["resnet18", "--input", "22.4"],
    '--input: expected a whole number from 1 to 65536, got "22.4"',
  ],
  [["resnet18", "--input=0"], '--input: expected a whole number from 1 to 65536, got "0"'],
  [
    ["r.yaml", "--input", "1"],
    "--input 1: layer pool1: a kernel of 2×2 is larger than its input of 1×1 with padding 0×0; use " +
    "a smaller kernel, more padding, or less pooling before it",
  ],
  [
    ["resnet18", "model.width=wide"],
    'model.width=wide: model.width: expected a whole number from 1 to 65536, got "wide"',
  ],
  [
    ["r.yaml", "model.layers.3.groups=3"],
    "layer conv2: expected its 8 input channels to be a multiple of its groups, got 3 groups; for a " +
    "depthwise convolution, groups and channels are both 8",
  ],
  [
    ["resnet18", "--device", "gpu"],
    "--device: expected only with --measure; without it, nothing is run",
  ],
  [
    ["resnet18", "--no-tune"],
    "--no-tune: expected only with --measure; without it, nothing is run",
  ],
  [
    ["resnet18", "--measure", "--device", "cpu"],
    "--device cpu: expected gpu with --measure, as times are taken on the GPU; without --measure, " +
    "nothing is run",
  ],
  [
    ["r.yaml", "model.layers.3.groups=2", "--measure"],
    "--measure: layer conv2: expected groups: 1, or groups: 8 with channels: 8 (depthwise), got " +
    "groups: 2 with channels: 8; other groups can be counted (qtrain traffic) but not trained",
  ],
];

Deno.test("traffic reports wrong arguments and exits with 2", async (t) => {
  await inFolder({ "r.yaml": PLAIN }, async (cwd) => {
    for (const [args, message] of MISTAKES) {
      await t.step(args.join(" ") || "nothing", async () => {
        const result = await qtrain(["traffic", ...args], { cwd });
        assert.deepEqual(result, { code: 2, stdout: "", stderr: message + "\n" });
      });
    }
  });
});

Deno.test("--measure without an adapter fails in one line", async () => {
  await inFolder({ "r.yaml": PLAIN }, async (cwd) => {
    const { code, stdout, stderr } = await qtrain(["traffic", "r.yaml", "--measure"], {
      cwd,
      env: NO_GPU,
    });
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(stderr, /^compiling .*\n--measure: no GPU adapter: expected a Vulkan, .*\n$/);
  });
});

Deno.test("--measure adds the times of layers", { ignore: !HAS_GPU }, async () => {
  await inFolder({ "r.yaml": PLAIN }, async (cwd) => {
    const args = ["traffic", "r.yaml", "--measure", "--json"];
    const { code, stdout, stderr } = await qtrain(args, { cwd });
    assert.deepEqual([code, stderr.split("\n").length], [0, 2]);
    const { adapter, totals } = JSON.parse(stdout);
    assert.equal(typeof adapter, "string");
    for (const section of ["forward", "backward"]) {
      assert.ok(totals.convolutions[section].time.static > 0);
      assert.ok(totals.others[section].time.dynamic > 0);
    }
  });
});
