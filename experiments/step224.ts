/**
 * Compares one training step of each large network at 224×224, batch 1, 1000 classes, on the GPU with
 * the references in float64: float32 by loss, logits and every gradient; int8 by its loss, with static
 * ranges after a calibration. Takes minutes each; `deno task test:224 [NETWORK…]`.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { draw, key } from "../lib/data/counter_rng.ts";
import type { Copies, Executor } from "../lib/runtime/executor.ts";
import { openGpu } from "../lib/runtime/gpu/device.ts";
import { GpuExecutor } from "../lib/runtime/gpu/executor.ts";
import { accesses } from "../lib/program/memory/lifetimes.ts";
import { type DataShape, plan } from "../lib/program/plan.ts";
import { buffersOf, type ParameterSpec, type Program, type Step } from "../lib/program/program.ts";
import { resolveRecipe } from "../lib/recipe/load.ts";
import type { ZooName } from "../lib/recipe/model.ts";
import type { Recipe } from "../lib/recipe/recipe.ts";
import { microBatchOf } from "../lib/train/network/micro_batch.ts";
import { Network } from "../lib/train/network/network.ts";
import type { Batch } from "../lib/data/batch.ts";
import { Float64Executor } from "./float64/executor.ts";

const NETWORKS = ["resnet18", "vgg16", "mobilenet-v2"] as const satisfies readonly ZooName[];
/** ImageNet, normalized as in torchvision. */
const IMAGENET: DataShape = {
  shape: [224, 224, 3],
  classes: 1000,
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
};
/** Maximum differences of float32: of the loss, and of tensors relative to their largest value. */
const MAX_DIFFERENCES = { loss: 1e-4, logits: 1e-4, gradient: 1e-3 };
/** Maximum difference of the int8 loss, which is about ln 1000 in an untrained network. */
const MAX_INT8_DIFFERENCE = 0.5;

const recipeOf = (name: ZooName, arithmetic: "float32" | "int8"): Recipe =>
  resolveRecipe({
    data: { format: "idx", root: "unused" },
    model: { name },
    quantize: { arithmetic, scheduler: "host" },
    train: { batch: 1, optimizer: { lr: 0.01 } },
  });

/** A fixed image of coloured stripes and noise. */
function imageOf([h, w, c]: DataShape["shape"]): Batch {
  const stream = key(0x696d6167, 1), images = new Uint8Array(h * w * c);
  images.forEach((_, at) => {
    const x = Math.floor(at / c) % w, y = Math.floor(at / (c * w)), channel = at % c;
    const wave = Math.sin(x / (5 + 3 * channel)) * Math.cos(y / (9 - 2 * channel));
    images[at] = 128 + 80 * wave + 47 * (2 * draw(stream, at) / 2 ** 32 - 1);
  });
  return { images, labels: Uint32Array.of(207), samples: 1 };
}

const BATCH = imageOf(IMAGENET.shape);

/** Passes all calls to both executors, so that they start from the same values. */
class Both implements Executor {
  readonly device = "gpu";
  readonly adapter = "";
  readonly bytes = 0;
  readonly idleWait = Infinity;

  constructor(readonly gpu: GpuExecutor, readonly exact: Float64Executor) {}

  write(...args: Parameters<Executor["write"]>): void {
    this.exact.write(...args);
    this.gpu.write(...args);
  }
  ready(steps: readonly Step[]): Promise<void> {
    return this.gpu.ready(steps);
  }
  run(...args: Parameters<Executor["run"]>): Copies {
    this.exact.run(...args);
    return this.gpu.run(...args);
  }
  read(buffers: readonly string[]): Promise<Uint8Array<ArrayBuffer>[]> {
    return this.gpu.read(buffers);
  }
  close(): void {}
}

/**
 * Copies the activations of the GPU's forward pass to float64. An activation that float32 puts on the
 * other side of a kink rightly has another derivative: four of the 7 million of MobileNetV2 do, and one
 * of 49 pixels is a tenth of a gradient. With the same activations the gradients are comparable.
 */
async function copyActivations(
  steps: readonly Step[],
  known: ReadonlySet<string>,
  { gpu, exact }: Both,
) {
  const made = steps.flatMap((step) => accesses(step, known)).filter((a) => a.writes);
  for (const name of new Set(made.map((a) => a.name))) {
    exact.write(name, (await gpu.read([name]))[0]!);
  }
}

/** Writes the batch and runs forward, loss and backward. @returns the logits of both */
async function gradients(
  program: Program,
  executor: Both,
  logits: string,
): Promise<[gpu: ArrayLike<number>, float64: ArrayLike<number>]> {
  const written = microBatchOf(
    { program, seed: 1, classWeights: new Float32Array() },
    BATCH,
    { step: 0, learningRate: 0.01, normWeight: 1 },
    0,
  );
  for (const [name, data] of Object.entries(written)) executor.write(name, data);
  const { loss, backward } = program.sections;
  const forward = program.sections.forward.filter((step) => step.phase !== "eval");
  executor.run(forward, ["statistics", "metrics"]);
  const got = await read(executor.gpu, logits), [want] = await executor.exact.values([logits]);
  executor.run(loss);
  const kinds = new Set(["activation", "scratch"]);
  const known = program.buffers.filter((b) => kinds.has(b.kind)).map((b) => b.name);
  await copyActivations(forward, new Set(known), executor);
  executor.run(backward);
  return [got, want!];
}

