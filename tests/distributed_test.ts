/**
 * Training on several ranks: the checkpoints of one machine, one voice, one end.
 *
 * @module
 */
import assert from "node:assert/strict";
import { localRanks } from "../lib/distributed/local_ranks.ts";
import { RankError } from "../lib/distributed/ranks.ts";
import { UNRESTRICTED } from "../lib/recipe/path_scope.ts";
import type { RecipeInput } from "../lib/recipe/recipe.ts";
import { cpuDevice } from "../lib/runtime/device.ts";
import { expectSameState } from "../lib/train/agreement.ts";
import type { TrainEvent } from "../lib/train/events.ts";
import type { NetworkState } from "../lib/train/network/types.ts";
import type { TrainOptions } from "../lib/train/options.ts";
import { RunFolder } from "../lib/train/run_folder/run_folder.ts";
import { Team } from "../lib/train/team.ts";
import { train } from "../lib/train/train.ts";
import { inFolder, newestCheckpoint, runOf } from "./support/runs.ts";

const RECIPE: RecipeInput = {
  seed: 3,
  data: {
    format: "glyphs",
    size: 12,
    train: 150,
    test: 40,
    augment: ["flip", { crop: { padding: 1 } }, { mixup: { alpha: 0.4 } }],
  },
  model: { name: "resnet8", width: 4 },
  train: {
    epochs: 2,
    batch: 48,
    micro_batch: 4,
    clip_norm: 1,
    ema: 0.9,
    optimizer: { name: "adamw", lr: 0.01 },
    schedule: { name: "cosine", warmup_steps: 2 },
    patience: 3,
  },
};

interface Ended {
  readonly events: TrainEvent[];
  readonly warnings: string[];
  readonly error?: Error;
}

/** Trains on all ranks in this thread. @param change options of a rank */
async function onRanks(
  recipe: RecipeInput | ((rank: number) => RecipeInput),
  size: number,
  { out, resume = false, change = () => ({}) }: {
    readonly out?: string;
    readonly resume?: boolean;
    readonly change?: (rank: number) => TrainOptions & { onEvent?: (event: TrainEvent) => void };
  } = {},
): Promise<Ended[]> {
  return await Promise.all(
    localRanks(size).map(async (distributed) => {
      const { rank } = distributed, events: TrainEvent[] = [], warnings: string[] = [];
      const { onEvent, ...more } = change(rank);
      try {
        const folder = rank === 0 && out !== undefined
          ? { folder: await RunFolder.create({ out, name: "run", resume }) }
          : {};
        const own = typeof recipe === "function" ? recipe(rank) : recipe;
        for await (
          const event of train({ pathScope: UNRESTRICTED, ...own }, {
            opened: cpuDevice({ threads: 1 }),
            warn: (text) => void warnings.push(text),
            resume,
            ...folder,
            distributed,
            ...more,
          })
        ) {
          events.push(event);
          onEvent?.(event);
        }
        return { events, warnings };
      } catch (error) {
        return { events, warnings, error: error as Error };
      }
    }),
  );
}

Deno.test("a training on ranks leaves the checkpoint, the evaluation and the log of one machine", async () => {
  await inFolder(async (alone) => {
    await runOf(RECIPE, { out: alone, opened: cpuDevice({ threads: 1 }) });
    const read = (path: string) => Deno.readTextFile(path);
    for (const size of [1, 2, 3, 4]) {
      await inFolder(async (out) => {
        const all = await onRanks(RECIPE, size, { out });
        assert.deepEqual(all.map(({ error }) => error), new Array(size).fill(undefined));
        assert.deepEqual(
          await newestCheckpoint(out),
          await newestCheckpoint(alone),
          `${size} ranks`,
        );
        assert.equal(await read(`${out}/evaluation.json`), await read(`${alone}/evaluation.json`));
        const losses = async (path: string) =>
          (await read(`${path}/metrics.jsonl`)).trim().split("\n").map((line) =>
            JSON.parse(line).loss
          );
        assert.deepEqual(await losses(out), await losses(alone));
        assert.match(await read(`${out}/report.html`), /<html/);
      });
    }
  });
});

