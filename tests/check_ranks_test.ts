/**
 * `qtrain check --mpi K`: what each of K ranks takes and sends, and ranks that do not fit.
 *
 * @module
 */
import assert from "node:assert/strict";
import { localRanks } from "../lib/distributed/local_ranks.ts";
import type { RankFailure, Ranks, SharedBytes } from "../lib/distributed/ranks.ts";
import { METRICS } from "../lib/quant/layouts.ts";
import { parseRecipe } from "../lib/recipe/load.ts";
import { prepareTraining } from "../lib/train/prepare.ts";
import { expectShares, rankPlan } from "../lib/train/rank_plan.ts";
import { train } from "../lib/train/train.ts";
import { inFolder, qtrain } from "./support/command.ts";

const RECIPE = "data: { format: glyphs, size: 12, train: 96, test: 24 }\n" +
  "model: { name: cnn, width: 4 }\ntrain: { epochs: 1, batch: 48, micro_batch: 4 }\n";

Deno.test("check --mpi K says what each of K ranks computes, sends and takes", () =>
  inFolder({ "r.yaml": RECIPE }, async (cwd) => {
    const [text, int8, json, one, without] = await Promise.all([
      qtrain(["check", "r.yaml", "--mpi", "4"], { cwd }),
      qtrain(["check", "r.yaml", "--mpi", "4", "distributed.wire=int8"], { cwd }),
      qtrain(["check", "r.yaml", "--mpi", "4", "--json"], { cwd }),
      qtrain(["check", "r.yaml", "--mpi", "1", "--json"], { cwd }),
      qtrain(["check", "r.yaml", "--json"], { cwd }),
    ]);
    assert.match(text.stdout, /^ranks +4, 3 of 12 micro-batches each in a step$/m);
    assert.match(
      text.stdout,
      /^each sends +[\d.]+ KiB a step, and receives as much: gradients [\d.]+ KiB \(with distributed/m,
    );
    assert.match(text.stdout, /^each needs +the memory above, and [\d.]+ KiB for what it rec/m);
    assert.match(int8.stdout, /as much: gradients in 8 bits [\d.]+ KiB \(in f32 [\d.]+ KiB\)/);
    const { mpi, parameters } = JSON.parse(json.stdout);
    assert.deepEqual([mpi.ranks, mpi.micro_batches], [4, 3]);
    const { f32, int8: codes } = mpi.sent_bytes_per_step;
    // Three quarters of each of three micro-batches' gradients, and of their sum; buffers are padded.
    const least = 4 * parameters * 3 / 4 * 4;
    assert.ok(f32.gradients >= least && f32.gradients < 1.2 * least, `${f32.gradients}, ${least}`);
    assert.equal(codes.gradients / f32.gradients, (3 * 1 + 2) / (3 * 4 + 4));
    assert.equal(f32.total, f32.gradients + f32.statistics);
    const alone = JSON.parse(one.stdout).mpi;
    assert.deepEqual([alone.micro_batches, alone.sent_bytes_per_step.f32.total], [12, 0]);
    assert.equal(JSON.parse(without.stdout).mpi, undefined);
  }));

Deno.test("ranks that do not divide the micro-batches are refused with what would", async () => {
  const cases: [batch: number, micros: number, ranks: number, message: string][] = [
    [
      4,
      12,
      5,
      "5 ranks cannot share the 12 micro-batches of 4 images of a step evenly: set train.batch=50 and a " +
      "train.micro_batch that cuts it into 5 or a multiple, or start 1, 2, 3, 4, 6 or 12 ranks",
    ],
    [
      48,
      1,
      4,
      "4 ranks cannot share the batch of 48 images of a step evenly: set train.micro_batch=12, which " +
      "makes 4, or start 1 rank",
    ],
    [
      12,
      4,
      8,
      "8 ranks cannot share the 4 micro-batches of 12 images of a step evenly: set " +
      "train.micro_batch=6, which makes 8, or start 1, 2 or 4 ranks",
    ],
    [
      1,
      720,
      7,
      "7 ranks cannot share the 720 micro-batches of 1 image of a step evenly: set train.batch=721 and " +
      "a train.micro_batch that cuts it into 7 or a multiple, or start a number that divides 720",
    ],
  ];
  for (const [batch, micros, ranks, message] of cases) {
    assert.throws(() => expectShares({ batch, micros, quantizers: [] }, ranks), { message });
  }
  for (const ranks of [1, 2, 12]) expectShares({ batch: 4, micros: 12, quantizers: [] }, ranks);
  await inFolder({ "r.yaml": RECIPE }, async (cwd) => {
    const { code, stderr, stdout } = await qtrain(["check", "r.yaml", "--mpi", "5"], { cwd });
    assert.deepEqual([code, stdout], [2, ""]);
    assert.match(stderr, /^5 ranks cannot share the 12 micro-batches/);
  });
});

/** Counts what a rank sends to others in slices, which are of steps only, and in other exchanges. */
class Counting implements Ranks {
  slices = 0;
  others: number[] = [];

  constructor(readonly inner: Ranks) {}

  get rank() {
    return this.inner.rank;
  }
  get size() {
    return this.inner.size;
  }
  get onHost() {
    return this.inner.onHost;
  }
  get onCores() {
    return this.inner.onCores;
  }
  get engine() {
    return this.inner.engine;
  }
  gather(bytes: Uint8Array) {
    this.others.push((this.size - 1) * bytes.length);
    return this.inner.gather(bytes);
  }
  allToAll(parts: readonly SharedBytes[], into: readonly SharedBytes[]) {
    parts.forEach(({ length }, to) => this.slices += to === this.rank ? 0 : length);
    return this.inner.allToAll(parts, into);
  }
  allGather(parts: readonly SharedBytes[]) {
    this.slices += (this.size - 1) * parts[this.rank]!.length;
    return this.inner.allGather(parts);
  }
  fail(failure: RankFailure) {
    return this.inner.fail(failure);
  }
  close() {
    return this.inner.close();
  }
}

Deno.test("ranks send the bytes that check counts", async () => {
  const recipe = parseRecipe(RECIPE, "r.yaml"), steps = 2;
  const { program } = await prepareTraining(recipe, { exchanges: true });
  const { sent: { f32 } } = rankPlan(program, 3);
  const ranks = localRanks(3).map((one) => new Counting(one));
  await Promise.all(ranks.map(async (distributed) => {
    for await (const _ of train(recipe, { distributed, device: "cpu", threads: 1 }));
  }));
  const told = 2 * 4 * METRICS.bytes;
  for (const { slices, others } of ranks) {
    // Slices are of whole numbers, and the CPU leaves up to 191 bytes between two buffers.
    const more = slices / steps - (f32.total - told), gaps = 192 * program.parameters.length;
    assert.ok(more > -100 && more < 2 / 3 * 5 * gaps, `${more} more than ${f32.total - told}`);
    // Beside the metrics, some bytes say how long each part is, and what the loop has to say.
    const close = others.filter((n) => n >= told + 2 * 20 && n < told + 2 * 200);
    assert.equal(close.length, steps, `${others} for ${told}`);
  }
});
