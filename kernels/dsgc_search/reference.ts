/**
 * Reference of kernels/dsgc_search/shader.wgsl.
 *
 * @module
 */
import { QUANTIZER, SEARCH } from "../../lib/quant/layouts.ts";
import { readStatistics, usableStatistics } from "../../lib/quant/statistics.ts";
import { joinErrors } from "../reduce_quantization_error/reference.ts";
import type { HostBuffer } from "../include/host_buffer.ts";
import { setRow } from "../include/range.ts";

/** Constants of the kernel; shader.wgsl and the glossary of docs/architecture.md describe them. */
interface DsgcSearch {
  readonly ROW: number;
  readonly TILES: number;
  readonly MOVES: number;
  readonly SCALE_RATE: number;
  readonly SYMMETRIC: number;
}

const fround = Math.fround;
const GOLDEN = fround(0.618034), MAX_F32 = fround(3.4028234e38);

/** Returns 1 − the cosine of a tensor and its quantized form, from Σ x², Σ x·e, Σ e² with e = x̂ − x. */
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
  const observed = usableStatistics(readStatistics(b.statistics, c.ROW), 0);
  if (!observed) return;
  const s = SEARCH.read(b.search, 0), largest = Math.max(-observed.min, observed.max);
  if (s.moves === 0) {
    Object.assign(s, { left: 0, right: largest, best: largest, bestDistance: MAX_F32 });
    s.candidate = largest;
  } else {
    nextCandidate(s, cosineDistance(joinErrors(b.errors, c.TILES)));
  }
  let clip = s.candidate;
  if (s.moves++ === c.MOVES) {
    clip = s.best;
    if (c.SCALE_RATE) {
      const rateFactor = Math.max(Math.exp(-20 * s.bestDistance), 0.1);
      QUANTIZER.write(b.table, c.ROW, { rateFactor });
    }
    s.moves = 0;
  }
  SEARCH.write(b.search, 0, s);
  setRow(
    b.table,
    c.ROW,
    { low: Math.max(observed.min, -clip), high: Math.min(observed.max, clip) },
    c.SYMMETRIC > 0,
  );
}

/** Records the distance of the candidate that was just measured, and chooses the next one. */
function nextCandidate(s: ReturnType<typeof SEARCH.read>, distance: number): void {
  const measured = s.candidate, part = fround(GOLDEN * fround(s.right - s.left));
  if (distance < s.bestDistance) Object.assign(s, { best: measured, bestDistance: distance });
  if (s.moves === 1) {
    s.other = fround(s.left + part);
    s.candidate = fround(s.right - part);
  } else if (s.moves === 2) {
    s.candidate = s.other;
    Object.assign(s, { other: measured, otherDistance: distance });
  } else {
    const other = s.other, nearer = distance < s.otherDistance;
    const keep = nearer ? measured : other, drop = nearer ? other : measured;
    s[drop > keep ? "right" : "left"] = drop;
    if (nearer) Object.assign(s, { other: measured, otherDistance: distance });
    s.candidate = fround(fround(s.left + s.right) - keep);
  }
}