Deno.test("a run stopped by any rank goes on with another number of ranks, to the same bytes", async () => {
  await inFolder(async (alone) => {
    await runOf(RECIPE, { out: alone, opened: cpuDevice({ threads: 1 }) });
    await inFolder(async (out) => {
      const stop = new AbortController();
      const all = await onRanks(RECIPE, 3, {
        out,
        change: (rank) =>
          rank === 1
            ? {
              signal: stop.signal,
              onEvent: (event) => event.type === "step" && event.step === 2 && stop.abort(),
            }
            : {},
      });
      for (const { events } of all) {
        const last = events.at(-1)!;
        assert.equal(last.type === "end" && last.summary.status, "interrupted");
        assert.equal(last.type === "end" && last.summary.steps, 3);
      }
      await onRanks(RECIPE, 4, { out, resume: true });
      assert.deepEqual(await newestCheckpoint(out), await newestCheckpoint(alone));
      // It is done: once more changes nothing.
      const again = await onRanks(RECIPE, 2, { out, resume: true });
      assert.deepEqual(again.map(({ events }) => events.map(({ type }) => type)), [
        ["start", "end"],
        ["start", "end"],
      ]);
      assert.deepEqual(await newestCheckpoint(out), await newestCheckpoint(alone));
    });
  });
});

Deno.test("an error on one rank ends all with its message, and the checkpoint before is kept", async () => {
  await inFolder(async (out) => {
    const all = await onRanks(RECIPE, 2, {
      out,
      change: (rank) =>
        rank === 0 ? {} : {
          onEvent: (event) => {
            if (event.type === "step" && event.step === 5) throw new Error("no more room");
          },
        },
    });
    const [first, second] = all.map(({ error }) => error);
    assert.ok(first instanceof RankError);
    assert.match(first.message, /^rank 1: the program that trains has ended the training$/);
    assert.equal(second!.message, "no more room");
    const [newest] = await (await RunFolder.open(out)).checkpoints();
    assert.equal(newest!.step, 3);
  });
});

Deno.test("what differs between ranks is refused before the first step, by name", async () => {
  const other = (change: Partial<RecipeInput>) => (rank: number) =>
    rank === 1 ? { ...RECIPE, ...change } : RECIPE;
  const [seed] = await onRanks(other({ seed: 4 }), 2);
  assert.match(
    seed!.error!.message,
    /^recipe: seed is 3 on rank 0, 4 on rank 1\. Give all ranks the same recipe/,
  );
  const images = other({ data: { format: "glyphs", size: 12, train: 140, test: 40 } });
  const [data] = await onRanks(images, 2);
  assert.match(data!.error!.message, /^recipe: data\.train is 150 on rank 0, 140 on rank 1/);
  const [shares] = await onRanks(RECIPE, 5);
  assert.equal(
    shares!.error!.message,
    "5 ranks cannot share the 12 micro-batches of 4 images of a step evenly: set train.batch=50 and a " +
      "train.micro_batch that cuts it into 5 or a multiple, or start 1, 2, 3, 4, 6 or 12 ranks",
  );
  const whole = { ...RECIPE, train: { ...RECIPE.train, micro_batch: 0 } };
  const [none] = await onRanks(whole, 2);
  assert.match(
    none!.error!.message,
    /the batch of 48 images of .*: set train\.micro_batch=24, which makes 2, or start 1 rank$/,
  );
  const chained = { ...RECIPE, quantize: { gradients: { estimator: "running-minmax" } } };
  const [estimator] = await onRanks(chained, 2);
  assert.match(
    estimator!.error!.message,
    /^quantize: estimator running-minmax of .* sets the range/,
  );
});

