import assert from "node:assert/strict";
import {
  bytes,
  duration,
  epochLine,
  percent,
  rate,
  settingsTable,
  stepLine,
  table,
} from "../cli/format.ts";
import type { Observation } from "../lib/quant/scheduler.ts";
import { countImages } from "../lib/core/image_count.ts";
import { Progress, type ProgressMode } from "../cli/progress.ts";

Deno.test("duration() chooses units by size", () => {
  const expected: [seconds: number, text: string][] = [
    [0, "0s"],
    [0.0004, "0s"],
    [0.0115, "12ms"],
    [0.9999, "1s"],
    [4.24, "4.2s"],
    [8, "8s"],
    [9.96, "10s"],
    [38.4, "38s"],
    [59.6, "1m 00s"],
    [80, "1m 20s"],
    [3599.6, "1h 00m"],
    [3725, "1h 02m"],
    [86399, "1d 0h"],
    [183600, "2d 3h"],
    [NaN, "–"],
    [Infinity, "–"],
    [-1, "–"],
  ];
  for (const [seconds, text] of expected) assert.equal(duration(seconds), text, `${seconds}`);
});

Deno.test("bytes() counts in units of 1024", () => {
  const expected: [n: number, text: string][] = [
    [0, "0 B"],
    [1023, "1023 B"],
    [1024, "1 KiB"],
    [1536, "1.5 KiB"],
    [1024 * 1024 - 1, "1 MiB"],
    [128 * 1024 * 1024, "128 MiB"],
    [5 * 1024 ** 5, "5120 TiB"],
    [NaN, "–"],
  ];
  for (const [n, text] of expected) assert.equal(bytes(n), text);
});

Deno.test("percent() and rate() round to the digits asked for", () => {
  assert.equal(percent(0.844), "84.4%");
  assert.equal(percent(0.0001, 2), "0.01%");
  assert.equal(percent(1), "100.0%");
  assert.equal(percent(NaN), "–");
  assert.deepEqual([412.3, 99.96, 38.64, 9.996, 4.256].map(rate), [
    "412",
    "100",
    "38.6",
    "10.0",
    "4.26",
  ]);
});

const STEP = {
  step: 120,
  steps: 780,
  loss: 0.43213,
  accuracy: 0.844,
  learningRate: 0.048,
  imagesPerSecond: 412.2,
  dataWaitShare: 0,
  clipped: 0.0001,
  secondsLeft: 80.4,
  observations: [{} as Observation],
};

Deno.test("stepLine() is one dense line", () => {
  assert.equal(
    stepLine(STEP),
    "step   120/780 | loss 0.4321 | acc 84.4% | lr 4.8e-2 | 412 img/s | clipped 0.01% | 1m 20s left",
  );
});

Deno.test("stepLine() shows the share of waiting for data above 5%", () => {
  assert.doesNotMatch(stepLine({ ...STEP, dataWaitShare: 0.05 }), /waiting/);
  assert.match(
    stepLine({ ...STEP, dataWaitShare: 0.123 }),
    / \| 412 img\/s \| waiting for data 12% \| clipped 0\.01% \| /,
  );
});

Deno.test("stepLine() keeps its columns from the first step to the last", () => {
  const bars = (step: number) => stepLine({ ...STEP, step, steps: 4690 }).indexOf("|");
  assert.equal(bars(1), bars(4690));
});

Deno.test("stepLine() omits unknown times and, in float32, clipped values", () => {
  assert.equal(
    stepLine({ ...STEP, imagesPerSecond: 0, observations: [], loss: NaN }),
    "step   120/780 | loss NaN | acc 84.4% | lr 4.8e-2 | – img/s",
  );
});

Deno.test("epochLine() is one dense line", () => {
  const figures = { epochs: 12, trainLoss: 0.61, testLoss: 0.39871, testAccuracy: 0.85624 };
  assert.equal(
    epochLine({ ...figures, epoch: 3, seconds: 38.2 }),
    "epoch  3/12 | train loss 0.6100 | test loss 0.3987 | test acc 85.62% | 38s",
  );
});

