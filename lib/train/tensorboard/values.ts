/**
 * The values of a step and of an epoch in event files.
 *
 * @module
 */
import { percent } from "../../core/format.ts";
import { oneLine } from "../../core/text.ts";
import type { EvaluationRecord } from "../../metrics/evaluation_record.ts";
import type { QuantizerSpec } from "../../quant/quantizer.ts";
import type { Observation } from "../../quant/scheduler.ts";
import type { EpochEvent, StepEvent } from "../events.ts";
import type { Value } from "./event.ts";

const GROUPS: Readonly<Record<QuantizerSpec["role"], string>> = {
  weight: "weights",
  input: "activations",
  activation: "activations",
  gradient: "gradients",
};

const scalars = (values: Readonly<Record<string, number | undefined>>): Value[] =>
  Object.entries(values).flatMap(([tag, scalar]) => scalar === undefined ? [] : [{ tag, scalar }]);

/** The figures of a logged step. */
export function stepValues(event: StepEvent): Value[] {
  const timed = event.imagesPerSecond > 0; // The first step is not timed.
  return scalars({
    "train/loss": event.loss,
    "train/accuracy": event.accuracy,
    "train/learning_rate": event.learningRate,
    "train/gradient_norm": event.gradientNorm,
    "train/clipped": event.observations.length > 0 ? event.clipped : undefined,
    "speed/images_per_second": timed ? event.imagesPerSecond : undefined,
    "speed/data_wait_share": timed ? event.dataWaitShare : undefined,
  });
}

/**
 * The range and the clipped share of each quantizer; and over all weights, activations and gradients the
 * histograms of clipped shares and of how the ranges fit: the width of the values that were seen by that
 * of the range.
 */
export function rangeValues(observations: readonly Observation[]): Value[] {
  const values: Value[] = [], lists = new Map<string, number[]>();
  const add = (tag: string, value: number) => {
    if (!Number.isFinite(value)) return;
    const list = lists.get(tag);
    if (list) list.push(value);
    else lists.set(tag, [value]);
  };
  for (const { quantizer, range, min, max, clipped } of observations) {
    const { name, role, elements } = quantizer, share = clipped / elements;
    values.push(...scalars({
      [`ranges/${name}/low`]: range?.low,
      [`ranges/${name}/high`]: range?.high,
      [`ranges/${name}/clipped`]: share,
    }));
    add(`${GROUPS[role]}/clipped`, share);
    if (range && min !== undefined && max !== undefined) {
      add(`${GROUPS[role]}/fit`, (max - min) / (range.high - range.low));
    }
  }
  for (const [tag, histogram] of lists) values.push({ tag, histogram });
  return values;
}

/** The figures of an epoch and its worst mistakes. */
export function epochValues(event: EpochEvent): Value[] {
  return [
    ...scalars({
      "epoch/train_loss": event.trainLoss,
      "epoch/train_accuracy": event.trainAccuracy,
      "epoch/seconds": event.seconds,
      "test/loss": event.testLoss,
      "test/accuracy": event.testAccuracy,
      "test/top5": event.testTop5,
      "test/calibration_error": event.calibrationError,
    }),
    ...mistakes(event.evaluation),
  ];
}

function mistakes({ mistakes, classes }: EvaluationRecord): Value[] {
  if (mistakes.length === 0) return [];
  const rank = (i: number) => String(i + 1).padStart(2, "0");
  const rows = mistakes.map((
    { index, file, label, predicted, probability, label_probability },
    i,
  ) =>
    [
      rank(i),
      file ?? `image ${index}`,
      `${classes[label]} (${percent(label_probability, 2)})`,
      `${classes[predicted]} (${percent(probability, 2)})`,
    ].map(cell).join(" | ")
  );
  const text = `no. | image | its class | taken for\n--- | --- | --- | ---\n${rows.join("\n")}`;
  return [
    ...mistakes.map(({ png }, i) => ({
      tag: `mistakes/${rank(i)}`,
      png: Uint8Array.fromBase64(png),
    })),
    { tag: "mistakes", text },
  ];
}

/** A text in a cell of a table in Markdown, whatever is in it. */
function cell(text: string): string {
  return oneLine(text).replace(/[\\`*_{}[\]()#+\-!|<>&~]/g, (c) => `&#${c.charCodeAt(0)};`);
}
