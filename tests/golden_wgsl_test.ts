/**
 * Generated shaders of representative steps against copies in tests/golden, so that a change to a
 * template or to the planner shows what it does. `UPDATE_GOLDEN=1` writes the copies anew.
 *
 * @module
 */
import assert from "node:assert/strict";
import { wgsl } from "../lib/runtime/gpu/executor.ts";
import type { Step } from "../lib/program/program.ts";
import { type Arithmetic, type Case, programOf } from "./support/networks.ts";

/** Ragged, strided, with everything in the epilogue. */
const NETWORK: Case = {
  name: "golden",
  image: [9, 9, 3],
  batch: 2,
  classes: 3,
  layers: [
    { type: "conv2d", name: "first", channels: 8, kernel: 3, padding: 1, bias: false },
    { type: "batch_norm", name: "norm" },
    "relu",
    {
      type: "residual",
      name: "sum",
      body: [{ type: "conv2d", name: "second", channels: 8, kernel: 3, padding: 1, bias: true }],
    },
    "relu",
    { type: "conv2d", name: "third", channels: 5, kernel: 3, stride: 2, padding: 1, bias: true },
    { type: "linear", name: "last", features: 3 },
  ],
};

/** Layer and kernel of each copy, in both arithmetics where it exists. */
const STEPS = [
  ["second", "conv_forward"],
  ["third", "conv_backward_input"],
  ["third", "conv_backward_weight"],
  ["third", "weight_sums"],
  ["norm", "norm_forward"],
  ["norm", "norm_backward"],
  ["loss", "softmax_cross_entropy"],
  ["third", "sgd"],
] as const;

const update = Deno.env.get("UPDATE_GOLDEN") === "1";
const at = (file: string) => new URL(`golden/${file}`, import.meta.url);

async function check(file: string, step: Step, emulate: boolean): Promise<void> {
  const code = wgsl(step, emulate) + "\n";
  if (update) await Deno.writeTextFile(at(file), code);
  const expected = await Deno.readTextFile(at(file));
  assert.ok(
    code === expected,
    `${file}: the generated shader changed. Run the test with UPDATE_GOLDEN=1 and read the diff`,
  );
}

for (const arithmetic of ["int8", "float32"] as Arithmetic[]) {
  Deno.test(`generated shaders are those in tests/golden: ${arithmetic}`, async () => {
    const { sections } = programOf(NETWORK, arithmetic);
    const steps = Object.values(sections).flat() as Step[];
    for (const [layer, kernel] of STEPS) {
      const step = steps.find((s) => s.layer === layer && s.kernel.name === kernel);
      if (arithmetic === "float32" && kernel === "weight_sums") continue;
      assert.ok(step, `${layer} has a step ${kernel}`);
      await check(`${layer}-${kernel}-${arithmetic}.wgsl`, step, false);
    }
    if (arithmetic === "int8") {
      const step = steps.find((s) => s.layer === "first" && s.kernel.name === "conv_forward")!;
      await check("first-conv_forward-int8-emulated.wgsl", step, true);
    }
  });
}

Deno.test("tests/golden holds no shader that no test reads", async () => {
  const names = (await Array.fromAsync(Deno.readDir(at("")))).map((entry) => entry.name)
    .filter((name) => name.endsWith(".wgsl"));
  assert.equal(names.length, 2 * STEPS.length, names.join());
});