Deno.test("settingsTable() aligns names and values between rules", () => {
  const text = settingsTable([
    ["recipe", "configs/quickstart.yaml"],
    ["device", "gpu · llvmpipe"],
    ["learning rate", "0.05, cosine, 100 warm-up steps"],
    ["note", ""],
  ]);
  assert.equal(
    text,
    `
──────────────────────────────────────────────
recipe         configs/quickstart.yaml
device         gpu · llvmpipe
learning rate  0.05, cosine, 100 warm-up steps
note
──────────────────────────────────────────────`.slice(1),
  );
});

Deno.test("table() aligns columns under a rule", () => {
  const text = table(
    ["layer", "shape", "parameters"],
    [["conv1", "[64, 28, 28, 32]", "288"], ["pool", "[64, 1, 1, 64]"], ["total", "", "65,034"]],
    ["left", "left", "right"],
  );
  assert.equal(
    text,
    `
layer  shape             parameters
─────  ────────────────  ──────────
conv1  [64, 28, 28, 32]         288
pool   [64, 1, 1, 64]
total                        65,034`.slice(1),
  );
});

Deno.test("table() takes more rows than a function takes arguments", () => {
  const rows = Array.from({ length: 200_000 }, (_, i) => [`${i}`]);
  assert.equal(table(["row"], rows).length, "row\n──────\n".length + 200_000 * 7 - 111_110 - 1);
});

/** A stream that records what is written. */
function recorder(terminal: boolean) {
  const state = { text: "" };
  return {
    state,
    isTerminal: () => terminal,
    writeSync(part: Uint8Array): number {
      state.text += new TextDecoder().decode(part);
      return part.length;
    },
  };
}

function progressOn(terminal: boolean, mode: ProgressMode = "normal") {
  const stream = recorder(terminal);
  const clock = { ms: 0 };
  const progress = new Progress({ mode, stream, columns: () => 11, now: () => clock.ms });
  return { progress, clock, written: () => stream.state.text };
}

Deno.test("Progress rewrites one live line on a terminal, cut to its width", () => {
  const { progress, clock, written } = progressOn(true);
  progress.live("step 1 of many");
  clock.ms = 50;
  progress.live("too soon");
  clock.ms = 200;
  progress.live(() => "step 2");
  progress.print("epoch 1");
  progress.done();
  progress.print("after");
  assert.equal(
    written(),
    "\r\x1b[2Kstep 1 of " + "\r\x1b[2Kstep 2" + "\r\x1b[2Kepoch 1\nstep 2" + "\r\x1b[2K" +
      "after\n",
  );
});

Deno.test("Progress writes plain lines to a pipe, live ones seconds apart", () => {
  const { progress, clock, written } = progressOn(false);
  for (; clock.ms < 12_000; clock.ms += 500) progress.live(`step at ${clock.ms} ms`);
  progress.print("epoch 1");
  progress.print("epoch 2");
  progress.done();
  assert.equal(
    written(),
    "step at 0 ms\nstep at 5000 ms\nstep at 10000 ms\nepoch 1\nepoch 2\n",
  );
});

Deno.test("Progress does not format a line that it does not show", () => {
  const { progress } = progressOn(false);
  progress.live("first");
  progress.live(() => assert.fail("made"));
  progressOn(true, "quiet").progress.live(() => assert.fail("made"));
});

for (const mode of ["quiet", "json"] as const) {
  Deno.test(`Progress writes nothing but errors in ${mode} mode`, () => {
    const { progress, written } = progressOn(true, mode);
    progress.live("step");
    progress.print("epoch");
    progress.done();
    assert.equal(written(), "");
    progress.error("no adapter");
    assert.equal(written(), "no adapter\n");
  });
}

Deno.test("images that take longer than two seconds are counted, with their rate and what is left", () => {
  let ms = 0;
  const said: string[] = [];
  const count = countImages("reading", 10_001, (text) => said.push(text), () => ms);
  for (ms of [0, 1999, 2000, 2100, 3000]) count(1 + ms);
  assert.deepEqual(said, [
    "reading: 2,001 of 10,001 images | 1000 img/s | 8s left",
    "reading: 3,001 of 10,001 images | 1000 img/s | 7s left",
  ]);
});

Deno.test("Progress continues when its reader has gone", () => {
  const writeSync = () => {
    throw new Deno.errors.BrokenPipe("gone");
  };
  const progress = new Progress({ stream: { isTerminal: () => false, writeSync } });
  progress.live("step");
  progress.print("epoch");
  progress.error("oops");
});
