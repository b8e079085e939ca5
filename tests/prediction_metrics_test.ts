/**
 * Figures of a classifier: confusion matrix, top-5, precision and recall, calibration, worst mistakes.
 *
 * @module
 */
import assert from "node:assert/strict";
import { decodeEvaluation, type EvaluationRecord } from "../lib/metrics/evaluation_record.ts";
import {
  classFigures,
  mostConfused,
  PredictionMetrics,
  weakestFirst,
} from "../lib/metrics/prediction_metrics.ts";
import { DataError } from "../lib/core/errors.ts";

/** Scores whose softmax has these probabilities. */
const scores = (...probabilities: number[]) => Float32Array.from(probabilities, Math.log);

Deno.test("figures of three images of three classes are those counted by hand", () => {
  const metrics = new PredictionMetrics(3);
  assert.equal(metrics.add(0, 0, scores(0.7, 0.2, 0.1)), false);
  assert.equal(metrics.add(1, 0, scores(0.3, 0.6, 0.1)), true);
  assert.equal(metrics.add(2, 2, scores(0.1, 0.3, 0.6)), false);
  const { confusion, mistakes, top5, calibration, calibrationError } = metrics.figures();
  assert.deepEqual(confusion, [[0, 0, 1], [0, 1, 1], [2, 2, 1]]);
  assert.equal(top5, undefined, "of three classes, five say nothing");
  assert.equal(mistakes.length, 1);
  assert.deepEqual({ ...mistakes[0], probability: 0, labelProbability: 0 }, {
    index: 1,
    label: 0,
    predicted: 1,
    probability: 0,
    labelProbability: 0,
  });
  assert.ok(Math.abs(mistakes[0]!.probability - 0.6) < 1e-6);
  assert.ok(Math.abs(mistakes[0]!.labelProbability - 0.3) < 1e-6);
  // Two images of 0.6 (one of them right) in one interval or in two neighbours, one of 0.7.
  assert.equal(calibration.reduce((sum, bin) => sum + bin.images, 0), 3);
  assert.ok(calibrationError > 0.09 && calibrationError < 0.51, `${calibrationError}`);
});

Deno.test("calibration is the mean distance of confidence and accuracy over intervals", () => {
  const metrics = new PredictionMetrics(2);
  // Ten answers of 0.8 of which seven are right: an error of 0.1; ten of 0.95 that are all right: 0.05.
  for (let i = 0; i < 10; i++) metrics.add(i, i < 7 ? 0 : 1, scores(0.81, 0.19));
  for (let i = 10; i < 20; i++) metrics.add(i, 0, scores(0.95, 0.05));
  assert.ok(Math.abs(metrics.figures().calibrationError - (0.11 + 0.05) / 2) < 1e-6);
});

Deno.test("top-5 counts the classes before the image's own, the first of equal scores first", () => {
  const metrics = new PredictionMetrics(6);
  metrics.add(0, 5, scores(0.1, 0.1, 0.1, 0.1, 0.1, 0.5));
  metrics.add(1, 5, scores(0.2, 0.2, 0.2, 0.2, 0.1, 0.1)); // Class 4 comes before it: not among five.
  metrics.add(2, 4, scores(0.2, 0.2, 0.2, 0.2, 0.1, 0.1));
  assert.equal(metrics.figures().top5, 2 / 3);
  assert.deepEqual(metrics.figures().confusion, [[4, 0, 1], [5, 0, 1], [5, 5, 1]]);
});

Deno.test("the sixteen worst mistakes of many are kept, the worst first, whatever their order", () => {
  const rank = (i: number) => (i * 37) % 100;
  const metrics = new PredictionMetrics(2);
  for (let i = 0; i < 100; i++) {
    metrics.add(i, 0, scores((rank(i) + 1) / 250, 1 - (rank(i) + 1) / 250));
  }
  const { mistakes } = metrics.figures();
  assert.equal(mistakes.length, 16);
  assert.deepEqual(
    mistakes.map(({ index }) => rank(index)),
    Array.from({ length: 16 }, (_, i) => i),
  );
});

Deno.test("scores that are not numbers are no right answers, and give no figure that is none", () => {
  const metrics = new PredictionMetrics(6);
  metrics.add(0, 0, new Float32Array(6).fill(NaN));
  metrics.add(1, 1, new Float32Array(6).fill(Infinity));
  const { top5, calibrationError, calibration, mistakes } = metrics.figures();
  assert.ok([top5!, calibrationError].every(Number.isFinite));
  assert.equal(calibration[0]!.accuracy, 0);
  assert.ok(
    mistakes.every(({ probability, labelProbability }) => probability + labelProbability === 0),
  );
});

Deno.test("without images there are no figures, and none is NaN", () => {
  const { confusion, mistakes, calibrationError, top5 } = new PredictionMetrics(10).figures();
  assert.deepEqual([confusion, mistakes, calibrationError, top5], [[], [], 0, 0]);
});

Deno.test("precision, recall and F1 follow from the confusion matrix; a class without images has none", () => {
  const figures = classFigures(4, [[0, 0, 8], [0, 1, 2], [1, 1, 5], [1, 0, 5], [3, 0, 1]]);
  assert.deepEqual(figures, [
    { label: 0, precision: 8 / 14, recall: 0.8, f1: 16 / 24, support: 10 },
    { label: 1, precision: 5 / 7, recall: 0.5, f1: 10 / 17, support: 10 },
    { label: 2, precision: null, recall: null, f1: null, support: 0 },
    { label: 3, precision: null, recall: 0, f1: 0, support: 1 },
  ]);
  assert.deepEqual(weakestFirst(figures).map(({ label }) => label), [3, 1, 0]);
  assert.deepEqual(mostConfused([[0, 0, 8], [0, 1, 2], [1, 0, 5]], 1), [[1, 0, 5]]);
});

const RECORD: EvaluationRecord = {
  step: 3,
  images: 2,
  loss: null,
  accuracy: 0.5,
  calibration_error: 0.25,
  calibration: [{ images: 2, confidence: 0.75, accuracy: 0.5 }],
  classes: ["a", "b"],
  confusion: [[0, 0, 1], [1, 0, 1]],
  mistakes: [{
    index: 1,
    label: 1,
    predicted: 0,
    probability: 0.75,
    label_probability: 0.25,
    png: "iVBOR+/=",
  }],
};

Deno.test("evaluation.json is read back, and anything else is refused with its path", () => {
  assert.deepEqual(decodeEvaluation(JSON.stringify(RECORD), "f"), RECORD);
  const [mistake] = RECORD.mistakes;
  const damaged: unknown[] = [
    null,
    [],
    { ...RECORD, accuracy: 2 },
    { ...RECORD, step: -1 },
    { ...RECORD, classes: undefined },
    { ...RECORD, confusion: [[0, 2, 1]] },
    { ...RECORD, confusion: [[0, 1]] },
    { ...RECORD, mistakes: [{ ...mistake, png: '"><script>' }] },
    { ...RECORD, mistakes: [null] },
    { ...RECORD, calibration: [{ images: 1 }] },
  ];
  for (const value of damaged) {
    assert.throws(
      () => decodeEvaluation(JSON.stringify(value), "runs/x/evaluation.json"),
      (error) => error instanceof DataError && error.message.startsWith("runs/x/evaluation.json: "),
      JSON.stringify(value),
    );
  }
  assert.throws(() => decodeEvaluation('{"step":', "f"), DataError);
});