const largestOf = (values: ArrayLike<number>) => {
  let largest = 0;
  for (let i = 0; i < values.length; i++) largest = Math.max(largest, Math.abs(values[i]!));
  return largest;
};

/** The largest difference, divided by `scale`. */
function difference(a: ArrayLike<number>, b: ArrayLike<number>, scale: number): number {
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    const d = Math.abs(a[i]! - b[i]!);
    if (!(d <= largest)) largest = d; // NaN too.
  }
  return largest / scale;
}

/** The buffers of a parameter's gradient. */
const gradientsOf = (spec: ParameterSpec) => buffersOf(spec).map((name) => `${name}.gradient`);

interface Compared {
  /** Loss on the GPU and in float64. */
  readonly loss: readonly [gpu: number, float64: number];
  readonly logits: number;
  readonly worst: number;
  readonly where: string;
}

/** float32 on the GPU against float64. */
async function float32(name: ZooName): Promise<Compared> {
  const recipe = recipeOf(name, "float32");
  // The activations are read, so no tensors share memory.
  const { program } = plan(recipe, IMAGENET, { reuse: false });
  const gpu = await GpuExecutor.create(await openGpu(), program);
  const exact = await Float64Executor.create(program.buffers);
  try {
    const both = new Both(gpu, exact);
    new Network(program, both, recipe.seed, recipe.quantize, IMAGENET).initialize();
    const scores = program.sections.loss[0]!.buffers.logits!;
    const [got, want] = await gradients(program, both, scores);
    const losses = [(await read(gpu, "metrics"))[0]!, (await exact.values(["metrics"]))[0]![0]!];
    const gradient = await worstGradient(program, gpu, exact);
    return {
      loss: [losses[0]!, losses[1]!],
      logits: difference(got, want, largestOf(want)),
      ...gradient,
    };
  } finally {
    gpu.close();
    exact.close();
  }
}

async function read(gpu: GpuExecutor, name: string): Promise<Float32Array> {
  return new Float32Array((await gpu.read([name]))[0]!.buffer);
}

/** The gradient with the largest difference, relative to the largest value of its tensor. */
async function worstGradient(
  { parameters }: Program,
  gpu: GpuExecutor,
  exact: Float64Executor,
): Promise<{ worst: number; where: string }> {
  let worst = -1, where = "", ofWeight = 0;
  for (const spec of parameters) {
    let off = 0, largest = 0;
    for (const name of gradientsOf(spec)) {
      const [want] = await exact.values([name]), got = await read(gpu, name);
      off = Math.max(off, difference(got, want!, 1));
      largest = Math.max(largest, largestOf(want!));
    }
    if (spec.role === "weight") ofWeight = largest;
    // Batch norm cancels the bias before it: its gradient is 0 except for rounding in the mean.
    const cancelled = spec.role === "bias" && largest < 1e-5 * ofWeight;
    const relative = off / (cancelled ? ofWeight : largest);
    if (!(relative <= worst)) [worst, where] = [relative, spec.name];
  }
  return { worst, where };
}

/** The loss of an int8 step, calibrated on its image. */
async function int8(name: ZooName): Promise<number> {
  const recipe = recipeOf(name, "int8"), { program } = plan(recipe, IMAGENET);
  const gpu = await GpuExecutor.create(await openGpu(), program);
  try {
    const network = new Network(program, gpu, recipe.seed, recipe.quantize, IMAGENET);
    network.initialize();
    await network.calibrate([BATCH]);
    return (await network.step(BATCH, 0, 0.01)).loss;
  } finally {
    gpu.close();
  }
}

const { positionals } = parseArgs({ args: Deno.args, allowPositionals: true });
const chosen = NETWORKS.filter((name) => positionals.length === 0 || positionals.includes(name));
if (chosen.length === 0) {
  console.error(`step224: expected networks among ${NETWORKS.join(", ")}, got ${positionals}`);
  Deno.exit(2);
}
console.log(
  "| network | loss GPU | loss float64 | logits | largest gradient error | loss int8 | seconds |",
);
console.log("| --- | --- | --- | --- | --- | --- | --- |");
let failed = false;
for (const name of chosen) {
  const start = performance.now();
  const { loss: [gpu, exact], logits, worst, where } = await float32(name);
  const quantized = await int8(name);
  const seconds = (performance.now() - start) / 1000;
  const cells = [
    name,
    gpu.toFixed(6),
    exact.toFixed(6),
    logits.toExponential(1),
    `${worst.toExponential(1)} (${where})`,
    quantized.toFixed(4),
    seconds.toFixed(0),
  ];
  console.log(`| ${cells.join(" | ")} |`);
  const within = Math.abs(gpu - exact) <= MAX_DIFFERENCES.loss &&
    logits <= MAX_DIFFERENCES.logits &&
    worst <= MAX_DIFFERENCES.gradient && Math.abs(quantized - exact) <= MAX_INT8_DIFFERENCE;
  failed ||= !within;
}
if (failed) {
  console.error(
    `step224: expected the loss within ${MAX_DIFFERENCES.loss}, logits within ${MAX_DIFFERENCES.logits} and gradients ` +
      `within ${MAX_DIFFERENCES.gradient} of their largest value, the loss of int8 within ${MAX_INT8_DIFFERENCE}`,
  );
  Deno.exit(1);
}
