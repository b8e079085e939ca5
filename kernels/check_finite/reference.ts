/**
 * Reference of kernels/check_finite/shader.wgsl.
 *
 * @module
 */
import { METRICS, NONFINITE_COUNTS, SLOT, SLOTS } from "../../lib/quant/layouts.ts";
import type { HostBuffer } from "../include/host_buffer.ts";

/** Constants of the kernel; shader.wgsl and the glossary of docs/architecture.md describe them. */
interface CheckFinite {
  readonly ROWS: number;
  readonly COUNTS: number;
}

/** Sets `found_nonfinite` if a value of the step is not finite. */
export function checkFinite(
  c: CheckFinite,
  b: Readonly<Record<"statistics" | "metrics" | "found_nonfinite", HostBuffer>>,
): void {
  const slots = c.ROWS * SLOTS, { u32 } = b.statistics, nonfinite = SLOT.word("nonfinite");
  let bad = !Number.isFinite(METRICS.get(b.metrics, 0, "totalLoss"));
  for (let slot = 0; slot < slots; slot++) bad ||= u32[slot * SLOT.words + nonfinite]! > 0;
  for (let i = slots; i < slots + c.COUNTS; i++) {
    const { gradient, statistics } = NONFINITE_COUNTS.read(b.statistics, i);
    bad ||= gradient > 0 || statistics > 0;
  }
  if (bad) b.found_nonfinite.u32[0] = 1;
}