Deno.test("ranks of which only some resume are refused", async () => {
  const all = await onRanks(RECIPE, 2, { change: (rank) => ({ resume: rank === 1 }) });
  for (const { error } of all) {
    assert.equal(
      error!.message,
      "qtrain: rank 1 is to resume a run, rank 0 to begin one. Give all ranks --resume, or none",
    );
  }
});

Deno.test("ranks with a limit of time go by the first rank's clock, from the training's start", async () => {
  const recipe: RecipeInput = {
    data: { format: "glyphs", size: 12, train: 80, test: 20 },
    model: { name: "cnn", width: 4 },
    train: { time: 20 / 3600, batch: 10, micro_batch: 5 },
  };
  // The first clock has run for long before, the other one runs a hundred times as fast.
  const clocks = [1e9, 0],
    all = await onRanks(recipe, 2, {
      change: (rank) => ({
        now: () => clocks[rank]!,
        onEvent: ({ type }) => void (type === "step" && (clocks[rank]! += [1000, 1e5][rank]!)),
      }),
    });
  for (const { events, error } of all) {
    assert.equal(error, undefined);
    const end = events.at(-1)!;
    assert.equal(end.type, "end");
    assert.ok(end.type === "end" && end.summary.seconds < 30 && end.summary.seconds > 15);
    const steps = events.filter(({ type }) => type === "step").length;
    assert.ok(steps >= 17 && steps <= 21, `${steps} steps`);
  }
});

Deno.test("a step that is not finite takes all ranks back to what the first rank holds", async () => {
  const recipe: RecipeInput = {
    data: { format: "glyphs", size: 12, train: 80, test: 20 },
    model: { name: "cnn", width: 4 },
    quantize: { arithmetic: "float32" },
    train: {
      epochs: 1,
      batch: 10,
      micro_batch: 5,
      optimizer: { name: "sgd", lr: 1e30 },
      on_nonfinite: "rollback",
      max_skipped_steps: 1,
    },
  };
  await inFolder(async (out) => {
    const [first, second] = await onRanks(recipe, 2, { out });
    const kinds = ({ events }: Ended) => events.map(({ type }) => type);
    assert.ok(kinds(first!).includes("rollback"));
    assert.deepEqual(kinds(first!), kinds(second!));
    const end = second!.events.at(-1)!;
    assert.equal(end.type === "end" && end.summary.status, "diverged");
    assert.deepEqual(second!.warnings, []);
  });
});

Deno.test("a warning of several ranks is given once, that of another rank with its number", async () => {
  const all = await onRanks(RECIPE, 2, { resume: true });
  assert.equal(all[0]!.warnings.filter((text) => /no intact checkpoint/.test(text)).length, 1);
  assert.deepEqual(all[1]!.warnings, []);
});

Deno.test("weights or ranges that a rank has otherwise are refused at a checkpoint", async () => {
  const state = (weight: number, high: number, memory: number): NetworkState => ({
    parameters: [{ name: "w", shape: [2], data: Float32Array.of(weight, 2) }],
    optimizer: new Map(),
    averages: [],
    running: [],
    ranges: new Map([["x", { low: -1, high }]]),
    memories: new Map([["x", Float32Array.of(memory)]]),
  });
  const compare = (...states: NetworkState[]) =>
    Promise.all(
      localRanks(states.length).map((ranks, i) => expectSameState(new Team({ ranks }), states[i]!)),
    );
  await compare(state(1, 1, 1), state(1, 1, 1), state(1, 1, 1));
  const same = state(1, 1, 1);
  await assert.rejects(
    compare(same, same, state(1.5, 1, 1)),
    /^DeviceError: the weights of rank 2 /,
  );
  await assert.rejects(
    compare(same, state(1, 1.5, 1), same),
    /^DeviceError: the ranges of rank 1 /,
  );
  await assert.rejects(compare(same, state(1, 1, 1.5)), /^DeviceError: the ranges of rank 1 /);
});
