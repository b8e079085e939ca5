import {
  fillPlanes, layOutTaps, layOutUnit, openWindow, quadBytes, slotsOf, sumColumns, wholeColumns,
} from "../include/depthwise.simd";
import { finishLine, openGradient } from "../include/gradient.simd";
import { firstOf, openStore, quantizer, recordStore, storePixels } from "../include/quantize.simd";
import { DepthwiseBackwardInput } from "../include/records.simd";

/**
 * dX = each channel's own transposed convolution of dY with W, quantized. First the weights are laid out, a
 * range of quads a part; then a part is a range of lines of the input. The rows and columns of the input
 * with the same remainders by the stride see the same taps: a phase.
 */
export function depthwise_backward_input(
  c: DepthwiseBackwardInput, phase: i32, part: i32, parts: i32, scratch: usize,
): void {
  if (phase == 0) layOutWeights(c, part, parts);
  else convolve(c, part, parts, scratch);
}

/** Taps from `first` on, `stride` apart, of `size`. */
@inline
function tapsOf(first: i32, size: i32, stride: i32): i32 {
  return (max(0, size - first) + stride - 1) / stride;
}

/** Bytes of a quad's laid out weights. */
@inline
function weightBytes(c: DepthwiseBackwardInput): usize {
  return quadBytes(c.INT8 != 0, c.SH * c.SW, tapsOf(0, c.KH, c.SH), tapsOf(0, c.KW, c.SW));
}

/** Place of a window's taps in a quad's laid out weights; `ky` and `kx` are its first taps. */
@inline
function tapsAt(c: DepthwiseBackwardInput, ky: i32, kx: i32, odd: i32): usize {
  const int8 = c.INT8 != 0, set = (ky * c.SW + kx) * (int8 ? 2 : 1) + odd;
  return <usize>(16 + set * slotsOf(int8, tapsOf(0, c.KH, c.SH)) * tapsOf(0, c.KW, c.SW) * 16);
}

function layOutWeights(c: DepthwiseBackwardInput, part: i32, parts: i32): void {
  const int8 = c.INT8 != 0, bytes = weightBytes(c), SH = c.SH, SW = c.SW, last = firstOf(c.CQ, part + 1, parts);
  for (let quad = firstOf(c.CQ, part, parts); quad < last; quad++) {
    const to = c.shared + quad * bytes;
    if (int8) layOutUnit(quantizer(c.quantizers, c.DY_ROW).scale, c.scales, quad, to);
    for (let ky: i32 = 0; ky < SH; ky++) {
      // Of codes, rows in the order of dY's: the later the tap, the earlier the row.
      const rows = tapsOf(ky, c.KH, SH), first = int8 ? ky + (rows - 1) * SH : ky, next = int8 ? -SH : SH;
      for (let kx: i32 = 0; kx < SW; kx++) {
        const columns = tapsOf(kx, c.KW, SW);
        layOutTaps(int8, c.weight, quad, c.CQ, c.KW, first, next, rows, kx, SW, columns, 0, to + tapsAt(c, ky, kx, 0));
        if (!int8) continue;
        layOutTaps(int8, c.weight, quad, c.CQ, c.KW, first, next, rows, kx, SW, columns, 1, to + tapsAt(c, ky, kx, 1));
      }
    }
  }
}

function convolve(c: DepthwiseBackwardInput, part: i32, parts: i32, scratch: usize): void {
  const int8 = c.INT8 != 0, CQ = c.CQ, W = c.W, SH = c.SH, SW = c.SW, padded = 4 * CQ;
  const bytes = <usize>(int8 ? padded : 4 * padded), zero = int8 ? <i32>quantizer(c.quantizers, c.DY_ROW).zero : 0;
  // Padding of dY: the taps before a row's or column's first.
  const above = tapsOf(0, c.KH, SH) - 1, before = tapsOf(0, c.KW, SW) - 1, most = wholeColumns((W + SW - 1) / SW);
  const columns = before + max(c.WO, (SW - 1 + c.PW) / SW + most), plane = <usize>columns << 4;
  const ring = slotsOf(int8, above + 1), line = scratch + ((<usize>ring * 4 + 15) & ~15);
  const planes = line + <usize>(most * SW * padded * 4), slotBytes = plane * CQ;
  const first = firstOf(c.N * c.H, part, parts), last = firstOf(c.N * c.H, part + 1, parts);
  openStore(c.INT8, c.STORE, c.STOCHASTIC, c.QUIET, c.IMAGE, c.quantizers, c.statistics, c.step, c.dx, c.DX_ROW);
  openGradient(c.INT8, c.quantizers, c.ADDEND, c.addend, c.ADDEND_ROW, c.MASK, c.mask, c.MASK_ROW);
  let filled: i32 = 0;
  for (let row = first; row < last; row++) {
    const image = row / c.H, y = row % c.H, ky = (y + c.PH) % SH, rows = tapsOf(ky, c.KH, SH);
    // The window's first row of dY, counted with the padding.
    const top = (y + c.PH - ky) / SH - rows + 1 + above, odd = int8 ? top & 1 : 0;
    const firstSlot = int8 ? top >> 1 : top, count = rows == 0 ? 0 : int8 ? (rows + odd + 1) >> 1 : rows;
    if (row == first || y == 0) filled = 0;
    for (let slot = max(filled, firstSlot); slot < firstSlot + count; slot++) {
      const oy = (int8 ? 2 * slot : slot) - above, to = planes + <usize>(slot % ring) * slotBytes;
      fillPlanes(int8, rowOf(c, image, oy, bytes), rowOf(c, image, oy + 1, bytes), bytes, c.WO, before, columns, CQ, zero, to);
      filled = slot + 1;
    }
    for (let i: i32 = 0; i < count; i++) {
      // Of f32 values, rows in the order of taps.
      const slot = int8 ? firstSlot + i : firstSlot + count - 1 - i;
      store<usize>(scratch + (<usize>i << 2), planes + <usize>(slot % ring) * slotBytes);
    }
    for (let x: i32 = 0; x < SW && x < W; x++) {
      const kx = (x + c.PW) % SW, offset = 16 * ((x + c.PW - kx) / SW + before);
      openWindow(scratch, count, tapsOf(kx, c.KW, SW), -16);
      const to = line + <usize>(x * padded * 4), all = (W - x + SW - 1) / SW;
      sumColumns(int8, CQ, plane, offset, 16, all, c.shared, tapsAt(c, ky, kx, odd), weightBytes(c), 0, to, <usize>(SW * padded * 4));
    }
    const pixel = row * W;
    finishLine(line, pixel * padded, W * padded);
    storePixels(pixel * padded, line, W, c.CHANNELS, pixel * c.CHANNELS);
  }
  recordStore();
}

/** The address of a row of dY; 0 outside. */
@inline
function rowOf(c: DepthwiseBackwardInput, image: i32, oy: i32, bytes: usize): usize {
  return oy >= 0 && oy < c.HO ? c.dy + <usize>((image * c.HO + oy) * c.WO) * bytes : 0;
}
