/**
 * A program on the CPU in the middle of training: weights, momentum, running statistics, a batch and
 * ranges, all made from a counter, all of ordinary size.
 *
 * @module
 */
import { OPTIMIZER_STATE } from "../../lib/program/tensor_names.ts";
import { draw, key } from "../../lib/data/counter_rng.ts";
import type { PlanOptions } from "../../lib/program/plan.ts";
import { buffersOf, type Program } from "../../lib/program/program.ts";
import { STEP } from "../../lib/quant/layouts.ts";
import { recordStatistics } from "../../lib/quant/statistics.ts";
import { ReferenceExecutor } from "../../lib/runtime/reference_executor.ts";
import { Network } from "../../lib/train/network/network.ts";
import type { Batch } from "../../lib/data/batch.ts";
import { type Arithmetic, type Case, dataOf, programOf, recipeOf } from "./networks.ts";

/** Uniform numbers in [0, 1) by purpose and counter. */
export function uniform(purpose: number): (n: number) => number {
  const stream = key(0x74657374, purpose);
  return (n) => draw(stream, n) / 2 ** 32;
}

/** Mostly around 0; of every fourth channel around 5, so that ReLU6 clips at both ends. */
const shift = (u: number) => u < 0.75 ? u - 0.4 : 4 + u;

/** A case on the CPU. */
export interface Filled {
  readonly program: Program;
  readonly cpu: ReferenceExecutor;
  readonly network: Network;
  readonly batch: Batch;
}

/** Random pixels and labels. */
export function batchOf(program: Program, samples = program.batch): Batch {
  const [h, w, c] = program.input, u = uniform(1);
  const images = new Uint8Array(Math.ceil(program.batch * h * w * c / 4) * 4);
  return {
    images: images.map((_, n) => 256 * u(n)),
    labels: new Uint32Array(program.batch).map((_, n) => program.classes * u(1e6 + n)),
    samples,
  };
}

/**
 * Plans a case and fills the memory of a CPU executor.
 *
 * @param options `narrow`: ranges after calibration are cut to this share, so that values are clipped;
 * `spread`: norm parameters and biases away from their first values
 */
export async function filled(
  test: Case,
  arithmetic: Arithmetic,
  { narrow = 0.8, spread = true, options = {} as PlanOptions } = {},
): Promise<Filled> {
  const program = programOf(test, arithmetic, options);
  const cpu = new ReferenceExecutor(program.buffers);
  const { quantize, seed } = recipeOf(test, arithmetic);
  const classWeights = test.weights && Float32Array.from(test.weights);
  const network = new Network(program, cpu, seed, quantize, dataOf(test), { classWeights });
  network.initialize();
  const f32 = (name: string) => cpu.memory.get(name)!.f32;
  program.parameters.forEach(({ name, role, frozen, dims: [o, i], parts }, index) => {
    const u = uniform(10 + index), values = f32(parts ? `${name}.0` : name);
    if (role === "norm" && spread) {
      for (let c = 0; c < i; c++) {
        values[c] = 0.5 + u(c);
        values[values.length / 2 + c] = shift(u(1000 + c));
      }
    }
    if (role === "bias" && spread) { for (let c = 0; c < o; c++) values[c] = shift(u(c)); }
    if (frozen) return;
    // Padding is 0 in momentum too: as far as the weights are not 0, so may it be.
    let before = 0;
    for (const part of buffersOf({ name, parts })) {
      const weights = f32(part), first = before;
      const fill = (kept: string, value: (n: number) => number) =>
        cpu.memory.get(`${part}.${kept}`)?.f32
          .forEach((_, n, v) => v[n] = weights[n] ? value(first + n) : 0);
      for (const state of Object.keys(OPTIMIZER_STATE)) {
        // What is not a velocity is an average of squares.
        if (state === "velocity") fill(state, (n) => (u(2000 + n) - 0.5) / 10);
        else fill(state, (n) => u(4000 + n) / 1000);
      }
      fill("average", (n) => u(6000 + n) - 0.5);
      before += weights.length;
    }
  });
  program.norms.forEach(({ layer, channels }, index) => {
    const u = uniform(100 + index), values = f32(`${layer}.running`);
    for (let c = 0; c < channels; c++) {
      values[c] = u(c) - 0.5;
      values[values.length / 2 + c] = 0.3 + u(1000 + c);
    }
  });
  // One image of a batch is padding, as in the last batch of an evaluation.
  const batch = batchOf(program, Math.max(1, program.batch - 1));
  await network.calibrate([batch]);
  program.quantizers.forEach((_, row) => {
    const range = network.scheduler.table.range(row);
    if (range) {
      network.scheduler.table.setRange(row, { low: narrow * range.low, high: narrow * range.high });
    }
  });
  if (program.quantizers.length > 0) {
    cpu.write("quantizers", network.scheduler.table.encodeAll().table);
  }
  cpu.write("pixels", batch.images);
  cpu.write("labels", batch.labels);
  cpu.memory.get("labels")!.f32.set(network.classWeights, program.batch);
  const step = cpu.memory.get("step")!;
  // Of micro-batches the second, so that gradients are added to those that lie there.
  STEP.write(step, 0, {
    seed: 7,
    step: 3,
    samples: batch.samples,
    first: program.micros > 1 ? program.batch : 0,
    learningRate: 0.05,
    normWeight: 1,
    total: program.micros * program.batch - 1,
    smoothing: program.training.smoothing,
    weightFactor: test.weights ? 0.75 : 0,
    firstCorrection: 2.9,
    secondCorrection: 16,
  });
  cpu.memory.get("mixes")?.u32.forEach((_, n, mixes) => mixes[n] = program.classes * uniform(3)(n));
  cpu.memory.get("mixes")?.f32.forEach((_, n, mixes) => {
    if (n % 2) mixes[n] = uniform(3)(n);
  });
  if (program.micros > 1) {
    program.parameters.forEach(({ name, parts, frozen }, index) => {
      const u = uniform(200 + index);
      for (const part of frozen ? [] : buffersOf({ name, parts })) {
        const values = f32(part);
        f32(`${part}.gradient`).forEach((_, n, v) => v[n] = values[n] ? u(n) - 0.5 : 0);
      }
    });
  }
  cpu.memory.get("statistics")!.bytes.fill(0);
  network.program.parameters.forEach(({ name, quantizer, parts }) => {
    if (quantizer === undefined) return;
    for (const part of buffersOf({ name, parts })) recordWeights(cpu, part, quantizer);
  });
  return { program, cpu, network, batch };
}

/** Leaves the extremes of a weight where an update would have left them. */
function recordWeights(cpu: ReferenceExecutor, name: string, row: number): void {
  const values = cpu.memory.get(name)!.f32, statistics = cpu.memory.get("statistics")!;
  recordStatistics(statistics, row, { min: Math.min(...values), max: Math.max(...values) });
}
