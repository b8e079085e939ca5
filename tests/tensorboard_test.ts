/**
 * `tensorboard: true`: event files that an independent reader finds whole, also after a run was
 * interrupted, killed or went back.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { EpochEvent } from "../lib/train/events.ts";
import { EventLog } from "../lib/train/tensorboard/event_log.ts";
import { frame } from "../lib/train/tensorboard/record.ts";
import { summaryEvent } from "../lib/train/tensorboard/event.ts";
import { epochValues } from "../lib/train/tensorboard/values.ts";
import { inFolder, runOf, type RunOptions, SHORT } from "./support/runs.ts";
import { crc32c, readEvents, readFolder } from "./support/tfevents.ts";

const RECIPE = { ...SHORT, tensorboard: true, train: { ...SHORT.train, log_every: 1 } };
const cpu = (out: string, more: RunOptions = {}): RunOptions => ({ device: "cpu", out, ...more });
const LOG = { step: 0, steps: 10, logEvery: 1, recipeText: "seed: 1\n" };

type Line = Readonly<Record<string, number | string | null>>;

async function metrics(out: string): Promise<{ steps: Line[]; epochs: Line[] }> {
  const lines: Line[] = (await Deno.readTextFile(`${out}/metrics.jsonl`)).trim().split("\n")
    .map((line) => JSON.parse(line));
  const of = (kind: string) => lines.filter((line) => line.kind === kind);
  return { steps: of("step"), epochs: of("epoch") };
}

/** Compares what TensorBoard knows after all with the log. */
async function expectLogged(out: string): Promise<void> {
  const tags = await readFolder(`${out}/events`), { steps, epochs } = await metrics(out);
  const scalars = (tag: string) =>
    [...tags.get(tag)!].map(([step, { scalar }]) => [step, Math.fround(scalar!)]);
  const of = (lines: Line[], key: string) =>
    lines.map((line) => [line.step, Math.fround(line[key] as number)]);
  assert.deepEqual(scalars("train/loss"), of(steps, "loss"));
  assert.deepEqual(scalars("train/accuracy"), of(steps, "accuracy"));
  assert.deepEqual(scalars("train/learning_rate"), of(steps, "lr"));
  assert.deepEqual(scalars("train/clipped"), of(steps, "clipped"));
  assert.deepEqual(scalars("test/loss"), of(epochs, "test_loss"));
  assert.deepEqual(scalars("test/accuracy"), of(epochs, "test_accuracy"));
  assert.deepEqual(scalars("test/top5"), of(epochs, "test_top5"));
}

Deno.test("records are framed with masked CRC-32C checksums", () => {
  assert.equal(crc32c(new TextEncoder().encode("123456789")), 0xe3069283, "the check value");
  const event = summaryEvent(1.5, 2 ** 40, [{ tag: "a", scalar: 0.1 }, { tag: "b", scalar: NaN }]);
  const [read] = readEvents(frame(event));
  assert.equal(read!.seconds, 1.5);
  assert.equal(read!.step, 2 ** 40);
  assert.deepEqual(read!.values, [{ tag: "a", scalar: Math.fround(0.1) }, {
    tag: "b",
    scalar: NaN,
  }]);
  assert.equal(frame(new Uint8Array()).length, 16);
});

Deno.test("a run's event files tell what its log tells: scalars, ranges, mistakes, recipe", async () => {
  await inFolder(async (out) => {
    await runOf(RECIPE, cpu(out));
    await expectLogged(out);
    const tags = await readFolder(`${out}/events`), { steps } = await metrics(out);
    const ranges = (await Deno.readTextFile(`${out}/ranges.jsonl`)).trim().split("\n")
      .map((line) => JSON.parse(line));
    for (const line of ranges) {
      for (const key of ["low", "high", "clipped"]) {
        const { scalar } = tags.get(`ranges/${line.quantizer}/${key}`)!.get(line.step)!;
        assert.equal(scalar, Math.fround(line[key]), `${line.quantizer} ${key} at ${line.step}`);
      }
    }
    const quantizers = new Set(ranges.map(({ quantizer }) => quantizer)).size;
    let counted = 0;
    for (const group of ["weights", "activations", "gradients"]) {
      for (const what of ["clipped", "fit"]) {
        const { histogram } = tags.get(`${group}/${what}`)!.get(steps.at(-1)!.step as number)!;
        const { num, buckets, limits, min, max } = histogram!;
        assert.equal(buckets.reduce((sum, n) => sum + n), num);
        assert.equal(limits.length, buckets.length);
        assert.equal(limits.at(-1), max);
        assert.ok(min >= 0 && min <= max);
        if (what === "clipped") counted += num;
      }
    }
    assert.equal(counted, quantizers);
    const evaluation = JSON.parse(await Deno.readTextFile(`${out}/evaluation.json`));
    const { image } = tags.get("mistakes/01")!.get(evaluation.step)!;
    assert.equal(image!.png.toBase64(), evaluation.mistakes[0].png);
    assert.equal(image!.height, 12);
    assert.equal(image!.width, 12);
    assert.match(tags.get("mistakes")!.get(evaluation.step)!.text!, /^no\. \| image \|/);
    const recipe = await Deno.readTextFile(`${out}/recipe.yaml`);
    assert.ok(tags.get("recipe")!.get(0)!.text!.includes(recipe));
    for await (const { name } of Deno.readDir(`${out}/events`)) {
      assert.match(name, /^events\.out\.tfevents\.\d{10}\.qtrain$/);
    }
  });
});

