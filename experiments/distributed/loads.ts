/**
 * What networks exchange in a step and how long they compute, by training steps on one thread here. That is
 * the process's processor time, which hardly depends on what else the machine does.
 *
 * @module
 */
import { cpuUsage } from "node:process";
import { localRanks } from "../../lib/distributed/local_ranks.ts";
import { type DataShape, plan } from "../../lib/program/plan.ts";
import { resolveRecipe } from "../../lib/recipe/load.ts";
import type { ZooName } from "../../lib/recipe/model.ts";
import { cpuDevice } from "../../lib/runtime/device.ts";
import { Network } from "../../lib/train/network/network.ts";
import type { Load } from "./step_model.ts";
import { WatchedRanks } from "./watched_ranks.ts";

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

/** Loads by network. */
export async function measureLoads(): Promise<Readonly<Record<string, Load>>> {
  const loads: Record<string, Load> = {};
  for (const given of CASES) loads[given.name] = await loadOf(given);
  return loads;
}

async function loadOf({ name, size, channels, images }: Case): Promise<Load> {
  const data: DataShape = {
    shape: [size, size, channels],
    classes: size === 224 ? 1000 : 10,
    mean: new Array(channels).fill(0.5),
    std: new Array(channels).fill(0.25),
  };
  const recipe = resolveRecipe({
    data: { format: "cifar", root: "." },
    model: { name },
    train: { batch: images },
  });
  const { program } = plan(recipe, data, { exchanges: true });
  const executor = await cpuDevice({ threads: 1 }).createExecutor(program);
  const ranks = new WatchedRanks(localRanks(1)[0]!);
  try {
    const network = new Network(program, executor, 1, recipe.quantize, data, { ranks });
    network.initialize();
    const batch = {
      images: new Uint8Array(images * size * size * channels).map((_, i) => i * 97 % 251),
      labels: new Uint32Array(images).map((_, i) => i % 10),
      samples: images,
    };
    const times: number[] = [];
    for (let step = 0; step < 4; step++) {
      ranks.log.length = 0;
      const began = cpuUsage();
      await network.step(batch, step, 0.01);
      const { user, system } = cpuUsage(began);
      times.push((user + system) / 1e6);
    }
    const bytesOf = (wanted: string) =>
      ranks.log.filter(({ kind }) => kind === wanted)
        .map(({ bytes }) => bytes.reduce((a, b) => a + b));
    const slices = bytesOf("allToAll");
    return {
      images,
      statisticsBytes: slices.pop()!, // They begin after the last gradients.
      gradientBytes: slices.reduce((a, b) => a + b),
      toldBytes: bytesOf("gather")[0]!,
      exchanges: ranks.log.length,
      compute: times.slice(1).toSorted((a, b) => a - b)[1]!,
    };
  } finally {
    executor.close();
  }
}
