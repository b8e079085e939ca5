/**
 * Reference of kernels/update_ranges/shader.wgsl: the rules of the estimators themselves.
 *
 * @module
 */
import type { Estimator } from "../../lib/quant/estimator.ts";
import { MAX_MEMORY, QUANTIZER, RULE } from "../../lib/quant/layouts.ts";
import { estimatorOfRule } from "../../lib/quant/estimators/mod.ts";
import { readStatistics, usableStatistics } from "../../lib/quant/statistics.ts";
import type { HostBuffer } from "../include/host_buffer.ts";
import { setRow } from "../include/range.ts";

/** Constants of the kernel; shader.wgsl and the glossary of docs/architecture.md describe them. */
interface UpdateRanges {
  readonly FIRST: number;
  readonly COUNT: number;
  readonly STATIC: number;
  readonly CALIBRATE: number;
}

/** Calibration: widens the range to the observed values. */
const CALIBRATION: Pick<Estimator, "next"> = {
  next: (old, observed) => ({
    low: Math.min(observed.min, old?.low ?? Infinity),
    high: Math.max(observed.max, old?.high ?? -Infinity),
  }),
};

/** Sets ranges from the statistics. */
export function updateRanges(
  c: UpdateRanges,
  b: Readonly<Record<"statistics" | "rules" | "table" | "memory" | "found_nonfinite", HostBuffer>>,
): void {
  if (c.STATIC && b.found_nonfinite.u32[0]) return;
  for (let row = c.FIRST; row < c.FIRST + c.COUNT; row++) {
    const r = RULE.read(b.rules, row);
    if (c.STATIC && r.dynamic) continue;
    const observed = usableStatistics(readStatistics(b.statistics, row), r.elements);
    if (!observed) continue;
    const settings = [r.setting0, r.setting1, r.setting2, r.setting3];
    const estimator = c.CALIBRATE ? CALIBRATION : estimatorOfRule(r.rule, settings);
    if (!estimator) continue;
    const low = QUANTIZER.get(b.table, row, "low"), high = QUANTIZER.get(b.table, row, "high");
    const old = low === 0 && high === 0 ? undefined : { low, high };
    const memory = b.memory.f32.subarray(row * MAX_MEMORY, (row + 1) * MAX_MEMORY);
    const next = estimator.next(old, observed, memory);
    if (Number.isFinite(next.low) && Number.isFinite(next.high)) {
      setRow(b.table, row, next, r.symmetric > 0);
    }
  }
}
