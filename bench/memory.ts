/**
 * How much memory training takes: what is planned, and what the process then holds on the software
 * adapter, where the GPU's memory is the process's own.
 *
 *     deno run -A bench/memory.ts            the plan of the networks of docs/results.md
 *     deno run -A bench/memory.ts --measure  one step of cnn in two batch sizes, by resident memory
 *
 * @module
 */
import { parseArgs } from "node:util";
import { bytesOf } from "../lib/memory/bytes.ts";
import { peakMemory } from "../lib/memory/peak.ts";
import { type DataShape, plan } from "../lib/model/plan.ts";
import { openDevice } from "../lib/open_device.ts";
import { resolveRecipe } from "../lib/recipe/load.ts";
import type { ZooName } from "../lib/recipe/types.ts";
import { Network } from "../lib/train/network.ts";

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
) {
  const recipe = resolveRecipe({
    data: { format: "glyphs" },
    model: { name },
    quantize: { arithmetic },
    train: { batch },
  });
  return { recipe, program: plan(recipe, data).program };
}

function table(): void {
  const networks = [
    ["cnn", shapeOf(28, 1, 10), 64],
    ["resnet8", shapeOf(32, 3, 10), 64],
    ["resnet18", shapeOf(224, 3, 1000), 1],
    ["resnet18", shapeOf(224, 3, 1000), 8],
  ] as const;
  const mb = (n: number) => (n / 1e6).toFixed(1).padStart(8);
  console.log("network        batch  arithmetic   apart   shared  of it kept  at the fullest step");
  for (const [name, data, batch] of networks) {
    for (const arithmetic of ["int8", "float32"] as const) {
      const { program } = planned(name, data, batch, arithmetic), peak = peakMemory(program);
      const regions = program.layout!.regions.reduce((a, b) => a + b, 0);
      const used = regions - peak.gaps;
      console.log(
        `${name} ${data.shape[0]}`.padEnd(15) + `${batch}`.padEnd(7) + arithmetic.padEnd(10) +
          mb(bytesOf(program.buffers) + peak.staging) + mb(peak.total) +
          mb(peak.total - regions).padStart(12) + mb(used).padStart(14),
      );
    }
  }
}

/** Resident bytes of this process. */
function resident(): number {
  const status = Deno.readTextFileSync("/proc/self/status");
  return 1024 * Number(/VmRSS:\s+(\d+)/.exec(status)![1]);
}

/** Prints what is planned, created, and resident after two steps of `cnn`. */
async function one(batch: number, arithmetic: Arithmetic): Promise<void> {
  const data = shapeOf(28, 1, 10);
  const { recipe, program } = planned("cnn", data, batch, arithmetic);
  const executor = await (await openDevice("gpu")).createExecutor(program);
  const network = new Network(program, executor, 1, recipe.quantize, data);
  network.initialize();
  const images = new Uint8Array(batch * 28 * 28).map((_, i) => Math.imul(i + 1, 0x9e3779b1) >>> 24);
  const labels = new Uint32Array(batch).map((_, i) => i % 10);
  for (let step = 0; step < 2; step++) {
    await network.step({ images, labels, samples: batch }, step, 0.01);
  }
  await network.state();
  const { total: plan } = peakMemory(program);
  console.log(JSON.stringify({ plan, created: executor.bytes, resident: resident() }));
  executor.close();
}

/** What a larger batch adds, so that the program itself and its compiled kernels cancel out. */
async function measure(): Promise<void> {
  for (const [arithmetic, large] of [["float32", 768], ["int8", 2048]] as const) {
    const runs = [];
    for (const batch of [64, large]) {
      const { stdout } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", import.meta.filename!, "--one", `${batch}`, "--arithmetic", arithmetic],
      }).output();
      runs.push(JSON.parse(new TextDecoder().decode(stdout)));
    }
    const [small, big] = runs, mb = (n: number) => (n / 1e6).toFixed(1);
    console.log(
      `cnn ${arithmetic}, batch 64 → ${large}: planned ${mb(small.plan)} → ${mb(big.plan)} MB, ` +
        `created ${mb(small.created)} → ${mb(big.created)} MB; planned grows by ` +
        `${mb(big.plan - small.plan)} MB, resident memory by ${
          mb(big.resident - small.resident)
        } MB`,
    );
  }
}

const { values } = parseArgs({
  options: {
    measure: { type: "boolean" },
    one: { type: "string" },
    arithmetic: { type: "string" },
  },
});
if (values.one) await one(Number(values.one), values.arithmetic as Arithmetic);
else if (values.measure) await measure();
else table();
