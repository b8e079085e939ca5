/**
 * Event files of a run that was interrupted and resumed, read by TensorBoard's own reader:
 * `deno task test:tensorboard`, or with the Python that has it,
 * `deno task test:tensorboard venv/bin/python`.
 *
 * @module
 */
import assert from "node:assert/strict";
import { inFolder, runOf, SHORT } from "../support/runs.ts";

/** Prints as JSON what TensorBoard knows of a folder: scalars, and the steps of all else. */
const READER = `
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
a = EventAccumulator(sys.argv[1], {"scalars": 0, "images": 0, "histograms": 0, "tensors": 0})
a.Reload()
tags = a.Tags()
print(json.dumps({
  "scalars": {t: [[e.step, e.value] for e in a.Scalars(t)] for t in tags["scalars"]},
  "images": {t: [[e.step, e.height, e.width] for e in a.Images(t)] for t in tags["images"]},
  "histograms": {t: [[e.step, e.histogram_value.num] for e in a.Histograms(t)] for t in tags["histograms"]},
  "texts": {t: [[e.step, e.tensor_proto.string_val[0].decode()] for e in a.Tensors(t)] for t in tags["tensors"]},
}))
`;

const [python = "python3"] = Deno.args;
const recipe = {
  ...SHORT,
  tensorboard: true,
  train: { ...SHORT.train, epochs: 3, log_every: 1 },
};

await inFolder(async (out) => {
  await runOf(recipe, { device: "cpu", out, stopAt: 13 });
  // As after a kill: steps were logged that the newest checkpoint left does not know.
  const checkpoints = (await Array.fromAsync(Deno.readDir(`${out}/checkpoints`)))
    .map(({ name }) => name).sort();
  await Deno.remove(`${out}/checkpoints/${checkpoints.at(-1)}`);
  await runOf(recipe, { device: "cpu", out, resume: true });

  const { success, stdout, stderr } = await new Deno.Command(python, {
    args: ["-c", READER, `${out}/events`],
  }).output();
  const why = new TextDecoder().decode(stderr);
  if (/No module named/.test(why)) {
    console.error(`${python} has no TensorBoard: ${python} -m pip install tensorboard`);
    Deno.exit(2);
  }
  assert.ok(success, why);
  const read = JSON.parse(new TextDecoder().decode(stdout));
  const lines = (await Deno.readTextFile(`${out}/metrics.jsonl`)).trim().split("\n")
    .map((line) => JSON.parse(line));
  const logged = (kind: string, key: string) =>
    lines.filter((line) => line.kind === kind).map((line) => [line.step, Math.fround(line[key])]);
  assert.deepEqual(read.scalars["train/loss"], logged("step", "loss"));
  assert.deepEqual(read.scalars["train/learning_rate"], logged("step", "lr"));
  assert.deepEqual(read.scalars["test/accuracy"], logged("epoch", "test_accuracy"));
  const steps = logged("step", "loss").map(([step]) => step);
  assert.deepEqual(read.histograms["gradients/fit"].map(([step]: number[]) => step), steps);
  assert.deepEqual(read.images["mistakes/01"].map(([, ...size]: number[]) => size), [
    [12, 12],
    [12, 12],
    [12, 12],
  ]);
  assert.equal(read.texts.mistakes.length, 3);
  assert.match(read.texts.recipe.at(-1)[1], /tensorboard: true/);
  console.log(
    `TensorBoard reads ${
      Object.keys(read.scalars).length
    } scalars of ${steps.length} steps, each once`,
  );
});
