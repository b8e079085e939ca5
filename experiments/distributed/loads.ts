/**
 * What networks exchange in a step, by their plans, and what they compute, as timed here.
 *
 * @module
 */
import { trainedBuffers } from "../../lib/program/passes/nonfinite_guard.ts";
import { type DataShape, plan } from "../../lib/program/plan.ts";
import type { Program } from "../../lib/program/program.ts";
import { resolveRecipe } from "../../lib/recipe/load.ts";
import type { ZooName } from "../../lib/recipe/model.ts";
import { cpuDevice } from "../../lib/runtime/device.ts";
import { Network } from "../../lib/train/network/network.ts";
import type { Load } from "./step_model.ts";

/** Buckets of gradients that a step has at most: lib/train/network/gradient_sums.ts. */
const MAX_BUCKETS = 8, MIN_BUCKET_BYTES = 65536;

/** A network, its images, and those of a rank and step. */
interface Case {
  readonly name: ZooName;
  readonly size: number;
  readonly channels: number;
  readonly images: number;
}

/** The networks of the measurement, and those of the forecast. */
const CASES: readonly Case[] = [
  { name: "cnn", size: 28, channels: 1, images: 32 },
  { name: "resnet8", size: 32, channels: 3, images: 32 },
  { name: "resnet18", size: 224, channels: 3, images: 8 },
  { name: "mobilenet-v2", size: 224, channels: 3, images: 8 },
];

/** Loads by network; those of 224×224 are timed with all threads of this machine. */
export async function loadsOf(): Promise<ReadonlyMap<string, Load & { readonly images: number }>> {
  const loads = new Map<string, Load & { readonly images: number }>();
  for (const given of CASES) {
    const { program, seconds } = await planned(given);
    const bytesOf = new Map(program.buffers.map(({ name, bytes }) => [name, bytes]));
    const gradientBytes = trainedBuffers(program)
      .reduce((sum, name) => sum + bytesOf.get(`${name}.gradient`)!, 0);
    const full = Math.max(MIN_BUCKET_BYTES, gradientBytes / MAX_BUCKETS);
    loads.set(given.name, {
      images: given.images,
      gradientBytes,
      statisticsBytes: bytesOf.get("statistics")!,
      exchanges: 2 * Math.ceil(gradientBytes / full),
      compute: seconds,
    });
  }
  return loads;
}

async function planned(
  { name, size, channels, images }: Case,
): Promise<{ readonly program: Program; readonly seconds: number }> {
  const classes = size === 224 ? 1000 : 10;
  const data: DataShape = {
    shape: [size, size, channels],
    classes,
    mean: new Array(channels).fill(0.5),
    std: new Array(channels).fill(0.25),
  };
  const recipe = resolveRecipe({
    data: { format: "cifar", root: "." },
    model: { name },
    train: { batch: images },
  });
  const { program } = plan(recipe, data, { exchanges: true });
  if (size !== 224) return { program, seconds: 0 };
  const executor = await cpuDevice({}).createExecutor(program);
  try {
    const network = new Network(program, executor, 1, recipe.quantize, data);
    network.initialize();
    const batch = {
      images: new Uint8Array(images * size * size * channels).map((_, i) => i * 97 % 251),
      labels: new Uint32Array(images).map((_, i) => i),
      samples: images,
    };
    const times: number[] = [];
    for (let step = 0; step < 4; step++) {
      const began = performance.now();
      await network.step(batch, step, 0.01);
      times.push((performance.now() - began) / 1000);
    }
    return { program, seconds: times.slice(1).toSorted((a, b) => a - b)[1]! };
  } finally {
    executor.close();
  }
}
