import {
  fillPlanes, layOutTaps, layOutUnit, openWindow, quadBytes, slotsOf, sumColumns, wholeColumns,
} from "../include/depthwise.simd";
import { periodOf, sumCodes } from "../include/norm.simd";
import { firstOf, openStore, quantizer, recordStore, storePixels } from "../include/quantize.simd";
import { DepthwiseForward } from "../include/records.simd";

/**
 * Y = each channel's own convolution (+ bias), quantized. First the weights are laid out, a range of quads a
 * part; then a part is a range of lines, and adds up its codes; then those sums are joined, a range of tiles
 * a part.
 */
export function depthwise_forward(
  c: DepthwiseForward, phase: i32, part: i32, parts: i32, scratch: usize,
): void {
  if (phase == 0) layOutWeights(c, part, parts);
  else if (phase == 1) convolve(c, part, parts, scratch);
  else joinSums(c, part, parts);
}

/** Bytes of a quad's laid out weights. */
@inline
function weightBytes(c: DepthwiseForward): usize {
  return quadBytes(c.INT8 != 0, 1, c.KH, c.KW);
}

/** The number of parts that sum, then their sums, [parts][channels][2]. */
@inline
function partSums(c: DepthwiseForward): usize {
  return c.shared + c.CQ * weightBytes(c);
}

function layOutWeights(c: DepthwiseForward, part: i32, parts: i32): void {
  const int8 = c.INT8 != 0, bytes = weightBytes(c), last = firstOf(c.CQ, part + 1, parts);
  const odd = 16 + <usize>(slotsOf(int8, c.KH) * c.KW * 16);
  for (let quad = firstOf(c.CQ, part, parts); quad < last; quad++) {
    const to = c.shared + quad * bytes;
    layOutTaps(int8, c.weight, quad, c.CQ, c.KW, 0, 1, c.KH, 0, 1, c.KW, 0, to + 16);
    if (!int8) continue;
    layOutTaps(int8, c.weight, quad, c.CQ, c.KW, 0, 1, c.KH, 0, 1, c.KW, 1, to + odd);
    layOutUnit(quantizer(c.quantizers, c.X_ROW).scale, c.scales, quad, to);
  }
}

function convolve(c: DepthwiseForward, part: i32, parts: i32, scratch: usize): void {
  const int8 = c.INT8 != 0, CQ = c.CQ, KH = c.KH, KW = c.KW, WO = c.WO, padded = 4 * CQ;
  const bytes = <usize>(int8 ? padded : 4 * padded), zero = int8 ? <i32>quantizer(c.quantizers, c.X_ROW).zero : 0;
  const columns = max(c.PW + c.W, (wholeColumns(WO) - 1) * c.SW + KW), plane = <usize>columns << 4;
  const ring = slotsOf(int8, KH), line = scratch + ((<usize>ring * 4 + 15) & ~15);
  const rows = line + <usize>(wholeColumns(WO) * padded * 4), slotBytes = plane * CQ;
  const first = firstOf(c.LINES, part, parts), last = firstOf(c.LINES, part + 1, parts);
  const odd = 16 + <usize>(ring * KW * 16), bias: usize = c.BIAS ? c.bias : 0;
  openStore(c.INT8, c.STORE, c.STOCHASTIC, c.QUIET, c.IMAGE, c.quantizers, c.statistics, c.step, c.y, c.Y_ROW);
  let filled: i32 = 0;
  for (let out = first; out < last; out++) {
    const image = out / c.HO, top = out % c.HO * c.SH;
    const firstSlot = int8 ? top >> 1 : top, lastSlot = int8 ? (top + KH - 1) >> 1 : top + KH - 1;
    if (out == first || top == 0) filled = firstSlot;
    for (let slot = max(filled, firstSlot); slot <= lastSlot; slot++) {
      const y = (int8 ? 2 * slot : slot) - c.PH, to = rows + <usize>(slot % ring) * slotBytes;
      fillPlanes(int8, rowOf(c, image, y, bytes), rowOf(c, image, y + 1, bytes), bytes, c.W, c.PW, columns, CQ, zero, to);
    }
    filled = lastSlot + 1;
    for (let slot = firstSlot; slot <= lastSlot; slot++) {
      store<usize>(scratch + (<usize>(slot - firstSlot) << 2), rows + <usize>(slot % ring) * slotBytes);
    }
    openWindow(scratch, lastSlot - firstSlot + 1, KW, 16);
    const tapsAt: usize = int8 && top & 1 ? odd : 16;
    sumColumns(int8, CQ, plane, 0, 16 * c.SW, WO, c.shared, tapsAt, weightBytes(c), bias, line, <usize>padded << 2);
    storePixels(out * WO * padded, line, WO, c.CHANNELS, 0);
  }
  recordStore();
  if (c.SUMS) {
    if (part == 0) store<i32>(partSums(c), parts);
    addCodes(c, first, last, partSums(c) + 16 + <usize>(part * 8 * padded));
  }
}

/** The address of a row of the input; 0 outside the image. */
@inline
function rowOf(c: DepthwiseForward, image: i32, y: i32, bytes: usize): usize {
  return y >= 0 && y < c.H ? c.x + <usize>((image * c.H + y) * c.W) * bytes : 0;
}

/** Sums of the codes of some lines, by channel: of differences to the zero point, and of their squares. */
function addCodes(c: DepthwiseForward, first: i32, last: i32, sums: usize): void {
  const CQ = c.CQ, zero = <i32>quantizer(c.quantizers, c.Y_ROW).zero, none = i8x16.splat(0);
  const period = periodOf(CQ), step = <usize>(4 * CQ * period);
  const from = c.y + <usize>(4 * CQ * c.WO * first), end = c.y + <usize>(4 * CQ * c.WO * last);
  memory.fill(sums, 0, 32 * CQ);
  for (let vector: i32 = 0; vector < period * CQ >> 2; vector++) {
    const at = from + 16 * vector;
    sumCodes(true, at, at, end, step, none, none, zero, sums, 4 * vector, CQ);
  }
}

/** Adds up the sums of several parts for each tile; any will do, as only sums over tiles are defined. */
function joinSums(c: DepthwiseForward, part: i32, parts: i32): void {
  const sums = partSums(c) + 16, all = load<i32>(partSums(c)), bytes = 32 * c.CQ;
  const last = firstOf(c.TILES, part + 1, parts);
  for (let tile = firstOf(c.TILES, part, parts); tile < last; tile++) {
    const to = c.sums + <usize>(tile * bytes), end = firstOf(all, tile + 1, c.TILES);
    memory.fill(to, 0, bytes);
    for (let i = firstOf(all, tile, c.TILES); i < end; i++) {
      const from = sums + <usize>(i * bytes);
      for (let at: i32 = 0; at < bytes; at += 16) {
        v128.store(to + at, i32x4.add(v128.load(to + at), v128.load(from + at)));
      }
    }
  }
}
