/**
 * One rank of the measurement of distributed steps: under mpirun, times a step, the same with exchanges that
 * begin late, computing alone, or exchanges of the engine alone. The first rank prints a line of JSON.
 *
 *     mpirun -n 2 deno run -A experiments/distributed/rank.ts OPTIONS    RankOptions as JSON
 *
 * @module
 */
import { cpuUsage } from "node:process";
import type { Batch } from "../../lib/data/batch.ts";
import { openMpi } from "../../lib/distributed/mpi/mpi_ranks.ts";
import { localRanks } from "../../lib/distributed/local_ranks.ts";
import type { Ranks, SharedBytes } from "../../lib/distributed/ranks.ts";
import { gradientsInOrder } from "../../lib/program/passes/exchange.ts";
import { type DataShape, plan } from "../../lib/program/plan.ts";
import { resolveRecipe } from "../../lib/recipe/load.ts";
import { cpuDevice } from "../../lib/runtime/device.ts";
import { Network } from "../../lib/train/network/network.ts";
import type {
  AtOnceTime,
  EngineTime,
  Measured,
  RankCase,
  RankOptions,
  RankTimes,
} from "./times.ts";
import { WatchedRanks } from "./watched_ranks.ts";

const { cases, threads, images, batch, steps, parts, atOnce } = JSON.parse(
  Deno.args[0]!,
) as RankOptions;

function dataOf(network: RankCase["network"]): DataShape {
  const [size, channels] = network === "cnn" ? [28, 1] : [32, 3];
  return {
    shape: [size, size, channels],
    classes: 10,
    mean: new Array(channels).fill(0.5),
    std: new Array(channels).fill(0.25),
  };
}

const quantile = (list: readonly number[], share: number) =>
  list.toSorted((a, b) => a - b)[Math.floor(share * (list.length - 1))]!;
const median = (list: readonly number[]) => quantile(list, 0.5);

/** A network of some ranks with micro-batches of `images`. */
async function networkOn(
  { network: name, wire }: RankCase,
  ranks: Ranks,
  batch: number,
): Promise<Network> {
  const recipe = resolveRecipe({
    data: name === "cnn" ? { format: "glyphs" } : { format: "cifar", root: "." },
    model: { name },
    train: { batch, micro_batch: images },
    distributed: { wire },
  });
  const data = dataOf(name), { program } = plan(recipe, data, { exchanges: true });
  const executor = await cpuDevice({ threads }).createExecutor(program);
  const { seed, quantize } = recipe;
  const network = new Network(program, executor, seed, quantize, data, { ranks, wire });
  network.initialize();
  return network;
}

/** As many random images as a rank has of a batch. */
function shareOf({ network }: RankCase, batch: number, ranks: number): Batch {
  const [height, width, channels] = dataOf(network).shape;
  const bytes = batch / ranks * height * width * channels, pixels = new Uint8Array(bytes);
  for (let at = 0; at < bytes; at += 65536) {
    crypto.getRandomValues(pixels.subarray(at, Math.min(bytes, at + 65536)));
  }
  return { images: pixels, labels: new Uint32Array(batch).map((_, i) => i % 10), samples: batch };
}

const shared = (bytes: number): SharedBytes => new Uint8Array(new SharedArrayBuffer(bytes));

/** Milliseconds of a call, after a common start. */
async function timed(call: () => Promise<unknown>): Promise<number> {
  await ranks.gather(new Uint8Array(1));
  const began = performance.now();
  await call();
  return performance.now() - began;
}

/** Bytes sent over the devices of this network namespace, but for the loopback. */
async function sentBytes(): Promise<number> {
  const lines = (await Deno.readTextFile("/proc/net/dev")).split("\n").slice(2);
  const devices = lines.map((line) => line.split(":")).filter(([name]) => name!.trim() !== "lo");
  const numbers = devices.map(([, numbers = ""]) => numbers.trim().split(/\s+/));
  return numbers.reduce((sum, columns) => sum + Number(columns[8] ?? 0), 0);
}

