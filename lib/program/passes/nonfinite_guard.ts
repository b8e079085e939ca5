/**
 * What makes a step whose numbers are not finite change nothing (kernels/check_finite/shader.wgsl), and where its
 * kernels say so: quantizers count in their rows of the statistics, and behind those every
 * parameter that trains has an alarm of four words, which stay zero while all is well.
 *
 * @module
 */
import { checkFinite } from "../../../kernels/check_finite/kernel.ts";
import { ROW_BYTES, SLOTS, WORDS_OF_ROW } from "../../quant/statistics.ts";
import type { Builder } from "../builder.ts";

/** What the words of an alarm count, in the order in which a step meets it. */
export const ALARM_WORDS = { statistics: 2, gradient: 0, update: 1 } as const;

/** Words of the statistics before the alarms. */
export function alarmsFrom(quantizers: number): number {
  return Math.max(1, quantizers) * SLOTS * WORDS_OF_ROW;
}

/** Bytes of the statistics with their alarms, in whole rows. */
export function statisticsBytes(quantizers: number, alarms: number): number {
  return (Math.max(1, quantizers) + Math.ceil(alarms / SLOTS)) * ROW_BYTES;
}

/**
 * Plans the step that holds back; the first of the updates.
 *
 * @param names the parameters that train, or their parts: each has the alarm of its place
 */
export function planHold(b: Builder, names: readonly string[]): void {
  const ROWS = Math.max(1, b.quantizers.length);
  b.push("update", "optimizer", checkFinite, { ROWS, ALARMS: names.length }, {});
}

/** Sets in the steps of all sections where their kernels count, when all parameters are known. */
export function placeAlarms(b: Builder, names: readonly string[]): void {
  const first = alarmsFrom(b.quantizers.length);
  const places = new Map(names.map((name, i) => [name, first + WORDS_OF_ROW * i]));
  for (const steps of Object.values(b.sections)) {
    for (const [i, step] of steps.entries()) {
      const counted = Object.entries(step.kernel.constants).flatMap(([constant, kind]) => {
        if (typeof kind !== "object") return [];
        // A layer without a bias has no such buffer.
        const name = step.buffers[kind.nonfinite]?.replace(/\.gradient$/, "");
        const place = places.get(name ?? "");
        return place === undefined ? [] : [[constant, place]];
      });
      if (counted.length === 0) continue;
      steps[i] = { ...step, constants: { ...step.constants, ...Object.fromEntries(counted) } };
    }
  }
}
