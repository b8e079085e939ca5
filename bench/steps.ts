/**
 * Whole training steps, int8 against float32, on one adapter in one run: a few steps of each in
 * turn, so that a machine whose speed drifts does not decide. Prints medians and the spread.
 *
 *     deno task bench [model] [batch] [--json FILE]
 *
 * @module
 */
import { parseArgs } from "node:util";
import { epochOrder } from "../lib/data/order.ts";
import { openDataset } from "../lib/data/open.ts";
import { plan } from "../lib/model/plan.ts";
import { openDevice } from "../lib/open_device.ts";
import { resolveRecipe } from "../lib/recipe/load.ts";
import type { Program } from "../lib/program.ts";
import { BatchReader } from "../lib/train/batches.ts";
import { Network } from "../lib/train/network.ts";
import { table } from "../cli/format.ts";

const ROUNDS = 9;
const STEPS = 3;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: "string" } },
});
const model = (positionals[0] ?? "cnn") as "cnn" | "resnet8";
const batch = Number(positionals[1] ?? 64);

/** Multiplications and additions of a step's convolutions, forward and backward. */
function operations({ sections, parameters }: Program): number {
  const weights = new Map(parameters.filter((p) => p.role === "weight").map((p) => [p.layer, p]));
  const convs = [...sections.forward, ...sections.backward].filter((s) => /^conv_/.test(s.kernel));
  const pixels = new Map(
    sections.forward.filter((s) => s.kernel === "conv_forward")
      .map((s) => [s.layer, s.constants.PIXELS!]),
  );
  return convs.reduce((sum, { layer }) => {
    const [o, i, h, w] = weights.get(layer)!.dims;
    return sum + 2 * pixels.get(layer)! * o * i * h * w;
  }, 0);
}

async function prepare(arithmetic: "int8" | "float32") {
  const recipe = resolveRecipe({
    data: { format: "glyphs", train: 4 * batch, test: batch },
    model: { name: model },
    train: { batch },
    quantize: { arithmetic },
  });
  const data = await openDataset(recipe.data);
  const { program } = plan(recipe, data);
  const device = await openDevice("gpu");
  const began = performance.now();
  const executor = await device.createExecutor(program);
  const network = new Network(program, executor, 1, recipe.quantize, data);
  network.initialize();
  const order = epochOrder(data.train.count, 1, 0);
  const reader = new BatchReader(data, batch);
  const batches = await Promise.all([0, 1, 2, 3].map((i) => reader.training(order, i)));
  await network.calibrate([batches[0]!]);
  let step = 0;
  const run = async () => {
    const t = performance.now();
    for (let i = 0; i < STEPS; i++) {
      await network.step(batches[step % 4]!, step++, 0.01);
    }
    return (performance.now() - t) / STEPS;
  };
  await run();
  const firstStep = performance.now() - began;
  return { arithmetic, device, executor, program, run, firstStep, times: [] as number[] };
}

const sides = [await prepare("int8"), await prepare("float32")];
for (let round = 0; round < ROUNDS; round++) {
  for (const side of sides) side.times.push(await side.run());
}
const results = sides.map(({ arithmetic, times, program, firstStep }) => {
  const sorted = times.toSorted((a, b) => a - b), median = sorted[ROUNDS >> 1]!;
  const ms = (t: number) => Math.round(t * 10) / 10;
  return {
    arithmetic,
    step_ms: ms(median),
    fastest_ms: ms(sorted[0]!),
    slowest_ms: ms(sorted.at(-1)!),
    images_per_second: Math.round(batch / median * 1000),
    gop_per_second: Math.round(operations(program) / median / 1e5) / 10,
    set_up_ms: Math.round(firstStep),
    activation_bytes: program.buffers.filter((b) => b.kind === "activation")
      .reduce((sum, b) => sum + b.bytes, 0),
    gpu_bytes: program.buffers.reduce((sum, b) => sum + b.bytes, 0),
  };
});
const ratio = Math.round(results[1]!.step_ms / results[0]!.step_ms * 100) / 100;
const adapter = sides[0]!.device.name;
console.log(
  `${model}, batch ${batch}, on ${adapter}: ${ROUNDS} rounds of ${STEPS} steps in turn\n`,
);
console.log(table(
  ["arithmetic", "ms a step", "fastest", "slowest", "images/s", "GOP/s", "set-up ms", "GPU MB"],
  results.map((r) => [
    r.arithmetic,
    String(r.step_ms),
    String(r.fastest_ms),
    String(r.slowest_ms),
    String(r.images_per_second),
    String(r.gop_per_second),
    String(r.set_up_ms),
    (r.gpu_bytes / 1e6).toFixed(1),
  ]),
));
console.log(`\nint8 is ${ratio} times as fast as float32`);
if (values.json) {
  const report = { model, batch, adapter, rounds: ROUNDS, ratio, results };
  await Deno.writeTextFile(values.json, JSON.stringify(report, null, 2) + "\n");
}
for (const { executor } of sides) executor.close();
