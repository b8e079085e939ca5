/**
 * One rank of the measurement of distributed steps: under mpirun, times a step, its parts alone, and the
 * exchanges of the engine. The first rank prints a line of JSON.
 *
 *     mpirun -n 2 deno run -A experiments/distributed/rank.ts '{"network": "resnet8", "images": 32}'
 *
 * @module
 */
import type { Batch } from "../../lib/data/batch.ts";
import { openMpi } from "../../lib/distributed/mpi/mpi_ranks.ts";
import { localRanks } from "../../lib/distributed/local_ranks.ts";
import type { Ranks, SharedBytes } from "../../lib/distributed/ranks.ts";
import { trainedBuffers } from "../../lib/program/passes/nonfinite_guard.ts";
import { type DataShape, plan } from "../../lib/program/plan.ts";
import { resolveRecipe } from "../../lib/recipe/load.ts";
import { cpuDevice } from "../../lib/runtime/device.ts";
import { Network } from "../../lib/train/network/network.ts";
import type { Measured, RankOptions, RankTimes } from "./times.ts";

/** Turns in which the parts are timed one after another, so that a slow moment meets all of them. */
const ROUNDS = 5;

const { network: name, images, batch, wire, steps } = JSON.parse(Deno.args[0]!) as RankOptions;

const size = name === "cnn" ? 28 : 32, channels = name === "cnn" ? 1 : 3;
const data: DataShape = {
  shape: [size, size, channels],
  classes: 10,
  mean: new Array(channels).fill(0.5),
  std: new Array(channels).fill(0.25),
};

/** A network whose ranks have micro-batches of `images`. */
async function networkOn(ranks: Ranks, batch: number): Promise<Network> {
  const recipe = resolveRecipe({
    data: name === "cnn" ? { format: "glyphs" } : { format: "cifar", root: "." },
    model: { name },
    train: { batch, micro_batch: images },
    distributed: { wire },
  });
  const { program } = plan(recipe, data, { exchanges: true });
  const executor = await cpuDevice({ threads: 1 }).createExecutor(program);
  const { seed, quantize } = recipe;
  const more = [undefined, undefined, ranks, wire] as const;
  const network = new Network(program, executor, seed, quantize, data, ...more);
  network.initialize();
  return network;
}

/** As many random images as a rank has of a batch. */
function shareOf(batch: number, ranks: number): Batch {
  const bytes = batch / ranks * size * size * channels, pixels = new Uint8Array(bytes);
  for (let at = 0; at < bytes; at += 65536) {
    crypto.getRandomValues(pixels.subarray(at, Math.min(bytes, at + 65536)));
  }
  return { images: pixels, labels: new Uint32Array(batch).map((_, i) => i % 10), samples: batch };
}

/** Milliseconds of each of some calls, after a common start. */
async function timesOf(count: number, call: (at: number) => Promise<unknown>): Promise<number[]> {
  const times: number[] = [];
  for (let at = 0; at < count; at++) {
    await ranks.gather(new Uint8Array(1));
    const began = performance.now();
    await call(at);
    times.push(performance.now() - began);
  }
  return times;
}

const median = (times: readonly number[]) => times.toSorted((a, b) => a - b)[times.length >> 1]!;

const shared = (bytes: number): SharedBytes => new Uint8Array(new SharedArrayBuffer(bytes));

/** All exchanges of gradients and statistics of a step, one after another. */
function exchangesOf({ program }: Network): () => Promise<void> {
  const bytesOf = new Map(program.buffers.map(({ name, bytes }) => [name, bytes]));
  const total = trainedBuffers(program).reduce((sum, n) => sum + bytesOf.get(`${n}.gradient`)!, 0);
  const buckets = Math.max(1, Math.min(8, Math.ceil(total / 65536)));
  const micros = program.micros / ranks.size, codes = wire === "int8";
  const part = Math.ceil(total / 4 / buckets / ranks.size);
  const parts = (width: number) => Array.from({ length: ranks.size }, () => shared(part * width));
  const sent = parts(codes ? 1 : 4), received = parts(codes ? 1 : 4), sums = parts(codes ? 2 : 4);
  const statistics = new Uint8Array(bytesOf.get("statistics")! + bytesOf.get("quantizers")!);
  return async () => {
    for (let at = 0; at < micros * buckets; at++) await ranks.allToAll(sent, received);
    for (let at = 0; at < buckets; at++) await ranks.allGather(sums);
    await ranks.gather(statistics);
  };
}

const ranks = await openMpi();
const full = await networkOn(ranks, batch), exchange = exchangesOf(full);
const own = batch / ranks.size, alone = await networkOn(localRanks(1)[0]!, own);
const share = shareOf(batch, ranks.size), ownBatch = shareOf(own, 1);
const computes: number[] = [],
  exchanges: number[] = [],
  whole: number[] = [],
  gathers: number[] = [];
let step = 0;
await full.step(share, step++, 0.01);
await alone.step(ownBatch, 0, 0.01);
for (let round = 0; round < ROUNDS; round++) {
  computes.push(...await timesOf(steps, () => alone.step(ownBatch, step, 0.01)));
  exchanges.push(...await timesOf(steps, exchange));
  gathers.push(...await timesOf(steps, () => ranks.gather(new Uint8Array(16))));
  whole.push(...await timesOf(steps, () => full.step(share, step++, 0.01)));
}
const mine: RankTimes = {
  step: median(whole),
  compute: median(computes),
  exchange: median(exchanges),
  gather: median(gathers),
};
const all = (await ranks.gather(new TextEncoder().encode(JSON.stringify(mine))))
  .map((bytes) => JSON.parse(new TextDecoder().decode(bytes)) as RankTimes);
if (ranks.rank === 0) {
  console.log(JSON.stringify({ ranks: all, engine: ranks.engine } satisfies Measured));
}
full.executor.close();
alone.executor.close();
await ranks.close();
Deno.exit(0);
