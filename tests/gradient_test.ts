/**
 * The float32 gradient against central differences of the loss, for every kind of layer: each stands
 * behind a convolution, whose weights see the gradient of its input.
 *
 * The bound: of a parameter's largest gradient 1% (curvature and the kinks of ReLU and max), plus
 * 1e-4 (the logits are f32: a loss near 1 is known to 1e-7, divided by a step of 2⁻⁹ it is 5e-5). The
 * largest difference is 16% of its bound with f32 sums; it was 6% while the references added in float64.
 *
 * @module
 */
import assert from "node:assert/strict";
import { STEP as STEP_LAYOUT } from "../lib/quant/layouts.ts";
import type { Program } from "../lib/program/program.ts";
import type { LayerInput } from "../lib/recipe/layers.ts";
import type { ReferenceExecutor } from "../lib/runtime/reference_executor.ts";
import { filled, uniform } from "./support/fill.ts";
import type { Case } from "./support/networks.ts";

const conv = (channels: number, kernel: number | [number, number], more: object = {}): LayerInput =>
  ({ type: "conv2d", channels, kernel, ...more }) as LayerInput;

/** The layers under test. */
const KINDS: Readonly<Record<string, readonly LayerInput[]>> = {
  "conv2d with stride, padding and a kernel that is not square": [
    conv(3, [3, 2], { stride: [2, 1], padding: [1, 0], bias: true }),
  ],
  "conv2d with a stride beyond its kernel": [conv(5, 1, { stride: 2, bias: true })],
  "depthwise conv2d with a kernel that is not square": [
    conv(3, [3, 2], { groups: 3, padding: [1, 0], bias: true }),
  ],
  "depthwise conv2d with stride": [conv(3, 3, { groups: 3, stride: [2, 3], padding: 1 }), "relu6"],
  "dropout": [{ type: "dropout", rate: 0.3 }, "relu", "dropout"],
  "linear over height, width and channels": [{ type: "linear", features: 6 }],
  "batch_norm in training": ["batch_norm", conv(2, 2)],
  "batch_norm with relu": ["batch_norm", "relu"],
  "batch_norm with relu6": ["batch_norm", "relu6"],
  "relu": ["relu"],
  "relu6": ["relu6"],
  "max_pool with windows that overlap": [{ type: "max_pool", kernel: 3, stride: 1, padding: 1 }],
  "avg_pool with padding": [{ type: "avg_pool", kernel: [2, 3], stride: 2, padding: 1 }],
  "global_avg_pool": ["relu", "global_avg_pool"],
  "residual with the identity": [
    { type: "residual", body: [conv(3, 3, { padding: 1 }), "batch_norm"] },
    "relu",
  ],
  "residual with a projection": [
    {
      type: "residual",
      body: ["relu", conv(4, 3, { padding: 1, stride: 2 })],
      shortcut: [conv(4, 1, { stride: 2 }), "batch_norm"],
    },
  ],
  "residual of residuals before activations": [
    {
      type: "residual",
      body: [{ type: "residual", body: ["batch_norm", "relu", conv(3, 1)] }, "relu6"],
      shortcut: ["relu"],
    },
  ],
};

/** The same behind a convolution that trains, with layers named `frozen…` that do not. */
const FROZEN: Readonly<Record<string, readonly LayerInput[]>> = {
  "frozen layers between those that train": [
    { type: "batch_norm", name: "frozen1" },
    "relu6",
    conv(4, 2, { name: "frozen2", padding: 1, bias: true }),
    { type: "batch_norm", name: "frozen3" },
    "relu",
  ],
  "a frozen branch beside one that trains": [
    {
      type: "residual",
      body: [conv(3, 3, { padding: 1 }), { type: "batch_norm", name: "frozen1" }],
      shortcut: [conv(3, 1, { name: "frozen2" })],
    },
  ],
};

/** The loss in float64 from the f32 logits, so that a difference of losses keeps its digits. */
function lossOf(program: Program, cpu: ReferenceExecutor): number {
  const { sections, classes, batch } = program;
  cpu.run([...sections.weights, ...sections.forward.filter((s) => s.phase !== "eval")]);
  const name = sections.loss[0]!.buffers.logits!;
  const padded = Math.ceil(classes / 4) * 4, logits = cpu.memory.get(name)!.f32;
  const labels = cpu.memory.get("labels")!.u32;
  let loss = 0;
  for (let n = 0; n < batch; n++) {
    const row = Array.from(logits.subarray(n * padded, n * padded + classes));
    loss += Math.log(row.reduce((sum, l) => sum + Math.exp(l), 0)) - row[labels[n]!]!;
  }
  return loss / batch;
}

/** A step of the difference. */
const STEP = 2 ** -9;
/** Off by at most SHARE of a parameter's largest gradient plus FLOOR. */
const SHARE = 0.01, FLOOR = 1e-4;

for (const [kind, layers] of Object.entries({ ...KINDS, ...FROZEN })) {
  Deno.test(`the float32 gradient equals finite differences: ${kind}`, async () => {
    const test: Case = {
      name: kind,
      image: [5, 4, 2],
      batch: 3,
      classes: 3,
      layers: [conv(3, 2, { bias: true }), ...layers, { type: "linear", features: 3 }],
      freeze: kind in FROZEN ? ["frozen*"] : [],
    };
    const { program, cpu } = await filled(test, "float32");
    // Every image counts here: the loss above is the mean over the batch.
    STEP_LAYOUT.write(cpu.memory.get("step")!, 0, { samples: program.batch });
    const { sections } = program;
    lossOf(program, cpu);
    cpu.run([...sections.loss, ...sections.backward]);
    const trained = program.parameters.filter((spec) => !spec.frozen);
    const gradients = trained.map(({ name }) => cpu.memory.get(`${name}.gradient`)!.f32.slice());
    const off: string[] = [];
    trained.forEach(({ name }, index) => {
      const values = cpu.memory.get(name)!.f32, gradient = gradients[index]!;
      const largest = gradient.reduce((a, g) => Math.max(a, Math.abs(g)), 0);
      const real = [...values.keys()].filter((at) => values[at] !== 0);
      // A bias that a norm follows has none.
      assert.ok(largest > 1e-3 || name.endsWith(".bias"), `${name} has a gradient to compare`);
      const pick = uniform(500 + index);
      for (let k = 0; k < Math.min(12, real.length); k++) {
        const at = real[Math.floor(pick(k) * real.length)]!, kept = values[at]!;
        values[at] = kept + STEP;
        const [above, high] = [lossOf(program, cpu), values[at]!];
        values[at] = kept - STEP;
        const [below, low] = [lossOf(program, cpu), values[at]!];
        values[at] = kept;
        const difference = (above - below) / (high - low);
        if (Math.abs(difference - gradient[at]!) > SHARE * largest + FLOOR) {
          off.push(`${name}[${at}]: ${gradient[at]}, by differences ${difference} (of ${largest})`);
        }
      }
    });
    assert.deepEqual(off, []);
  });
}
