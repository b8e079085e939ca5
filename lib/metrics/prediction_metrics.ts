/**
 * What a classifier's answers to labelled images add up to: accuracy of the first and the first five
 * answers, the confusion matrix, the calibration, and the worst mistakes.
 *
 * @module
 */

/** Mistakes that are kept. */
const MAX_MISTAKES = 16;
/** Intervals of confidence in which the calibration is measured, as in Guo et al. 2017. */
const CALIBRATION_BINS = 15;
/** From so many classes on, the first five answers say something. */
const MIN_CLASSES_TOP5 = 6;

/** How many images of a class were predicted as which: label, predicted class, number of images. */
export type ConfusionCell = readonly [label: number, predicted: number, images: number];

/** Images whose likeliest class has a probability in one interval. */
export interface CalibrationBin {
  /** Number of images. */
  readonly images: number;
  /** Mean probability of the likeliest class, 0–1. */
  readonly confidence: number;
  /** Share of the images that were predicted right, 0–1. */
  readonly accuracy: number;
}

/** An image that was predicted wrong. */
export interface Mistake {
  /** Index of the image in its split. */
  readonly index: number;
  /** Its class. */
  readonly label: number;
  /** The likeliest class. */
  readonly predicted: number;
  /** Probability of the predicted class, 0–1. */
  readonly probability: number;
  /** Probability of its own class, 0–1. */
  readonly labelProbability: number;
}

/** What the answers add up to. */
export interface PredictionFigures {
  /** Share of images whose class is among the five likeliest, 0–1; absent below six classes. */
  readonly top5?: number;
  /**
   * Expected calibration error, 0–1: the mean distance of confidence and accuracy over the images of 15
   * intervals of confidence (Guo et al. 2017, arXiv 1706.04599).
   */
  readonly calibrationError: number;
  /** The intervals of confidence, from 0 to 1; those without images are left out. */
  readonly calibration: readonly CalibrationBin[];
  /** The cells of the confusion matrix that are not 0, by label, then by predicted class. */
  readonly confusion: readonly ConfusionCell[];
  /** The sixteen mistakes with the smallest probability of the image's own class, the worst first. */
  readonly mistakes: readonly Mistake[];
}

/** Adds up answers, one image after the other. */
export class PredictionMetrics {
  #images = 0;
  #inTop5 = 0;
  /** Images by label × classes + predicted class. */
  readonly #confusion = new Map<number, number>();
  readonly #bins = Array.from(
    { length: CALIBRATION_BINS },
    () => ({ images: 0, confidence: 0, right: 0 }),
  );
  #mistakes: Mistake[] = [];

  /** @param classes number of classes */
  constructor(readonly classes: number) {}

  /**
   * Adds the answer to one image. Scores that are not numbers count as the first class, with a
   * probability of 0.
   *
   * @param index of the image in its split
   * @param logits the scores, one for each class
   * @returns whether the image is, for now, among the worst mistakes
   */
  add(index: number, label: number, logits: ArrayLike<number>): boolean {
    const { classes } = this;
    // The first of equal scores wins, as in the kernel of the loss.
    let predicted = 0, above = 0, sum = 0;
    for (let k = 1; k < classes; k++) if (logits[k]! > logits[predicted]!) predicted = k;
    const best = logits[predicted]!, own = logits[label]!;
    for (let k = 0; k < classes; k++) {
      sum += Math.exp(logits[k]! - best);
      if (logits[k]! > own || (logits[k] === own && k < label)) above++;
    }
    const probability = finite(1 / sum), labelProbability = finite(Math.exp(own - best) / sum);
    const right = predicted === label && best === best;
    this.#images++;
    if (above < 5 && own === own) this.#inTop5++;
    const cell = label * classes + predicted;
    this.#confusion.set(cell, (this.#confusion.get(cell) ?? 0) + 1);
    const at = Math.min(CALIBRATION_BINS - 1, Math.floor(probability * CALIBRATION_BINS));
    const bin = this.#bins[at]!;
    bin.images++;
    bin.confidence += probability;
    bin.right += right ? 1 : 0;
    return !right && this.#addMistake({ index, label, predicted, probability, labelProbability });
  }

  /** The worst mistakes so far, the worst first. */
  get mistakes(): readonly Mistake[] {
    return this.#mistakes;
  }

  /** The figures of all images so far. */
  figures(): PredictionFigures {
    const { classes } = this, images = Math.max(1, this.#images);
    const used = this.#bins.filter((bin) => bin.images > 0);
    return {
      ...(classes >= MIN_CLASSES_TOP5 ? { top5: this.#inTop5 / images } : {}),
      calibrationError: used.reduce((sum, b) => sum + Math.abs(b.confidence - b.right), 0) / images,
      calibration: used.map(({ images, confidence, right }) => ({
        images,
        confidence: confidence / images,
        accuracy: right / images,
      })),
      confusion: [...this.#confusion].toSorted(([a], [b]) => a - b)
        .map(([cell, count]) => [Math.floor(cell / classes), cell % classes, count]),
      mistakes: this.mistakes,
    };
  }

  #addMistake(mistake: Mistake): boolean {
    const worse = (a: Mistake, b: Mistake) =>
      a.labelProbability - b.labelProbability || b.probability - a.probability || a.index - b.index;
    const last = this.#mistakes[MAX_MISTAKES - 1];
    if (last && worse(mistake, last) > 0) return false;
    this.#mistakes = [...this.#mistakes, mistake].toSorted(worse).slice(0, MAX_MISTAKES);
    return true;
  }
}

function finite(probability: number): number {
  return Number.isFinite(probability) ? probability : 0;
}

/** How well a network knows one class. */
export interface ClassFigures {
  /** Label of the class. */
  readonly label: number;
  /** Share of the images predicted as this class that are of it, 0–1; null where there are none. */
  readonly precision: number | null;
  /** Share of the images of this class that were predicted as it, 0–1; null where there are none. */
  readonly recall: number | null;
  /** Harmonic mean of precision and recall, 0–1; null where there are no images of either kind. */
  readonly f1: number | null;
  /** Number of images of this class. */
  readonly support: number;
}

/** The figures of each class, by label, from the cells of a confusion matrix. */
export function classFigures(
  classes: number,
  confusion: readonly ConfusionCell[],
): ClassFigures[] {
  const support = new Float64Array(classes), predictions = new Float64Array(classes);
  const right = new Float64Array(classes);
  for (const [label, predicted, images] of confusion) {
    support[label]! += images;
    predictions[predicted]! += images;
    if (label === predicted) right[label]! += images;
  }
  const share = (part: number, whole: number) => whole > 0 ? part / whole : null;
  return Array.from({ length: classes }, (_, label) => ({
    label,
    precision: share(right[label]!, predictions[label]!),
    recall: share(right[label]!, support[label]!),
    f1: share(2 * right[label]!, support[label]! + predictions[label]!),
    support: support[label]!,
  }));
}

/** The pairs of classes that are confused most: cells off the diagonal, the largest first. */
export function mostConfused(
  confusion: readonly ConfusionCell[],
  count: number,
): ConfusionCell[] {
  return confusion.filter(([label, predicted]) => label !== predicted)
    .toSorted((a, b) => b[2] - a[2]).slice(0, count);
}

/** Classes with images, those with the smallest F1 first. */
export function weakestFirst(figures: readonly ClassFigures[]): ClassFigures[] {
  return figures.filter(({ support }) => support > 0)
    .toSorted((a, b) => (a.f1 ?? 0) - (b.f1 ?? 0) || a.label - b.label);
}
