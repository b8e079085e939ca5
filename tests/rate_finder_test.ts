/**
 * `qtrain lr`: the test of learning rates, what it proposes, and what it prints.
 *
 * @module
 */
import assert from "node:assert/strict";
import { parseRecipe } from "../lib/recipe/load.ts";
import { findRate, MIN_RATE_STEPS, proposeRate } from "../lib/train/rate_finder.ts";
import { ratePlot } from "../lib/view/plot/rate_plot.ts";
import { inFolder, qtrain } from "./support/command.ts";

const TEXT = `data: { format: glyphs, size: 12, train: 640, test: 10 }
model: { name: cnn, width: 4 }
train: { batch: 16 }
`;
const recipeOf = (...overrides: string[]) => parseRecipe(TEXT, "r.yaml", overrides);
const CPU = { device: "cpu" } as const;

Deno.test("the test trains at rising rates until the loss rises, the same each time", async () => {
  const [a, b] = [await findRate(recipeOf(), CPU), await findRate(recipeOf(), CPU)];
  assert.deepEqual(b.points, a.points);
  assert.equal(b.proposal, a.proposal);
  a.points.forEach(({ rate }, i) => assert.ok(i === 0 || rate > a.points[i - 1]!.rate));
  assert.equal(a.points[0]!.rate, 1e-5);
  assert.ok(a.points.length > MIN_RATE_STEPS && a.points.length <= 150);
  assert.ok(a.proposal! > 0.005 && a.proposal! < 2, `${a.proposal}`);
});

Deno.test("the rate and the schedule of the recipe change nothing; optimizer and arithmetic do", async () => {
  const of = async (...overrides: string[]) =>
    (await findRate(recipeOf(...overrides), { ...CPU, steps: 50 })).points;
  const plain = await of();
  const other = await of("train.optimizer.lr=3", "train.schedule.warmup_steps=40");
  assert.deepEqual(other, plain);
  const float32 = await of("quantize.arithmetic=float32");
  assert.notDeepEqual(float32, plain);
  const adamw = await of("train.optimizer.name=adamw");
  assert.equal(adamw[0]!.rate, 1e-7);
});

/** Points with these losses, ten for each factor of ten from 1e-5. */
const curve = (losses: readonly number[]) =>
  losses.map((smoothed, i) => ({ rate: 10 ** (-5 + i / 10), smoothed }));

Deno.test("a loss that does not fall, or only by noise, gives no proposal", () => {
  assert.equal(proposeRate([]), undefined);
  assert.equal(proposeRate(curve([2.3])), undefined);
  assert.equal(proposeRate(curve([2.3, 2.31, 2.4, 3, 8])), undefined);
  assert.equal(proposeRate(curve([2.3, 2.31, 2.29, 2.28, 2.5])), undefined);
  assert.equal(proposeRate(curve([NaN, NaN, NaN])), undefined);
  assert.equal(proposeRate(curve([0, 0, 0])), undefined);
});

Deno.test("data with fewer images than a batch is refused as training refuses it", async () => {
  await assert.rejects(findRate(recipeOf("train.batch=700"), CPU), {
    name: "DataError",
    message: /^train\.batch: expected at most the 640 training images, got 700/,
  });
});

Deno.test("a loss that is not finite from the first step gives no points and no proposal", async () => {
  const linear = "model={layers: [{type: linear, features: 10}]}";
  const wild = recipeOf(linear, "quantize.arithmetic=float32", "data.std=1.0e-38");
  const { points, ended, proposal } = await findRate(wild, CPU);
  assert.deepEqual([points, ended, proposal], [[], "nonfinite", undefined]);
});

Deno.test("an abort ends the test without a proposal", async () => {
  const stop = new AbortController();
  const { points, ended, proposal } = await findRate(recipeOf(), {
    ...CPU,
    signal: stop.signal,
    progress: () => stop.abort(),
  });
  assert.deepEqual([points.length, ended, proposal], [1, "interrupted", undefined]);
});

Deno.test("the plot is an SVG file by itself, with and without a proposal", () => {
  const points = curve([2.3, 2.2, 2, 1.5, 3]).map((point) => ({ ...point, loss: point.smoothed }));
  for (const svg of [ratePlot(points, 0.01), ratePlot(points), ratePlot(points.slice(0, 1))]) {
    assert.match(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" viewBox=/);
    assert.doesNotMatch(svg, /NaN|Infinity|undefined/);
  }
  assert.match(ratePlot(points, 0.01), /aria-label="Loss over the learning rate; proposed: 0\.01"/);
});

Deno.test("qtrain lr prints a table, the proposal and a command to paste; --out draws the curve", async () => {
  await inFolder({ "it's mine.yaml": TEXT }, async (cwd) => {
    const { code, stdout, stderr } = await qtrain([
      "lr",
      "it's mine.yaml",
      "train.batch=32",
      "train.optimizer.lr=0.7",
      "--device",
      "cpu",
      "--out",
      "curve.svg",
    ], { cwd });
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^ +lr +loss\n/);
    const [, rate, was] = /^proposed learning rate (\S+) \(the recipe has (\S+)\)$/m.exec(stdout)!;
    assert.equal(was, "0.7");
    const command = /^train with it: .* (?:'it'\\''s mine\.yaml'|"it's mine\.yaml") (.*)$/m;
    assert.equal(command.exec(stdout)![1], `train.batch=32 train.optimizer.lr=${rate}`);
    assert.match(await Deno.readTextFile(`${cwd}/curve.svg`), /^<svg xmlns/);
  });
});

Deno.test("qtrain lr --json has the points; where no rate is found it says why and exits with 1", async () => {
  await inFolder({ "r.yaml": TEXT }, async (cwd) => {
    const run = (...args: string[]) =>
      qtrain(["lr", "r.yaml", "--device", "cpu", "--steps", "50", ...args], { cwd });
    const found = await run("--json"), result = JSON.parse(found.stdout);
    assert.equal(found.code, result.proposal === null ? 1 : 0);
    assert.deepEqual(Object.keys(result.points[0]), ["rate", "loss", "smoothed"]);
    assert.equal(result.batch, 16);
    const wild = await run(
      "model={layers: [{type: linear, features: 10}]}",
      "quantize.arithmetic=float32",
      "data.std=1.0e-38",
    );
    assert.equal(wild.code, 1);
    assert.match(wild.stderr, /no learning rate found: the loss of the first step is not a finite/);
    const wrong = await run("--out", "curve.png");
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /--out: expected a file that ends in \.svg, got curve\.png/);
  });
});
