/**
 * The memory of training: what is planned, and what the process then uses on the software adapter, where
 * the GPU's memory is that of the process.
 *
 *     deno run -A experiments/memory.ts            the plans of the networks in docs/results.md
 *     deno run -A experiments/memory.ts --measure  cnn in two batch sizes, by resident memory
 *     deno run -A experiments/memory.ts --time     steps of cnn, with each way to save memory
 *
 * @module
 */
import { parseArgs } from "node:util";
import { bytesOf } from "../lib/program/memory/bytes.ts";
import { layOut } from "../lib/program/memory/layout.ts";
import { peakMemory } from "../lib/program/memory/peak.ts";
import { recomputable, recompute } from "../lib/program/passes/recompute.ts";
import { type DataShape, plan } from "../lib/program/plan.ts";
import { openDevice } from "../lib/runtime/device.ts";
import { resolveRecipe } from "../lib/recipe/load.ts";
import type { Program } from "../lib/program/program.ts";
import type { ZooName } from "../lib/recipe/model.ts";
import { Network } from "../lib/train/network/network.ts";
import type { Batch } from "../lib/data/batch.ts";

type Arithmetic = "int8" | "float32";

const shapeOf = (size: number, channels: number, classes: number): DataShape => ({
  shape: [size, size, channels],
  classes,
  mean: Array<number>(channels).fill(0.5),
  std: Array<number>(channels).fill(0.5),
});

function planned(
  name: ZooName,
  data: DataShape,
  batch: number,
  arithmetic: Arithmetic,
  micro_batch = 0,
) {
  const recipe = resolveRecipe({
    data: { format: "glyphs" },
    model: { name },
    quantize: { arithmetic },
    train: { batch, micro_batch },
  });
  return { recipe, program: plan(recipe, data).program };
}

/** Recomputes the outputs of all norms in the backward pass. */
function recomputing(program: Program): Program {
  const changed = recompute(program, recomputable(program));
  return { ...changed, layout: layOut(changed) };
}

const mb = (n: number) => (n / 1e6).toFixed(1);

function table(): void {
  const networks = [
    ["cnn", shapeOf(28, 1, 10), 64],
    ["resnet8", shapeOf(32, 3, 10), 64],
    ["resnet18", shapeOf(224, 3, 1000), 1],
    ["resnet18", shapeOf(224, 3, 1000), 8],
  ] as const;
  console.log(
    "network, batch, arithmetic: a buffer for each tensor, shared, recomputing, micro-batches of 1",
  );
  for (const [name, data, batch] of networks) {
    for (const arithmetic of ["int8", "float32"] as const) {
      const { program } = planned(name, data, batch, arithmetic);
      const one = recomputing(planned(name, data, batch, arithmetic, 1).program);
      const apart = bytesOf(program.buffers) + peakMemory(program).staging;
      const totals = [program, recomputing(program), one].map((p) => peakMemory(p).total);
      const name_ = `${name} at ${data.shape[0]}, ${batch}, ${arithmetic}`;
      console.log(`${name_}:`.padEnd(30), [apart, ...totals].map(mb).join("  "));
    }
  }
}

/** Times steps of `cnn` with each way to save memory, in turns. */
async function time(rounds = 15): Promise<void> {
  const data = shapeOf(28, 1, 10), { recipe, program } = planned("cnn", data, 64, "int8");
  const variants: Record<string, Program> = {
    "a buffer for each tensor": plan(recipe, data, { reuse: false }).program,
    "shared memory": program,
    "recomputing every norm": recomputing(program),
    "micro-batches of 16": planned("cnn", data, 64, "int8", 16).program,
  };
  const open = async (program: Program) => {
    const executor = await (await openDevice("gpu")).createExecutor(program);
    const network = new Network(program, executor, 1, recipe.quantize, data);
    network.initialize();
    return { network, bytes: executor.bytes, times: [] as number[] };
  };
  const networks = new Map<string, Awaited<ReturnType<typeof open>>>();
  for (const [name, program] of Object.entries(variants)) networks.set(name, await open(program));
  for (let round = -2; round < rounds; round++) {
    for (const { network, times } of networks.values()) {
      const began = performance.now();
      await network.step(noise(64), round + 2, 0.01);
      if (round >= 0) times.push(performance.now() - began);
    }
  }
  for (const [name, { times, bytes }] of networks) {
    times.sort((a, b) => a - b);
    const at = (q: number) => times[Math.floor(q * (times.length - 1))]!.toFixed(0);
    console.log(`${name}: ${mb(bytes)} MB, ${at(0.5)} ms a step (${at(0.25)}–${at(0.75)})`);
  }
  for (const { network } of networks.values()) network.executor.close();
}

/** A batch of 28×28 images. */
function noise(batch: number): Batch {
  const images = new Uint8Array(batch * 28 * 28).map((_, i) => Math.imul(i + 1, 0x9e3779b1) >>> 24);
  return { images, labels: new Uint32Array(batch).map((_, i) => i % 10), samples: batch };
}

/** The resident memory of this process, in bytes. */
function resident(): number {
  const status = Deno.readTextFileSync("/proc/self/status");
  return 1024 * Number(/VmRSS:\s+(\d+)/.exec(status)![1]);
}

/** Prints the planned, allocated and resident bytes after two steps of `cnn`. */
async function one(batch: number, arithmetic: Arithmetic): Promise<void> {
  const data = shapeOf(28, 1, 10);
  const { recipe, program } = planned("cnn", data, batch, arithmetic);
  const executor = await (await openDevice("gpu")).createExecutor(program);
  const network = new Network(program, executor, 1, recipe.quantize, data);
  network.initialize();
  for (let step = 0; step < 2; step++) await network.step(noise(batch), step, 0.01);
  await network.state();
  const { total: plan } = peakMemory(program);
  console.log(JSON.stringify({ plan, allocated: executor.bytes, resident: resident() }));
  executor.close();
}

/** Compares two batch sizes, so that the program itself and its compiled kernels cancel out. */
async function measure(): Promise<void> {
  for (const [arithmetic, large] of [["float32", 768], ["int8", 2048]] as const) {
    const runs = [];
    for (const batch of [64, large]) {
      const { stdout } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", import.meta.filename!, "--one", `${batch}`, "--arithmetic", arithmetic],
      }).output();
      runs.push(JSON.parse(new TextDecoder().decode(stdout)));
    }
    const [small, big] = runs;
    console.log(
      `cnn ${arithmetic}, batch 64 → ${large}: planned ${mb(small.plan)} → ${mb(big.plan)} MB, ` +
        `allocated ${mb(small.allocated)} → ${mb(big.allocated)} MB; planned grows by ` +
        `${mb(big.plan - small.plan)} MB, resident memory by ${
          mb(big.resident - small.resident)
        } MB`,
    );
  }
}

const { values } = parseArgs({
  options: {
    measure: { type: "boolean" },
    time: { type: "boolean" },
    one: { type: "string" },
    arithmetic: { type: "string" },
  },
});
if (values.one) await one(Number(values.one), values.arithmetic as Arithmetic);
else if (values.measure) await measure();
else if (values.time) await time();
else table();
