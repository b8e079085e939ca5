/**
 * Reference of kernels/dsgc_search/shader.wgsl.
 *
 * @module
 */
import { QUANTIZER_WORDS } from "../../lib/quant/layouts.ts";
import { usable } from "../../lib/quant/scheduler.ts";
import { statistic } from "../../lib/quant/statistics.ts";
import { joinErrors } from "../reduce_quantization_error/reference.ts";
import type { HostBuffer } from "../include/host_buffer.ts";
import { setRow } from "../include/range.ts";

/** Constants of the kernel; its header says what they are. */
interface DsgcSearch {
  readonly ROW: number;
  readonly TILES: number;
  readonly MOVES: number;
  readonly SCALE_RATE: number;
  readonly SYMMETRIC: number;
}

const fround = Math.fround;
const GOLDEN = fround(0.618034);

/** 1 − cosine of a tensor and its quantized self, from Σ x², Σ x·e, Σ e² with e = x̂ − x. */
export function cosineDistance([xx, xe, ee]: readonly [number, number, number]): number {
  const squares = xx > 0 ? xx : 1;
  const u = fround(xe / squares), v = fround(ee / squares);
  const length = fround(1 + fround(fround(2 * u) + v));
  if (!(length > 0)) return 1;
  const s = Math.min(Math.max(fround(fround(v - fround(u * u)) / length), 0), 1);
  return fround(s / fround(1 + fround(Math.sqrt(fround(1 - s)))));
}

/** One move of the golden-section search. */
export function dsgcSearch(
  c: DsgcSearch,
  b: Readonly<Record<"statistics" | "errors" | "table" | "search", HostBuffer>>,
): void {
  const seen = usable(statistic(b.statistics.u32, c.ROW), 0), s = b.search.f32;
  if (!seen) return;
  const largest = Math.max(-seen.low, seen.high), move = s[0]!;
  let candidate = largest;
  if (move === 0) {
    s.set([0, largest], 1);
    s.set([largest, fround(3.4028234e38)], 6);
  } else {
    const distance = cosineDistance(joinErrors(b.errors, c.TILES)), measured = s[3]!;
    if (distance < s[7]!) s.set([measured, distance], 6);
    const [low, high] = [s[1]!, s[2]!], part = fround(GOLDEN * fround(high - low));
    if (move === 1) {
      s[4] = fround(low + part);
      candidate = fround(high - part);
    } else if (move === 2) {
      candidate = s[4]!;
      s.set([measured, distance], 4);
    } else {
      const other = s[4]!, nearer = distance < s[5]!;
      const keep = nearer ? measured : other, drop = nearer ? other : measured;
      s[drop > keep ? 2 : 1] = drop;
      if (nearer) s.set([measured, distance], 4);
      candidate = fround(fround(s[1]! + s[2]!) - keep);
    }
  }
  s[3] = candidate;
  s[0] = move + 1;
  if (move === c.MOVES) {
    candidate = s[6]!;
    if (c.SCALE_RATE) {
      b.table.f32[c.ROW * QUANTIZER_WORDS + 7] = Math.max(Math.exp(-20 * s[7]!), 0.1);
    }
    s[0] = 0;
  }
  const range = { low: Math.max(seen.low, -candidate), high: Math.min(seen.high, candidate) };
  setRow(b.table, c.ROW, range, c.SYMMETRIC > 0);
}
