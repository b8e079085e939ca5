/**
 * What a network knows of each class and which classes it confuses, as text.
 *
 * @module
 */
import {
  type ClassFigures,
  type ConfusionCell,
  mostConfused,
  weakestFirst,
} from "../lib/metrics/prediction_metrics.ts";
import { percent, table, withThousands } from "./format.ts";

/** Classes of a table that shows all; of more, it shows the weakest. */
const MAX_CLASSES = 20, SHOWN_CLASSES = 10;
/** Classes of a confusion matrix that fits a terminal. */
const MAX_MATRIX = 10;
/** Pairs of classes that are listed. */
const MAX_PAIRS = 5;
/** Characters of a class's name. */
const MAX_NAME = 24;

/** What an evaluation tells of classes. */
export interface ClassAnswers {
  readonly classNames: readonly string[];
  readonly classFigures: readonly ClassFigures[];
  readonly confusion: readonly ConfusionCell[];
}

/** Precision, recall, F1 and images of each class, or of the weakest; and which are confused. */
export function classReport(answers: ClassAnswers): string {
  const parts = [figuresTable(answers)];
  if (answers.classNames.length <= MAX_MATRIX) parts.push(confusionMatrix(answers));
  else if (pairs(answers).length > 0) parts.push(`most confused: ${pairs(answers).join("; ")}`);
  return parts.join("\n\n");
}

/** The weakest classes and the most confused ones, in a line each. */
export function classSummary(answers: ClassAnswers): string[] {
  const weakest = weakestFirst(answers.classFigures).slice(0, 3)
    .map(({ label, f1 }) => `${name(answers, label)} ${percent(f1 ?? 0)}`);
  const confused = pairs(answers).slice(0, 3);
  return [
    ...(weakest.length > 0 ? [`weakest classes (F1): ${weakest.join(", ")}`] : []),
    ...(confused.length > 0 ? [`most confused: ${confused.join("; ")}`] : []),
  ];
}

function figuresTable(answers: ClassAnswers): string {
  const { classFigures } = answers, many = classFigures.length > MAX_CLASSES;
  const shown = many ? weakestFirst(classFigures).slice(0, SHOWN_CLASSES) : classFigures;
  const share = (value: number | null) => percent(value ?? NaN);
  const text = table(
    ["class", "precision", "recall", "F1", "images"],
    shown.map((c) => [
      name(answers, c.label),
      share(c.precision),
      share(c.recall),
      share(c.f1),
      withThousands(c.support),
    ]),
    ["left", "right", "right", "right", "right"],
  );
  const others = classFigures.length - shown.length;
  return many ? `${text}\nthe weakest of ${classFigures.length}; ${others} more with --json` : text;
}

/** Rows: what the images are. Columns: what they were taken for. */
function confusionMatrix(answers: ClassAnswers): string {
  const { classNames, confusion } = answers;
  const cells = classNames.map(() => classNames.map(() => 0));
  for (const [label, predicted, images] of confusion) cells[label]![predicted] = images;
  const rows = cells.map((row, label) => [
    name(answers, label),
    ...row.map((images) => images === 0 ? "·" : String(images)),
  ]);
  // Columns have the numbers of the classes, as names would not fit.
  const named = classNames.some((name, label) => name !== String(label));
  const shown = named ? rows.map(([name, ...row], label) => [`${label} ${name}`, ...row]) : rows;
  return table(
    ["is \\ taken for", ...classNames.map((_, label) => String(label))],
    shown,
    ["left", ...classNames.map(() => "right" as const)],
  );
}

function pairs(answers: ClassAnswers): string[] {
  return mostConfused(answers.confusion, MAX_PAIRS).map(([label, predicted, images]) =>
    `${name(answers, label)} as ${name(answers, predicted)} (${withThousands(images)})`
  );
}

function name({ classNames }: ClassAnswers, label: number): string {
  const letters = [...classNames[label]!];
  return letters.length <= MAX_NAME
    ? letters.join("")
    : `${letters.slice(0, MAX_NAME - 1).join("")}…`;
}
