/**
 * The sections of a report about classes: which are confused, how well each is known, the worst
 * mistakes, and how far the probabilities can be believed.
 *
 * @module
 */
import { percent, UNKNOWN, withThousands } from "../../core/format.ts";
import type { EvaluationRecord, MistakeRecord } from "../../metrics/evaluation_record.ts";
import { classFigures, mostConfused, weakestFirst } from "../../metrics/prediction_metrics.ts";
import { nameHtml } from "../escape.ts";
import type { Section } from "../page.ts";
import { confusionPlot } from "../plot/confusion_plot.ts";
import { reliabilityPlot } from "../plot/reliability_plot.ts";
import type { RunView } from "../run_log.ts";
import { colour } from "../style.ts";
import { type Cell, figure, forEachRun, runName, soft, table } from "./html.ts";

/** Pairs of classes that are listed. */
const MAX_PAIRS = 12;
/** Rows of the table of classes. */
const MAX_CLASSES = 1000;
/** Characters of all pictures of mistakes: sixteen of 96 pixels have as many. */
const MAX_PICTURES = 500_000;
/** Characters of all matrices of several runs. */
const MAX_MATRICES = 200_000;
/** Pixels below which a picture is shown magnified, pixel by pixel. */
const SMALL = 64;

/** Why a run has no figures of classes. */
function nothing({ epochs, status }: RunView): string {
  if (epochs.length === 0) {
    return status === "running"
      ? "There is no evaluation yet: the first comes at the end of the first epoch."
      : "There was no evaluation: the run ended before its first epoch did.";
  }
  return "The folder has no <code>evaluation.json</code>: an earlier version of qtrain wrote it. " +
    "<code>qtrain eval</code> shows these figures.";
}

/** Which classes are taken for which. */
export function confusionSection(runs: readonly RunView[]): Section {
  let room = runs.length === 1 ? Infinity : MAX_MATRICES;
  const html = forEachRun(runs, ({ evaluation: e }) => {
    if (!e) return "";
    const pairs = mostConfused(e.confusion, MAX_PAIRS);
    const support = new Float64Array(e.classes.length);
    for (const [label, , images] of e.confusion) support[label]! += images;
    const list = pairs.length === 0 ? soft("No image was taken for another class.") : table({
      caption: "The classes that are confused most",
      columns: [
        { text: "is" },
        { text: "taken for" },
        { text: "images", right: true },
        { text: "of its class", right: true },
      ],
      rows: pairs.map(([label, predicted, images]) => [
        nameHtml(e.classes[label]!),
        nameHtml(e.classes[predicted]!),
        withThousands(images),
        percent(images / support[label]!),
      ]),
    });
    const plot = confusionPlot(e.classes, e.confusion);
    if ((room -= plot.length) < 0) return list;
    const shown = plot.startsWith("<svg")
      ? `<figure class="fill">${plot}</figure>`
      : `<div>${plot}</div>`;
    return `<div class="side">${shown}<div>${list}</div></div>`;
  }, nothing);
  return { id: "confusion", title: "Confusion matrix", html };
}

/** How well each class is known, the weakest first. */
export function classesSection(runs: readonly RunView[]): Section {
  const html = runs.length === 1 ? classTable(runs[0]!) : classComparison(runs);
  return { id: "classes", title: "Classes", html };
}

const shareCell = (value: number | null): Cell => ({ html: percent(value ?? NaN), value });

function classTable(run: RunView): string {
  const e = run.evaluation;
  if (!e) return soft(nothing(run));
  const all = classFigures(e.classes.length, e.confusion), weakest = weakestFirst(all);
  const without = all.filter(({ support }) => support === 0);
  const shown = [...weakest, ...without].slice(0, MAX_CLASSES);
  const of = all.length > shown.length
    ? `The ${shown.length} weakest of ${withThousands(all.length)} classes`
    : `${withThousands(all.length)} classes, the weakest first`;
  return table({
    caption: `${of}; on ${withThousands(e.images)} test images after step ${withThousands(e.step)}`,
    columns: [
      { text: "class" },
      ...["precision", "recall", "F1", "images"].map((text) => ({ text, right: true })),
    ],
    rows: shown.map(({ label, precision, recall, f1, support }): Cell[] => [
      nameHtml(e.classes[label]!),
      shareCell(precision),
      shareCell(recall),
      {
        html: f1 === null
          ? UNKNOWN
          : `<i class="share c0" style="width:${Math.round(f1 * 60)}px"></i>${percent(f1)}`,
        value: f1,
      },
      { html: withThousands(support), value: support },
    ]),
    sortable: true,
    tall: shown.length > 20,
  });
}

