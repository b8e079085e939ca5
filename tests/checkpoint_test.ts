/**
 * Checkpoints: what damage is noticed, which are kept, and which recipe may go on from one.
 *
 * @module
 */
import assert from "node:assert/strict";
import { decodeSafetensors, encodeSafetensors } from "../lib/core/safetensors.ts";
import type { RecipeInput } from "../lib/recipe/recipe.ts";
import { decodeCheckpoint } from "../lib/train/checkpoint/checkpoint.ts";
import { encodeChecked } from "../lib/train/checkpoint/checksum.ts";
import { evaluate } from "../lib/train/evaluate.ts";
import { exportWeights } from "../lib/train/export/weights.ts";
import { expectCheckpoint, latestCheckpoint } from "../lib/train/checkpoint/load.ts";
import { recordEvaluation } from "../lib/train/checkpoint/trainer_state.ts";
import { RunFolder } from "../lib/train/run_folder/run_folder.ts";
import { inFolder, runOf, type RunOptions, SHORT } from "./support/runs.ts";

const cpu = (out: string, more: RunOptions = {}): RunOptions => ({ device: "cpu", out, ...more });
const trainWith = (train: RecipeInput["train"]): RecipeInput => ({
  ...SHORT,
  train: { ...SHORT.train, ...train },
});

/** The bytes of a small run's checkpoint. */
async function checkpointBytes(): Promise<Uint8Array<ArrayBuffer>> {
  let bytes!: Uint8Array<ArrayBuffer>;
  await inFolder(async (out) => {
    await runOf(trainWith({ max_steps: 2 }), cpu(out));
    bytes = (await latestCheckpoint(await RunFolder.open(out)))!.bytes;
  });
  return bytes;
}

/** What decoding throws. */
function refusal(bytes: Uint8Array<ArrayBuffer>): Error {
  try {
    decodeCheckpoint(bytes, "x.safetensors");
  } catch (error) {
    return error as Error;
  }
  throw new assert.AssertionError({ message: "a damaged checkpoint was taken" });
}

Deno.test("every damaged byte and every cut of a checkpoint is noticed, and is no newer version", async () => {
  const bytes = await checkpointBytes();
  const header = 8 + Number(new DataView(bytes.buffer).getBigUint64(0, true));
  for (let at = 0; at < bytes.length; at += at < header ? 1 : 97) {
    const damaged = bytes.slice();
    damaged[at]! ^= 1 << at % 8;
    assert.equal(refusal(damaged).name, "DataError", `byte ${at}`);
    if (at % 13 === 0) assert.equal(refusal(bytes.slice(0, at)).name, "DataError", `cut at ${at}`);
  }
  assert.match(
    refusal(bytes.with(bytes.length - 1, 77) as typeof bytes).message,
    /^x\.safetensors: byte 34: expected the checksum [0-9a-f]{8}, got "[0-9a-f]{8}": the file is damaged/,
  );
});

Deno.test("a checkpoint is a safetensors file like any other; without its checksum it is refused", async () => {
  const bytes = await checkpointBytes(), { tensors, metadata } = decodeSafetensors(bytes, "x");
  assert.equal(metadata.format_version, "2");
  assert.match(metadata.crc32!, /^[0-9a-f]{8}$/);
  assert.deepEqual(encodeChecked(tensors, metadata), bytes);
  const { crc32: _, ...rest } = metadata;
  const message = /no checksum in the metadata/;
  assert.match(refusal(encodeSafetensors(tensors, rest)).message, message);
  assert.match(refusal(encodeSafetensors(tensors, { ...rest, crc32: "0" })).message, message);
  // The version before had none, and knew of no best.
  const { bests: _bests, ...position } = JSON.parse(rest.position!);
  const old = { ...rest, format_version: "1", position: JSON.stringify(position) };
  assert.deepEqual(decodeCheckpoint(encodeSafetensors(tensors, old), "x").trainerState.bests, []);
});

Deno.test("a position that is none is refused in a line", async () => {
  const { tensors, metadata } = decodeSafetensors(await checkpointBytes(), "x");
  const good = JSON.parse(metadata.position!);
  for (
    const position of [
      null,
      [],
      { ...good, step: -1 },
      { ...good, step: 1.5 },
      { ...good, epochLoss: "1" },
      { ...good, last: 3 },
      { ...good, last: { trainLoss: "x" } },
      { ...good, bests: {} },
      { ...good, bests: [null] },
      { ...good, bests: [{ step: "a", testAccuracy: 1 }] },
    ]
  ) {
    const bytes = encodeChecked(tensors, { ...metadata, position: JSON.stringify(position) });
    assert.match(refusal(bytes).message, /^x\.safetensors: expected the position of a run/);
  }
});

