/**
 * `evaluation.json` of a run's folder: the figures of the latest evaluation of its training.
 *
 * @module
 */
import { DataError } from "../core/errors.ts";
import type { CalibrationBin, ConfusionCell } from "./prediction_metrics.ts";

/** Name of the file. */
export const EVALUATION_FILE = "evaluation.json";

/** Contents of `evaluation.json`. */
export interface EvaluationRecord {
  /** Training steps done. */
  readonly step: number;
  /** Number of images. */
  readonly images: number;
  /** Mean cross-entropy, in nats; null where it is not a number. */
  readonly loss: number | null;
  /** 0–1. */
  readonly accuracy: number;
  /** Share of images whose class is among the five likeliest, 0–1; absent below six classes. */
  readonly top5?: number;
  /** Expected calibration error over 15 intervals of confidence, 0–1. */
  readonly calibration_error: number;
  /** The intervals of confidence that have images. */
  readonly calibration: readonly CalibrationBin[];
  /** Names of the classes, by label: the label as text where the data has no names. */
  readonly classes: readonly string[];
  /** The cells of the confusion matrix that are not 0: label, predicted class, number of images. */
  readonly confusion: readonly ConfusionCell[];
  /** The worst mistakes, the worst first; sixteen at most. */
  readonly mistakes: readonly MistakeRecord[];
}

/** An image that was predicted wrong. */
export interface MistakeRecord {
  /** Index of the image in its split. */
  readonly index: number;
  /** Path of its file, for images in files. */
  readonly file?: string;
  /** Its class. */
  readonly label: number;
  /** The likeliest class. */
  readonly predicted: number;
  /** Probability of the predicted class, 0–1. */
  readonly probability: number;
  /** Probability of its own class, 0–1. */
  readonly label_probability: number;
  /** The image as a PNG file in base64, at most 96 pixels high and wide. */
  readonly png: string;
}

/**
 * Reads `evaluation.json`.
 *
 * @param file its path, for messages
 * @throws DataError when the text is something else
 */
export function decodeEvaluation(text: string, file: string): EvaluationRecord {
  let found = "something else";
  try {
    const value = JSON.parse(text);
    if (isRecord(value)) return value;
  } catch (error) {
    found = (error as Error).message;
  }
  throw new DataError(
    `${file}: expected the figures of an evaluation, got ${found}. Delete it; the next evaluation of ` +
      "the training writes it again",
  );
}

// deno-lint-ignore no-explicit-any
function isRecord(v: any): v is EvaluationRecord {
  const count = (x: unknown) => Number.isSafeInteger(x) && (x as number) >= 0;
  const share = (x: unknown) => typeof x === "number" && x >= 0 && x <= 1;
  if (typeof v !== "object" || v === null || !Array.isArray(v.classes)) return false;
  const label = (x: unknown) => count(x) && (x as number) < v.classes.length;
  return count(v.step) && count(v.images) && share(v.accuracy) &&
    (v.loss === null || Number.isFinite(v.loss)) && (v.top5 === undefined || share(v.top5)) &&
    share(v.calibration_error) && v.classes.every((name: unknown) => typeof name === "string") &&
    Array.isArray(v.calibration) && // deno-lint-ignore no-explicit-any
    v.calibration.every((b: any) => count(b?.images) && share(b.confidence) && share(b.accuracy)) &&
    Array.isArray(v.confusion) &&
    v.confusion.every((cell: unknown) =>
      Array.isArray(cell) && cell.length === 3 && label(cell[0]) && label(cell[1]) && count(cell[2])
    ) &&
    Array.isArray(v.mistakes) && // deno-lint-ignore no-explicit-any
    v.mistakes.every((m: any) =>
      count(m?.index) && label(m.label) && label(m.predicted) && share(m.probability) &&
      share(m.label_probability) && typeof m.png === "string" && /^[\w+/=]*$/.test(m.png) &&
      (m.file === undefined || typeof m.file === "string")
    );
}