/** F1 of each class in each run. */
function classComparison(runs: readonly RunView[]): string {
  const known = runs.filter(({ evaluation }) => evaluation);
  if (known.length === 0) return soft(nothing(runs[0]!));
  const figures = known.map(({ evaluation: e }) => {
    const all = classFigures(e!.classes.length, e!.confusion);
    return new Map(all.map(({ label, f1 }) => [e!.classes[label]!, f1]));
  });
  const names = [...new Set(figures.flatMap((map) => [...map.keys()]))];
  const least = (name: string) => Math.min(...figures.map((map) => map.get(name) ?? 2));
  const rows = names.toSorted((a, b) => least(a) - least(b)).slice(0, MAX_CLASSES / known.length)
    .map((name): Cell[] => [
      nameHtml(name),
      ...figures.map((map) => shareCell(map.get(name) ?? null)),
    ]);
  return table({
    caption: `F1 of ${rows.length < names.length ? `the ${rows.length} weakest` : "all"} classes`,
    columns: [
      { text: "class" },
      ...known.map((run) => ({ text: runName(runs, run), right: true })),
    ],
    rows,
    sortable: true,
    tall: rows.length > 20,
  });
}

/** The images of which the network was surest, and wrong. */
export function mistakesSection(runs: readonly RunView[]): Section {
  let room = MAX_PICTURES;
  const html = forEachRun(runs, ({ evaluation: e }) => {
    if (!e) return "";
    if (e.mistakes.length === 0) return soft("No test image was taken for another class.");
    const shown = e.mistakes.filter(({ png }) => (room -= png.length) >= 0);
    const left = e.mistakes.length - shown.length;
    return soft(
      "The test images with the smallest probability of their own class, the worst first.",
    ) +
      `<ul class="mistakes">${shown.map((mistake) => pictureOf(mistake, e)).join("\n")}</ul>` +
      (left > 0 ? soft(`${left} more would make this file too large.`) : "");
  }, nothing);
  return { id: "mistakes", title: "Worst mistakes", html };
}

function pictureOf(mistake: MistakeRecord, { classes }: EvaluationRecord): string {
  const { png, label, predicted, probability, label_probability: own, file, index } = mistake;
  const is = nameHtml(classes[label]!), as = nameHtml(classes[predicted]!);
  const small = isSmall(png) ? ' class="small"' : "";
  return `<li><img${small} src="data:image/png;base64,${png}" alt="${is} taken for ${as}">` +
    `<b>${as}</b> ${percent(probability)}<br>is ${is}, ${percent(own)}<br><small>${
      file === undefined ? `image ${withThousands(index)}` : nameHtml(shortPath(file), 120)
    }</small></li>`;
}

/** The end of a path: a report is sent to others, whom the folders of this machine do not concern. */
function shortPath(file: string): string {
  return file.split(/[\\/]/).slice(-2).join("/");
}

/** Whether a PNG file is of few pixels: its width and height stand in its first 24 bytes. */
function isSmall(png: string): boolean {
  try {
    const head = Uint8Array.fromBase64(png.slice(0, 32)), view = new DataView(head.buffer);
    return Math.max(view.getUint32(16), view.getUint32(20)) <= SMALL;
  } catch {
    return false;
  }
}

/** How far the probabilities can be believed. */
export function calibrationSection(runs: readonly RunView[]): Section {
  const known = runs.filter(({ evaluation }) => evaluation);
  const lists = known.map(({ evaluation: e }) => ({
    bins: e!.calibration,
    classes: runs.length === 1
      ? "c0"
      : colour(runs.indexOf(known.find((r) => r.evaluation === e)!)),
  }));
  const html = known.length === 0 ? soft(nothing(runs[0]!)) : `<div class="side">${
    figure(
      "Right by probability",
      "dashed: as it should be",
      reliabilityPlot(lists),
      "fill narrow",
    )
  }<div>${known.map((run) => calibrationText(runs, run)).join("")}${
    known.length === 1 ? calibrationTable(known[0]!.evaluation!) : ""
  }</div></div>`;
  return { id: "calibration", title: "Calibration", html };
}

function calibrationText(runs: readonly RunView[], run: RunView): string {
  const { calibration: bins, calibration_error: error, images } = run.evaluation!;
  const mean = (key: "confidence" | "accuracy") =>
    bins.reduce((sum, bin) => sum + bin[key] * bin.images, 0) / Math.max(1, images);
  const gap = mean("confidence") - mean("accuracy");
  const verdict = Math.abs(gap) < 0.005
    ? "On the whole it is neither too sure nor too unsure."
    : `On the whole it is too ${gap > 0 ? "sure" : "unsure"}: ${percent(mean("confidence"))} on ` +
      `average, ${percent(mean("accuracy"))} right.`;
  return `<p>${runs.length > 1 ? `${runName(runs, run)}: ` : ""}The probabilities are off by ${
    percent(error, 2)
  } on average (expected calibration error). ${verdict}</p>`;
}

function calibrationTable({ calibration }: EvaluationRecord): string {
  return table({
    caption: "Test images by the probability of the likeliest class",
    columns: ["mean probability", "right", "images"].map((text) => ({ text, right: true })),
    rows: calibration.map(({ confidence, accuracy, images }) => [
      percent(confidence),
      percent(accuracy),
      withThousands(images),
    ]),
  });
}
