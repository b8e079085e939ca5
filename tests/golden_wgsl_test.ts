/**
 * Generated shaders of representative steps against copies in tests/golden, so that a change to a
 * template or to the planner shows what it does. `UPDATE_GOLDEN=1` writes the copies anew.
 *
 * @module
 */
import assert from "node:assert/strict";
import { includes } from "../kernels/include/mod.ts";
import { isOperand } from "../kernels/define_kernel.ts";
import { wgsl } from "../lib/runtime/gpu/executor.ts";
import { givenTile, tilesOf } from "../lib/runtime/gpu/tile.ts";
import { expand } from "../lib/runtime/gpu/wgsl_template.ts";
import type { Step } from "../lib/program/program.ts";
import { type Case, programOf } from "./support/networks.ts";
import { EMULATED, SOFTWARE } from "./support/tiles.ts";

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

/** The copies. The first holds what it includes; the others have a line `// include NAME` in its place. */
const COPIES = [
  { layer: "first", kernel: "conv_forward", arithmetic: "int8", emulate: true, whole: true },
  { layer: "second", kernel: "conv_forward", arithmetic: "float32" },
  { layer: "third", kernel: "conv_backward_weight", arithmetic: "int8" },
  { layer: "norm", kernel: "norm_backward", arithmetic: "int8" },
  { layer: "third", kernel: "sgd", arithmetic: "int8" },
] as const;

const update = Deno.env.get("UPDATE_GOLDEN") === "1";
const at = (file: string) => new URL(`golden/${file}`, import.meta.url);

/** A shader's text with `// include NAME` for each text that its template includes. */
function withoutIncludes(step: Step, code: string): string {
  const { kernel, constants } = step, tile = givenTile(step) ?? tilesOf(step, SOFTWARE)[0]!;
  const values = { ...constants, ...tile.constants, EMULATE: 0 };
  const isOperandOf = (name: string) => isOperand(kernel, name);
  // A condition may leave an include out, whose text may make no sense for this step.
  const marks = Object.fromEntries(
    Object.keys(includes).map((name) => [name, `// include ${name}`]),
  );
  const outline = expand(kernel.gpu.source, values, marks, isOperandOf).code;
  const names = [...outline.matchAll(/^\/\/ include (\w+)$/gm)].map(([, name]) => name!);
  return names.reduce((text, name) => {
    const included = expand(includes[name]!, values, includes, isOperandOf).code;
    assert.ok(text.includes(included), `${kernel.name} includes ${name}`);
    return text.replace(included, () => `// include ${name}\n`);
  }, code);
}

for (const copy of COPIES) {
  const { layer, kernel, arithmetic } = copy, emulate = "emulate" in copy;
  const name = `${layer}-${kernel}-${arithmetic}${emulate ? "-emulated" : ""}.wgsl`;
  Deno.test(`the generated shader is that of tests/golden/${name}`, async () => {
    const { sections } = programOf(NETWORK, arithmetic);
    const steps = Object.values(sections).flat() as Step[];
    const step = steps.find((s) => s.layer === layer && s.kernel.name === kernel);
    assert.ok(step, `${layer} has a step ${kernel}`);
    const whole = wgsl(step, emulate ? EMULATED : SOFTWARE) + "\n";
    const code = "whole" in copy ? whole : withoutIncludes(step, whole);
    if (update) await Deno.writeTextFile(at(name), code);
    assert.ok(
      code === await Deno.readTextFile(at(name)),
      `${name}: the generated shader changed. Run the test with UPDATE_GOLDEN=1 and read the diff`,
    );
  });
}

Deno.test("tests/golden holds no shader that no test reads", async () => {
  const names = (await Array.fromAsync(Deno.readDir(at("")))).map((entry) => entry.name)
    .filter((name) => name.endsWith(".wgsl"));
  assert.equal(names.length, COPIES.length, names.join());
});
