/**
 * The rules of the estimators, in f32 operations that kernels/update_ranges/shader.wgsl repeats one by one.
 *
 * @module
 */
import type { Estimator } from "./estimator.ts";
import type { Range } from "./range.ts";
import type { UsableStatistics } from "./statistics.ts";

const fround = Math.fround;

/** Rules by their number in kernels/update_ranges/shader.wgsl. */
export const RULES = { current: 1, average: 2, delayed: 3, guarded: 4 } as const;

const extremes = ({ min, max }: UsableStatistics): Range => ({ low: min, high: max });

/** Largest magnitude. */
const largest = ({ min, max }: UsableStatistics): number => Math.max(-min, max);

/** (1 − η)·seen + η·range, each side for itself. */
function average(
  kept: number,
  taken: number,
  range: Range | undefined,
  seen: UsableStatistics,
): Range {
  if (range === undefined) return extremes(seen);
  const side = (old: number, now: number) => fround(fround(taken * now) + fround(kept * old));
  return { low: side(range.low, seen.min), high: side(range.high, seen.max) };
}

/** What an average keeps and takes, in f32. */
function shares(momentum: number): [kept: number, taken: number] {
  const kept = fround(momentum);
  return [kept, fround(1 - kept)];
}

/**
 * In-hindsight min-max (Fournarakis & Nagel 2021, arXiv 2105.04246): an exponential average of past
 * extremes, used before the tensor is seen.
 *
 * @param momentum η in q ← (1 − η)·seen + η·q
 */
export function hindsightMinmax(momentum: number): Estimator {
  const [kept, taken] = shares(momentum);
  return {
    kind: "static",
    device: { rule: RULES.average, settings: [kept, taken, 0, 0] },
    next: (range, seen) => average(kept, taken, range, seen),
  };
}

/** The extremes of the tensor itself. */
export function currentMinmax(): Estimator {
  return {
    kind: "dynamic",
    device: { rule: RULES.current, settings: [0, 0, 0, 0] },
    next: (_, seen) => extremes(seen),
  };
}

/** The average of {@linkcode hindsightMinmax}, but of the tensor itself too. */
export function runningMinmax(momentum: number): Estimator {
  return { ...hindsightMinmax(momentum), kind: "dynamic" };
}

/** The range is the one given; nothing that is seen changes it. */
export function fixed(range: Range): Estimator {
  return { kind: "static", initial: range, next: () => range };
}

/**
 * Direction-sensitive gradient clipping (Zhu et al., CVPR 2020): the clip c that minimises the cosine
 * distance between a tensor and its quantized self, searched on the device every `interval`
 * iterations; between two searches the range stays.
 *
 * @param scaleRate multiplies the learning rate of the layer by max(exp(−20·distance), 0.1)
 */
export function dsgc(interval: number, scaleRate: boolean): Estimator {
  return {
    kind: "static",
    memory: 1, // The factor of the learning rate.
    search: { interval, scaleRate },
    // A first range (calibration): the extremes, until the first search.
    next: (range, seen) => range ?? extremes(seen),
  };
}

/**
 * The delayed scaling of FP8 training: the largest |x| of the last iterations, and a margin of powers
 * of two. A side on which nothing was ever seen stays at 0: after a ReLU no code is spent below it.
 *
 * @param window iterations to look back over
 * @param margin powers of two
 */
export function delayedMax(window: number, margin: number): Estimator {
  const room = 2 ** margin;
  return {
    kind: "static",
    memory: window,
    device: { rule: RULES.delayed, settings: [window, room, 0, 0] },
    next: (range, seen, memory) => {
      memory.copyWithin(1, 0, window - 1); // The newest first.
      memory[0] = largest(seen);
      let most = 0;
      for (let i = 0; i < window; i++) most = Math.max(most, memory[i]!);
      const bound = fround(most * room);
      const below = seen.min < 0 || (range !== undefined && range.low < 0);
      const above = seen.max > 0 || (range !== undefined && range.high > 0);
      return { low: below ? -bound : 0, high: above ? bound : 0 };
    },
  };
}

/** An estimator by its rule's number and settings, as kernels/update_ranges/shader.wgsl reads them. */
export function ruleOf(rule: number, settings: readonly number[]): Estimator | undefined {
  const [a = 0, b = 0] = settings;
  switch (rule) {
    case RULES.current:
      return currentMinmax();
    case RULES.average:
      return hindsightMinmax(a);
    case RULES.delayed:
      return delayedMax(a, Math.log2(b));
    case RULES.guarded:
      return hindsightGuarded(a);
  }
  return undefined;
}

/** More than this share of clipped values means that the range has jumped: docs/guarded.md. */
export const CLIP_RATIO = 1 / 256;
/** A range is never this much wider than what was just seen. */
export const MAX_WIDTH_RATIO = 4;

/**
 * {@linkcode hindsightMinmax} that opens at once when it clips, and never stays much too wide: see
 * docs/guarded.md. Where neither happens it is the same rule, to the bit.
 */
export function hindsightGuarded(momentum: number): Estimator {
  const [kept, taken] = shares(momentum);
  return {
    kind: "static",
    device: { rule: RULES.guarded, settings: [kept, taken, CLIP_RATIO, MAX_WIDTH_RATIO] },
    next: (range, seen) => guarded(average(kept, taken, range, seen), seen),
  };
}

function guarded({ low, high }: Range, seen: UsableStatistics): Range {
  if (fround(seen.clipped) > fround(fround(seen.elements) * CLIP_RATIO)) {
    low = Math.min(low, seen.min);
    high = Math.max(high, seen.max);
  }
  const bound = fround(largest(seen) * MAX_WIDTH_RATIO);
  return { low: Math.max(low, -bound), high: Math.min(high, bound) };
}