Deno.test("a run that is interrupted, loses what came after its checkpoint and resumes has each step once", async () => {
  await inFolder(async (out) => {
    const longer = { ...RECIPE, train: { ...RECIPE.train, epochs: 3 } };
    await runOf(longer, cpu(out, { stopAt: 13 }));
    await expectLogged(out);
    // As after a kill: the newest checkpoint is gone, and the last record is cut.
    const newest = (await Array.fromAsync(Deno.readDir(`${out}/checkpoints`)))
      .map(({ name }) => name).sort().at(-1)!;
    await Deno.remove(`${out}/checkpoints/${newest}`);
    const [{ name }] = await Array.fromAsync(Deno.readDir(`${out}/events`)) as [Deno.DirEntry];
    const path = `${out}/events/${name}`;
    await Deno.truncate(path, (await Deno.stat(path)).size - 5);
    await runOf(longer, cpu(out, { resume: true }));
    await expectLogged(out);
    assert.equal((await Array.fromAsync(Deno.readDir(`${out}/events`))).length, 2);
  });
});

Deno.test("event files may be turned on and off when a run resumes; off, nothing is written", async () => {
  await inFolder(async (out) => {
    const before = await runOf({ ...RECIPE, tensorboard: false }, cpu(out, { stopAt: 4 }));
    await assert.rejects(Deno.stat(`${out}/events`), Deno.errors.NotFound);
    const { warnings } = await runOf(RECIPE, cpu(out, { resume: true }));
    assert.deepEqual(warnings, []);
    const steps = [...(await readFolder(`${out}/events`)).get("train/loss")!.keys()];
    assert.equal(steps[0], before.end.summary.steps + 1);
  });
});

Deno.test("where a run goes back, readers forget what came after", async () => {
  await inFolder(async (out) => {
    const log = await EventLog.begin(out, LOG);
    const epoch = (step: number) => log.epoch({ ...EPOCH, step });
    [2, 4, 6].forEach(epoch);
    log.restart(2);
    epoch(4);
    await log.flush();
    assert.deepEqual([...(await readFolder(out)).get("test/loss")!.keys()], [2, 4]);
  });
});

Deno.test("a start gets a file of its own whatever the clock says; a deleted folder is made again", async () => {
  await inFolder(async (out) => {
    await Deno.mkdir(out);
    const later = Math.floor(Date.now() / 1000) + 1000;
    await Deno.writeTextFile(`${out}/events.out.tfevents.${later}.qtrain`, "");
    await Deno.writeTextFile(`${out}/events.out.tfevents.9999999999.host.1.2`, "of another");
    const log = await EventLog.begin(out, LOG);
    await log.flush();
    const own = `${out}/events.out.tfevents.${later + 1}.qtrain`;
    assert.equal(readEvents(await Deno.readFile(own)).length, 3);
    await Deno.remove(out, { recursive: true });
    log.epoch(EPOCH);
    await log.writeSoon();
    await log.flush();
    const [head, event] = readEvents(await Deno.readFile(own));
    assert.equal(head!.version, "brain.Event:2");
    assert.equal(event!.step, EPOCH.step);
  });
  await inFolder(async (out) => {
    await Deno.writeTextFile(out, "a file");
    await assert.rejects(EventLog.begin(out, LOG), {
      name: "UsageError",
      message: /: cannot write: a part of the path is a file, not a folder; choose another place$/,
    });
  });
});

const EPOCH: EpochEvent = {
  type: "epoch",
  epoch: 1,
  epochs: 1,
  step: 4,
  trainLoss: NaN,
  trainAccuracy: 0,
  testLoss: Infinity,
  testAccuracy: 0,
  isBest: true,
  calibrationError: 0,
  seconds: 1,
  evaluation: {
    step: 4,
    images: 1,
    loss: null,
    accuracy: 0,
    calibration_error: 0,
    calibration: [],
    classes: ["<script>alert(1)</script>", "a|b\n🙂 [x](javascript:y)"],
    confusion: [[0, 1, 1]],
    mistakes: [{
      index: 0,
      label: 0,
      predicted: 1,
      probability: 1,
      label_probability: 0,
      png: new Uint8Array(24).toBase64(),
    }],
  },
};

Deno.test("names of classes cannot break the table of mistakes", () => {
  const value = epochValues(EPOCH).find((value) => "text" in value)!;
  assert.ok("text" in value);
  const [, , row, ...rest] = value.text.split("\n");
  assert.deepEqual(rest, []);
  assert.equal(row!.split("|").length, 4);
  assert.doesNotMatch(row!, /[<>[\]()]{1}(?!\d)/);
});

Deno.test("event files that cannot be written are a warning: the run keeps its checkpoints", async () => {
  await inFolder(async (out) => {
    await Deno.mkdir(out);
    const warnings: string[] = [];
    const log = await EventLog.begin(out, { ...LOG, warn: (text) => void warnings.push(text) });
    await Deno.remove(out);
    await Deno.writeTextFile(out, "a file");
    await log.flush();
    log.epoch(EPOCH);
    await log.flush();
    assert.equal(warnings.length, 1);
    assert.match(warnings[0]!, /cannot write.*\. Training goes on without event files$/);
  });
});
