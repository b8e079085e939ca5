/**
 * Whole training steps on one adapter in one run: a few steps of each side in turn, so that a machine
 * whose speed drifts does not decide. Prints medians and the spread.
 *
 *     deno task bench [model] [batch] [--ranges] [--no-tune] [--json FILE]
 *
 * Kernels run with the fastest tiles as far as they are known (docs/tuning.md), or with the defaults.
 * Without `--ranges` int8 is held against float32; with it, the ways to set ranges against one
 * another: static and dynamic, on the host and on the device.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { epochOrder } from "../lib/data/order.ts";
import { openDataset } from "../lib/data/open.ts";
import { programTraffic } from "../lib/report/program_traffic.ts";
import { median } from "../lib/report/statistics.ts";
import { plan } from "../lib/model/plan.ts";
import { openDevice } from "../lib/open_device.ts";
import { resolveRecipe } from "../lib/recipe/load.ts";
import type { Program } from "../lib/program.ts";
import type { RecipeInput } from "../lib/recipe/input.ts";
import { BatchReader } from "../lib/train/batches.ts";
import { chosen } from "../lib/train/ways.ts";
import { Network } from "../lib/train/network.ts";
import { table } from "../cli/format.ts";

const ROUNDS = 9;
const STEPS = 8;

type Quantize = NonNullable<RecipeInput["quantize"]>;
const both = (estimator: string): Quantize => ({
  activations: { estimator },
  gradients: { estimator },
  scheduler: "device",
});

/** What is timed, by name; the first is what the others are held against. */
const SIDES: Readonly<Record<string, Quantize>> = {
  "int8": { scheduler: "auto" },
  "float32": { arithmetic: "float32", scheduler: "auto" },
};
const RANGES: Readonly<Record<string, Quantize>> = {
  "hindsight-minmax, device": both("hindsight-minmax"),
  "hindsight-minmax, host": {},
  "hindsight-minmax, host, lag 2": { lag: 2 },
  "hindsight-guarded, device": both("hindsight-guarded"),
  "dsgc, device": both("dsgc"),
  "current-minmax, device": both("current-minmax"),
  "running-minmax, device": both("running-minmax"),
  "simulated, hindsight-minmax, device": { ...both("hindsight-minmax"), arithmetic: "simulated" },
  "float32": { arithmetic: "float32", scheduler: "auto" },
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: "string" },
    ranges: { type: "boolean" },
    "no-tune": { type: "boolean" },
  },
});
const model = (positionals[0] ?? "cnn") as "cnn" | "resnet8";
const batch = Number(positionals[1] ?? 64);

/** Multiplications and additions of a step's convolutions, forward and backward. */
function operations({ sections, parameters, quantizers }: Program): number {
  const weights = new Map(parameters.filter((p) => p.role === "weight").map((p) => [p.layer, p]));
  const steps = chosen([...sections.forward, ...sections.backward], quantizers, { phase: "train" });
  const convs = steps.filter((s) => /^conv_/.test(s.kernel));
  const pixels = new Map(
    sections.forward.filter((s) => s.kernel === "conv_forward")
      .map((s) => [s.layer, s.constants.PIXELS!]),
  );
  return convs.reduce((sum, { layer }) => {
    const [o, i, h, w] = weights.get(layer)!.dims;
    return sum + 2 * pixels.get(layer)! * o * i * h * w;
  }, 0);
}

async function prepare([name, quantize]: readonly [string, Quantize]) {
  const recipe = resolveRecipe({
    data: { format: "glyphs", train: 4 * batch, test: batch },
    model: { name: model },
    train: { batch },
    quantize,
  });
  const data = await openDataset(recipe.data);
  const { program } = plan(recipe, data);
  const device = await openDevice("gpu", { tiles: values["no-tune"] ? "default" : "timed" });
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
    for (let i = 0; i < STEPS;) {
      for (let k = 0; k < network.inFlight; k++, i++) {
        await network.submit(batches[step % 4]!, step++, 0.01);
      }
      await network.collect();
    }
    return (performance.now() - t) / STEPS;
  };
  await run();
  const firstStep = performance.now() - began;
  return { name, device, executor, program, run, firstStep, times: [] as number[] };
}

const sides: Awaited<ReturnType<typeof prepare>>[] = [];
for (const side of Object.entries(values.ranges ? RANGES : SIDES)) sides.push(await prepare(side));
for (let round = 0; round < ROUNDS; round++) {
  for (const side of sides) side.times.push(await side.run());
}

const results = sides.map(({ name, times, program, firstStep }) => {
  const typical = median(times);
  const ms = (t: number) => Math.round(t * 10) / 10;
  return {
    side: name,
    step_ms: ms(typical),
    // The ratio of medians drifts with the machine; that of neighbours in time does not.
    ratio: median(times.map((t, i) => t / sides[0]!.times[i]!)),
    fastest_ms: ms(Math.min(...times)),
    slowest_ms: ms(Math.max(...times)),
    images_per_second: Math.round(batch / typical * 1000),
    gop_per_second: Math.round(operations(program) / typical / 1e5) / 10,
    set_up_ms: Math.round(firstStep),
    activation_bytes: program.buffers.filter((b) => b.kind === "activation")
      .reduce((sum, b) => sum + b.bytes, 0),
    moved_bytes: batch * Object.values(programTraffic(program).sections).reduce((a, b) => a + b),
    gpu_bytes: program.buffers.reduce((sum, b) => sum + b.bytes, 0),
  };
});
const adapter = sides[0]!.device.name;
console.log(
  `${model}, batch ${batch}, on ${adapter}: ${ROUNDS} rounds of ${STEPS} steps in turn\n`,
);
console.log(table(
  [
    "",
    "ms a step",
    `× ${results[0]!.side}`,
    "fastest",
    "slowest",
    "images/s",
    "GOP/s",
    "set-up ms",
    "GPU MB",
    "MB moved a step",
  ],
  results.map((r) => [
    r.side,
    String(r.step_ms),
    r.ratio.toFixed(2),
    String(r.fastest_ms),
    String(r.slowest_ms),
    String(r.images_per_second),
    String(r.gop_per_second),
    String(r.set_up_ms),
    (r.gpu_bytes / 1e6).toFixed(1),
    (r.moved_bytes / 1e6).toFixed(0),
  ]),
));
if (values.json) {
  const report = { model, batch, adapter, rounds: ROUNDS, results };
  await Deno.writeTextFile(values.json, JSON.stringify(report, null, 2) + "\n");
}
for (const { executor } of sides) executor.close();
