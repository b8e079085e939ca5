/**
 * The report of a run, or of several side by side, as sections of a page.
 *
 * @module
 */
import type { Section } from "../page.ts";
import type { RunView } from "../run_log.ts";
import {
  calibrationSection,
  classesSection,
  confusionSection,
  mistakesSection,
} from "./confusion.ts";
import { curvesSection } from "./curves.ts";
import { clippingSection, rangesSection } from "./ranges.ts";
import { recipeSection, reproduceSection } from "./recipe.ts";
import { speedSection } from "./speed.ts";
import { summarySection } from "./summary.ts";

/** Each section of a report, in their order. A live page makes one more often than another. */
export const SECTIONS: readonly ((runs: readonly RunView[]) => Section)[] = [
  summarySection,
  curvesSection,
  confusionSection,
  classesSection,
  mistakesSection,
  calibrationSection,
  rangesSection,
  clippingSection,
  speedSection,
  recipeSection,
  reproduceSection,
];

/**
 * The sections of a report, always the same in the same order: one that has nothing to show says why.
 *
 * @param runs one or more
 */
export function reportSections(runs: readonly RunView[]): Section[] {
  return SECTIONS.map((section) => section(runs));
}
