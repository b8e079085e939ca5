/**
 * What a terminal shows of a run that a pipe does not get: a table of epochs, a live line that fits, the
 * course of the loss.
 *
 * @module
 */
import assert from "node:assert/strict";
import { EpochTable } from "../cli/epoch_table.ts";
import { stepLine } from "../cli/format.ts";
import { Sparkline } from "../cli/sparkline.ts";
import type { Observation } from "../lib/quant/scheduler.ts";

const ROW = {
  epoch: 1,
  epochs: 12,
  step: 100,
  trainLoss: 0.61234,
  trainAccuracy: 0.8,
  testLoss: 0.39871,
  testAccuracy: 0.85624,
  testTop5: 0.99,
  isBest: true,
  calibrationError: 0.01,
  seconds: 38.2,
};
const STEP = { learningRate: 0.048, clipped: 0.0001, observations: [{} as Observation] };
const FULL = { ...STEP, step: 120, steps: 780, loss: 0.43213, accuracy: 0.844 };
const LINE = { ...FULL, imagesPerSecond: 412.2, dataWaitShare: 0, secondsLeft: 80.4 };

const widest = (text: string) => Math.max(...text.split("\n").map((line) => [...line].length));

Deno.test("epochs are rows of one table, the best ones marked", () => {
  const table = new EpochTable();
  const shown = [
    table.lines(ROW, STEP, 120),
    table.lines({ ...ROW, epoch: 10, trainLoss: NaN, isBest: false, seconds: 3725 }, STEP, 120),
  ].join("\n");
  assert.equal(
    shown,
    `
epoch  train loss  train acc  test loss  test acc    top-5       lr  clipped    time
─────  ──────────  ─────────  ─────────  ────────  ───────  ───────  ───────  ──────
 1/12      0.6123     80.00%     0.3987    85.62%   99.00%   4.8e-2    0.01%     38s  best
10/12         NaN     80.00%     0.3987    85.62%   99.00%   4.8e-2    0.01%  1h 02m`.slice(1),
  );
});

Deno.test("a table of float32 and few classes has neither clipped values nor top-5", () => {
  const { testTop5: _, ...row } = ROW;
  const [header] = new EpochTable().lines(row, { ...STEP, observations: [] }, 120).split("\n");
  assert.doesNotMatch(header!, /top-5|clipped/);
});

Deno.test("a table keeps its most important columns at any width, and fits", () => {
  for (let columns = 30; columns < 120; columns++) {
    const text = new EpochTable().lines(ROW, STEP, columns);
    assert.ok(widest(text) < columns, `${columns}\n${text}`);
    assert.match(text, /epoch .*test acc/);
  }
  assert.equal(
    new EpochTable().lines(ROW, STEP, 45),
    `
epoch  train loss  test acc    time
─────  ──────────  ────────  ──────
 1/12      0.6123    85.62%     38s  best`.slice(1),
  );
});

Deno.test("when a terminal becomes narrower or wider, the header comes again", () => {
  const table = new EpochTable();
  const heights = [120, 119, 60, 60, 120].map((columns) =>
    table.lines(ROW, STEP, columns).split("\n").length
  );
  assert.deepEqual(heights, [3, 1, 3, 1, 3]);
});

/** The course of these values. */
function course(values: readonly number[]): Sparkline {
  const line = new Sparkline();
  for (const value of values) line.add(value);
  return line;
}

Deno.test("the live line leaves out what matters less until it fits", () => {
  const falling = course([9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
  for (let columns = 20; columns < 150; columns++) {
    const line = stepLine(LINE, columns, falling);
    assert.ok(widest(line) < columns, line);
    assert.match(line, /^step +120\/780/);
  }
  const at = (columns: number) => stepLine(LINE, columns, falling);
  assert.match(at(150), /^step +120\/780 \| loss 0\.4321 █▇▆▆▅▄▃▃▂▁ \| acc .* \| lr .* left$/);
  assert.equal(
    at(80),
    "step   120/780 | loss 0.4321 █▇▆▆▅▄▃▃▂▁ | acc 84.4% | 412 img/s | 1m 20s left",
  );
  assert.equal(at(44), "step   120/780 | loss 0.4321 | 1m 20s left");
  assert.equal(at(40), "step   120/780 | loss 0.4321 █▇▆▆▅▄▃▃▂▁");
  assert.equal(stepLine(LINE), stepLine(LINE, Infinity, course([])), "a pipe gets all");
});

Deno.test("the course of any number of values is a few blocks, from its highest to its lowest", () => {
  const of = (values: readonly number[]) => course(values).blocks(24);
  assert.equal(of([]), "");
  assert.equal(of([1]), "");
  assert.equal(of([2, NaN, 1, Infinity, 0]), "█▅▁");
  assert.equal(of([1, 1, 1]), "▁▁▁");
  const line = new Sparkline();
  for (let i = 0; i < 100_000; i++) {
    line.add(1 / (1 + i));
    if (i % 997 === 0) assert.ok(line.blocks(1000).length <= 24);
  }
  assert.match(line.blocks(8), /^█.{6}▁$/);
});