Deno.test("a damaged byte in the newest checkpoint is reported, and the run ends in the same bits from the one before", async () => {
  const recipe = trainWith({ checkpoint_minutes: 1e-6 });
  await inFolder(async (whole) => {
    const { end } = await runOf(recipe, cpu(whole));
    await inFolder(async (out) => {
      await runOf(recipe, cpu(out, { stopAt: 13 }));
      const folder = await RunFolder.open(out), [newest, before] = await folder.checkpoints();
      const bytes = await Deno.readFile(newest!.path);
      bytes[bytes.length >> 1]! ^= 4;
      await Deno.writeFile(newest!.path, bytes);
      const rest = await runOf(recipe, cpu(out, { resume: true }));
      assert.match(rest.warnings.join(), /expected the checksum .*; trying the checkpoint before$/);
      assert.equal(rest.losses.length, 20 - before!.step);
      assert.deepEqual(rest.end.state, end.state);
    });
  });
});

Deno.test("a checkpoint of any step, written by the clock, goes on to the same bits and logs", async () => {
  // With the scheduler on the host a run waits for every step, and so may save after each.
  const recipe: RecipeInput = {
    ...trainWith({ checkpoint_minutes: 1e-6, keep_checkpoints: 100, log_every: 1 }),
    quantize: { scheduler: "host" },
  };
  const logs = async (out: string) => [
    await Deno.readTextFile(`${out}/ranges.jsonl`),
    (await Deno.readTextFile(`${out}/metrics.jsonl`))
      .replace(/"(images_per_second|data_wait_share|seconds)":[\d.]+/g, ""),
  ];
  await inFolder(async (whole) => {
    const { end } = await runOf(recipe, cpu(whole)), folder = await RunFolder.open(whole);
    const all = await folder.checkpoints();
    assert.deepEqual(all.map((c) => c.step), Array.from({ length: 20 }, (_, i) => 20 - i));
    for (const { step, path } of all.filter((c) => c.step % 3 === 1)) {
      await inFolder(async (out) => {
        await Deno.mkdir(`${out}/checkpoints`, { recursive: true });
        await Deno.copyFile(path, path.replace(whole, out));
        for (const name of ["recipe.yaml", "metrics.jsonl", "ranges.jsonl"]) {
          await Deno.copyFile(`${whole}/${name}`, `${out}/${name}`); // Ahead of the checkpoint.
        }
        const rest = await runOf(recipe, cpu(out, { resume: true }));
        assert.equal(rest.losses.length, 20 - step);
        assert.deepEqual(rest.end.state, end.state);
        assert.deepEqual(await logs(out), await logs(whole));
        const last = `${out}/checkpoints/step-00000020.safetensors`;
        assert.deepEqual(await Deno.readFile(last), await Deno.readFile(last.replace(out, whole)));
      });
    }
  });
});

Deno.test("the newest checkpoints are kept, as many as the recipe says, and the best to each of them", async () => {
  await inFolder(async (out) => {
    const folder = await RunFolder.create({ out, name: "n", resume: false });
    const steps = async () => (await folder.checkpoints()).map((c) => c.step);
    const write = (step: number, bests: number[]) =>
      folder.writeCheckpoint(step, new Uint8Array(1), 2, bests);
    for (const [step, bests] of [[10, [10]], [20, [10]], [30, [10]], [40, [10]]] as const) {
      await write(step, [...bests]);
    }
    assert.deepEqual(await steps(), [40, 30, 10]);
    await write(50, [10, 50]);
    assert.deepEqual(await steps(), [50, 40, 10], "the best before 50, for who must go back to 40");
    await write(60, [10, 50]);
    assert.deepEqual(await steps(), [60, 50]);
    // Back to 50 with another learning rate: what came behind is not of this past.
    await write(55, [10, 50]);
    assert.deepEqual(await steps(), [55, 50]);
  });
});

Deno.test("of evaluations the best is remembered, and of equals the first", () => {
  let bests = recordEvaluation([], { step: 10, testAccuracy: 0 });
  for (const [step, testAccuracy] of [[20, 0.5], [30, 0.4], [40, 0.5], [50, 0.6]] as const) {
    bests = recordEvaluation(bests, { step, testAccuracy });
  }
  assert.deepEqual(bests.map((b) => b.step), [10, 20, 50]);
});

