/**
 * Reference of kernels/check_finite/shader.wgsl.
 *
 * @module
 */
import { SLOT, SLOTS } from "../../lib/quant/layouts.ts";
import type { HostBuffer } from "../include/host_buffer.ts";

/** Constants of the kernel; its header says what they are. */
interface CheckFinite {
  readonly ROWS: number;
  readonly COUNTS: number;
}

/** Whether the step has met a value that is not finite. */
export function checkFinite(
  c: CheckFinite,
  b: Readonly<Record<"statistics" | "metrics" | "found_nonfinite", HostBuffer>>,
): void {
  const words = b.statistics.u32, slots = c.ROWS * SLOTS;
  let bad = !Number.isFinite(b.metrics.f32[2]!);
  for (let slot = 0; slot < slots; slot++) bad ||= SLOT.get(b.statistics, slot, "nonfinite") > 0;
  for (let i = slots; i < slots + c.COUNTS; i++) {
    bad ||= words[i * SLOT.words]! > 0 || words[i * SLOT.words + 2]! > 0;
  }
  if (bad) b.found_nonfinite.u32[0] = 1;
}