/** Holds exchanges of a network's gradients back until its executor has computed the last one. */
function holdUntilComputed({ program, executor }: Network, watched: WatchedRanks): () => void {
  const last = gradientsInOrder(program, program.sections.backward).at(-1)!.name;
  const run = executor.run.bind(executor);
  let open = () => {};
  executor.run = (steps, ...more) => {
    const copies = run(steps, ...more);
    const isLast = steps.some(({ buffers }) => Object.values(buffers).includes(last));
    if (isLast) void copies().then(open);
    return copies;
  };
  return () => {
    watched.gate = new Promise((resolve) => open = resolve);
  };
}

async function timeSteps(chosen: RankCase): Promise<RankTimes> {
  const watched = new WatchedRanks(ranks), own = batch / ranks.size;
  const full = await networkOn(chosen, watched, batch),
    alone = await networkOn(chosen, localRanks(1)[0]!, own);
  const share = shareOf(chosen, batch, ranks.size), ownBatch = shareOf(chosen, own, 1);
  const hold = holdUntilComputed(full, watched);
  const computes: number[] = [],
    lates: number[] = [],
    whole: number[] = [],
    sent: number[] = [],
    cpus: number[] = [];
  let step = 0;
  // One micro-batch for each rank: with more, the second would wait for exchanges of the first.
  const once = own === images;
  for (let turn = -1; turn < steps; turn++) {
    const compute = await timed(() => alone.step(ownBatch, step, 0.01));
    if (once) hold();
    const late = once ? await timed(() => full.step(share, step++, 0.01)) : NaN;
    watched.gate = undefined;
    const before = await sentBytes(), used = cpuUsage();
    const time = await timed(() => full.step(share, step++, 0.01));
    const { user, system } = cpuUsage(used), after = await sentBytes();
    if (turn < 0) continue; // The first of each compiles.
    computes.push(compute);
    lates.push(late);
    whole.push(time);
    sent.push(after - before);
    cpus.push((user + system) / 1000);
  }
  full.executor.close();
  alone.executor.close();
  const middle = median(computes);
  return {
    step: median(whole),
    compute: middle,
    late: median(lates),
    hidden: median(lates.map((late, i) => late - whole[i]!)),
    exchange: median(lates.map((late, i) => late - computes[i]!)),
    spread: (quantile(computes, 0.75) - quantile(computes, 0.25)) / 1.349 / middle,
    cpu: median(cpus),
    sent: median(sent),
  };
}

async function timeEngine(): Promise<EngineTime[]> {
  const times: EngineTime[] = [];
  for (const part of parts) {
    const make = () => Array.from({ length: ranks.size }, () => shared(part));
    const sent = make(), received = make(), sums = make(), all: number[] = [];
    for (let turn = 0; turn < 7; turn++) {
      all.push(
        await timed(async () => {
          await ranks.allToAll(sent, received);
          await ranks.allGather(sums);
        }),
      );
    }
    times.push({ part, ms: median(all.slice(1)) });
  }
  return times;
}

async function timeAtOnce(): Promise<AtOnceTime[]> {
  const times: AtOnceTime[] = [];
  for (const exchanges of atOnce) {
    const memory = Array.from(
      { length: exchanges },
      () => Array.from({ length: ranks.size }, () => shared(1024)),
    );
    const all: number[] = [];
    for (let turn = 0; turn < 15; turn++) {
      all.push(await timed(() => Promise.all(memory.map((parts) => ranks.allGather(parts)))));
    }
    times.push({ exchanges, ms: median(all.slice(1)) });
  }
  return times;
}

const ranks = await openMpi();
const engineTimes = await timeEngine(), atOnceTimes = await timeAtOnce();
const times: RankTimes[][] = [];
for (const chosen of cases) {
  const mine = new TextEncoder().encode(JSON.stringify(await timeSteps(chosen)));
  const all = await ranks.gather(mine);
  times.push(all.map((bytes) => JSON.parse(new TextDecoder().decode(bytes)) as RankTimes));
}
if (ranks.rank === 0) {
  const { engine } = ranks;
  console.log(
    JSON.stringify({ cases: times, engineTimes, atOnceTimes, engine } satisfies Measured),
  );
}
await ranks.close();
Deno.exit(0);