Deno.test("eval and export take the best checkpoint where they are asked to", async () => {
  // A rate that unlearns: the first epoch stays the best.
  const recipe = trainWith({
    epochs: 6,
    keep_checkpoints: 1,
    optimizer: { lr: 0.6 },
    schedule: { name: "constant" },
  });
  await inFolder(async (out) => {
    const { end: { summary } } = await runOf(recipe, cpu(out));
    const { best_step, best_test_accuracy, steps } = summary;
    assert.ok(best_step! < steps, `the best of ${steps} steps is ${best_step}`);
    const folder = await RunFolder.open(out);
    assert.deepEqual((await folder.checkpoints()).map((c) => c.step), [steps, best_step]);
    const best = await evaluate(out, { device: "cpu", best: true });
    assert.deepEqual([best.accuracy, best.step], [best_test_accuracy, best_step]);
    assert.equal((await evaluate(out, { device: "cpu" })).accuracy, summary.test_accuracy);
    assert.notDeepEqual(await exportWeights(out, undefined, true), await exportWeights(out));
    // Damaged, it makes way for the newest.
    const { path } = await expectCheckpoint(folder, undefined, true);
    await Deno.writeTextFile(path, "torn");
    const said: string[] = [];
    assert.equal(
      (await expectCheckpoint(folder, (t) => said.push(t), true)).trainerState.step,
      steps,
    );
    assert.match(said.join(), /using the latest one instead of the best$/);
  });
});

Deno.test("of a run that no epoch has ended, export takes the latest for the best, and says so", async () => {
  await inFolder(async (out) => {
    const { end } = await runOf(trainWith({ epochs: 2 }), cpu(out, { stopAt: 3 }));
    assert.equal(end.summary.status, "interrupted");
    const said: string[] = [];
    const best = await exportWeights(out, (text) => said.push(text), true);
    assert.deepEqual(best, await exportWeights(out));
    assert.deepEqual(said, [
      `${out}: no epoch has ended yet, so no checkpoint is the best; using the latest one instead of ` +
      "the best",
    ]);
  });
});

Deno.test("a run without a checkpoint, and a folder without a run, are refused by export", async () => {
  await inFolder(async (out) => {
    await runOf(trainWith({ epochs: 1 }), cpu(out));
    for (const { path } of await (await RunFolder.open(out)).checkpoints()) await Deno.remove(path);
    await assert.rejects(exportWeights(out), {
      name: "DataError",
      message: `${out}: no intact checkpoint in checkpoints/. Train for at least one epoch, or ` +
        "continue with --resume",
    });
    await Deno.remove(out, { recursive: true });
    await assert.rejects(exportWeights(out), {
      name: "DataError",
      message: /expected the folder of a run/,
    });
    await Deno.mkdir(out);
    await assert.rejects(exportWeights(out), {
      name: "DataError",
      message: /expected the folder of a run/,
    });
  });
});

Deno.test("a run goes on with another length and learning rate, and says so; with nothing else", async () => {
  await inFolder(async (out) => {
    await runOf(trainWith({ epochs: 1 }), cpu(out));
    const more = { epochs: 2, log_every: 3, keep_checkpoints: 1, optimizer: { lr: 0.01 } };
    const again = await runOf(
      { ...trainWith(more), data: { ...SHORT.data, workers: 2 } },
      cpu(out, { resume: true }),
    );
    assert.deepEqual(again.warnings, [
      "resuming with train.epochs=2 (was 1)",
      "resuming with train.optimizer.lr=0.01 (was 0.05)",
    ]);
    assert.equal(again.end.summary.steps, 20);
    for (
      const [recipe, differs] of [
        [{ ...SHORT, seed: 4 }, /seed was 3, is now 4/],
        [{ ...SHORT, model: { name: "cnn", width: 8 } }, /model\.width was 4, is now 8/],
        [trainWith({ optimizer: { momentum: 0.5 } }), /train\.optimizer\.momentum was 0\.9/],
      ] as const
    ) {
      await assert.rejects(runOf(recipe, cpu(out, { resume: true })), {
        name: "UsageError",
        message: differs,
      });
    }
  });
});

Deno.test("a checkpoint of another recipe is refused, though the folder's recipe fits", async () => {
  await inFolder(async (out) => {
    await runOf(trainWith({ epochs: 1 }), cpu(out));
    await inFolder(async (other) => {
      const wide: RecipeInput = { ...SHORT, model: { name: "cnn", width: 8 } };
      await runOf(wide, cpu(other));
      await Deno.copyFile(
        `${other}/checkpoints/step-00000020.safetensors`,
        `${out}/checkpoints/step-00000020.safetensors`,
      );
    });
    await assert.rejects(runOf(SHORT, cpu(out, { resume: true })), {
      name: "UsageError",
      message:
        /began with another recipe \(.*step-00000020\.safetensors\): model\.width was 8, is now 4/,
    });
  });
});
