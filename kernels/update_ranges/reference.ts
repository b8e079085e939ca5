/**
 * Reference of kernels/update_ranges/shader.wgsl: the rules of the estimators themselves.
 *
 * @module
 */
import { QUANTIZER_WORDS } from "../../lib/quant/layouts.ts";
import { type Estimator, MAX_MEMORY } from "../../lib/quant/estimator.ts";
import { ruleOf } from "../../lib/quant/rules.ts";
import { usable } from "../../lib/quant/scheduler.ts";
import { statistic } from "../../lib/quant/statistics.ts";
import type { HostBuffer } from "../include/host_buffer.ts";
import { setRow } from "../include/range.ts";

/** Constants of the kernel; its header says what they are. */
interface UpdateRanges {
  readonly FIRST: number;
  readonly COUNT: number;
  readonly STATIC: number;
  readonly CALIBRATE: number;
}

/** The widest that was seen. */
const CALIBRATION: Pick<Estimator, "next"> = {
  next: (old, seen) => ({
    low: Math.min(seen.low, old?.low ?? Infinity),
    high: Math.max(seen.high, old?.high ?? -Infinity),
  }),
};

/** The ranges that follow from the statistics. */
export function updateRanges(
  c: UpdateRanges,
  b: Readonly<Record<"statistics" | "rules" | "table" | "memory" | "found_nonfinite", HostBuffer>>,
): void {
  if (c.STATIC && b.found_nonfinite.u32[0]) return;
  for (let row = c.FIRST; row < c.FIRST + c.COUNT; row++) {
    const [rule, symmetric, dynamic, elements, ...settings] = b.rules.f32.subarray(
      8 * row,
      8 * row + 8,
    );
    if (c.STATIC && dynamic) continue;
    const estimator = c.CALIBRATE ? CALIBRATION : ruleOf(rule!, settings);
    const seen = usable(statistic(b.statistics.u32, row), elements!);
    if (!estimator || !seen) continue;
    const at = row * QUANTIZER_WORDS, low = b.table.f32[at + 5]!, high = b.table.f32[at + 6]!;
    const old = low === 0 && high === 0 ? undefined : { low, high };
    const memory = b.memory.f32.subarray(row * MAX_MEMORY, (row + 1) * MAX_MEMORY);
    const next = estimator.next(old, seen, memory);
    if (Number.isFinite(next.low) && Number.isFinite(next.high)) {
      setRow(b.table, row, next, symmetric! > 0);
    }
  }
}
