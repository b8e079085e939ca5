import {
  clear, column, copy, image, nextPixel, openPixel, row, sumTiles, tilesOfPanel,
  transposeQuad, widen, widenQuads,
} from "../include/conv.simd";
import { finish4, openGradient } from "../include/gradient.simd";
import { firstOf, openStore, quantizer, recordStore, storePixels } from "../include/quantize.simd";
import { ConvBackwardInput } from "../include/records.simd";
import { TILE_ROWS } from "../include/tile.simd";

// The input pixels whose coordinates have the same remainders by the stride see the same taps: a phase of
// the stride. Its taps and pixels are those of one dense convolution.
/** The phase's first row and column of the input, and of the window. */
let y0: i32 = 0, x0: i32 = 0, ky0: i32 = 0, kx0: i32 = 0;
/** Rows and columns of the input, and of the window, in the phase. */
let rows: i32 = 0, columns: i32 = 0, tapRows: i32 = 0, tapColumns: i32 = 0;

/** Selects phase `i` of SH·SW. */
function openPhase(c: ConvBackwardInput, i: i32): void {
  y0 = i / c.SW;
  x0 = i % c.SW;
  ky0 = (y0 + c.PH) % c.SH;
  kx0 = (x0 + c.PW) % c.SW;
  rows = (c.H - y0 + c.SH - 1) / c.SH;
  columns = (c.W - x0 + c.SW - 1) / c.SW;
  tapRows = (max(0, c.KH - ky0) + c.SH - 1) / c.SH;
  tapColumns = (max(0, c.KW - kx0) + c.SW - 1) / c.SW;
}

/** Tiles of the phase. */
@inline
function phaseTiles(c: ConvBackwardInput): i32 {
  return (c.N * rows * columns + TILE_ROWS - 1) / TILE_ROWS;
}

/** Values of a row of the phase's panel: outputs that an input reached. */
@inline
function reduction(c: ConvBackwardInput): i32 {
  return tapRows * tapColumns * 4 * c.QUADS;
}

/** Bytes of laid out weights for each value of a row. */
@inline
function weightBytes(c: ConvBackwardInput): i32 {
  return ((c.IQ + 1) >> 1) * (c.INT8 ? 16 : 32);
}

/**
 * dX = the transposed convolution of dY with W, quantized. First the weights are laid out, a block of 8
 * inputs a part; then a part is a range of tiles, through all phases of the stride.
 */
export function conv_backward_input(
  c: ConvBackwardInput, phase: i32, part: i32, parts: i32, scratch: usize,
): void {
  if (phase == 0) return layOutWeights(c, part);
  const phases = c.SH * c.SW, unit = productScale(c);
  let tiles: i32 = 0;
  for (let i: i32 = 0; i < phases; i++) {
    openPhase(c, i);
    tiles += phaseTiles(c);
  }
  const first = firstOf(tiles, part, parts), last = firstOf(tiles, part + 1, parts);
  openStore(c.INT8, c.STORE, c.STOCHASTIC, c.QUIET, c.IMAGE, c.quantizers, c.statistics, c.step, c.dx, c.DX_ROW);
  openGradient(c.INT8, c.quantizers, c.ADDEND, c.addend, c.ADDEND_ROW, c.MASK, c.mask, c.MASK_ROW);
  let begin: i32 = 0, weights = c.shared;
  for (let i: i32 = 0; i < phases && begin < last; i++) {
    openPhase(c, i);
    const end = begin + phaseTiles(c);
    if (end > first) convolve(c, max(first, begin) - begin, min(last, end) - begin, weights, unit, scratch);
    begin = end;
    weights += reduction(c) * weightBytes(c);
  }
  recordStore();
}

/** The real value of a product of codes. */
@inline
function productScale(c: ConvBackwardInput): f32 {
  return quantizer(c.quantizers, c.DY_ROW).scale * quantizer(c.quantizers, c.W_ROW).scale;
}

function layOutWeights(c: ConvBackwardInput, block: i32): void {
  const int8 = c.INT8 != 0, QUADS = c.QUADS, IQ = c.IQ, isPair = 2 * block + 1 < IQ, outputs = 4 * QUADS;
  const taps = c.KH * c.KW, stride = <usize>(taps * outputs) << 2;
  let phase = c.shared;
  for (let i: i32 = 0; i < c.SH * c.SW; i++) {
    openPhase(c, i);
    let to = phase + <usize>(block * reduction(c) * (int8 ? 16 : 32));
    for (let ky = ky0; ky < c.KH; ky += c.SH) {
      for (let kx = kx0; kx < c.KW; kx += c.SW) {
        const tap = ky * c.KW + kx;
        for (let o: i32 = 0; o < QUADS; o++) {
          if (int8) {
            const from = c.weight + <usize>(16 * ((tap * QUADS + o) * IQ + 2 * block));
            widenQuads(from, isPair ? from + 16 : 0, to);
            to += 64;
            continue;
          }
          const from = c.weight + <usize>(8 * block) * stride + (<usize>(tap * outputs + 4 * o) << 2);
          transposeQuad(from, stride, to);
          if (isPair) transposeQuad(from + 4 * stride, stride, to + 16);
          else for (let k: i32 = 0; k < 4; k++) v128.store(to + 32 * k, i32x4.splat(0), 16);
          to += 128;
        }
      }
    }
    phase += reduction(c) * weightBytes(c);
  }
}

/** Computes tiles of the phase. */
function convolve(
  c: ConvBackwardInput, first: i32, last: i32, weights: usize, unit: f32, scratch: usize,
): void {
  const int8 = c.INT8 != 0, count = reduction(c), stride = count * (int8 ? 2 : 4);
  const blocks = (c.IQ + 1) >> 1, most = tilesOfPanel(stride + 32 * blocks), all = c.N * rows * columns;
  const line = scratch, panel = line + <usize>(most * TILE_ROWS * 32 * blocks);
  for (let tile = first; tile < last; tile += most) {
    const now = min(most, last - tile), pixel = tile * TILE_ROWS;
    const pixels = min(now * TILE_ROWS, all - pixel);
    gather(c, pixel, pixel + pixels, panel, stride);
    if (c.BEFORE) loadBefore(c, pixel, pixels, line, 8 * blocks);
    else if (!int8 || count == 0) clear(line, now * TILE_ROWS * 32 * blocks);
    sumTiles(int8, now, panel, stride, count, weights, blocks, line);
    finish(c, pixel, pixels, 8 * blocks, line, f32x4.splat(unit));
  }
}

/** Index of the open pixel among the pixels of the input. */
@inline
function inputPixel(c: ConvBackwardInput): i32 {
  return (image * c.H + y0 + row * c.SH) * c.W + x0 + column * c.SW;
}

/** Fills rows of the panel with the gradients that pixels contributed to; taps outside dY are 0. */
function gather(c: ConvBackwardInput, first: i32, last: i32, panel: usize, stride: i32): void {
  const outputs = 4 * c.QUADS, int8 = c.INT8 != 0, size = int8 ? 1 : 4, run = outputs * (int8 ? 2 : 4);
  const zero = i16x8.splat(<i16>(int8 ? quantizer(c.quantizers, c.DY_ROW).zero : 0));
  const HO = c.HO, WO = c.WO, all = 4 * c.OQ, start = 4 * c.FIRST;
  // The first tap of a phase's row j meets row j + dy of dY, the next taps the rows before it.
  const dy = (y0 + c.PH - ky0) / c.SH, dx = (x0 + c.PW - kx0) / c.SW;
  let line = panel;
  openPixel(first, rows, columns);
  for (let pixel = first; pixel < last; pixel++, line += stride, nextPixel(rows, columns)) {
    let to = line;
    for (let i: i32 = 0; i < tapRows; i++) {
      const oy = row + dy - i;
      for (let j: i32 = 0; j < tapColumns; j++, to += run) {
        const ox = column + dx - j;
        if (oy < 0 || oy >= HO || ox < 0 || ox >= WO) {
          clear(to, run);
          continue;
        }
        const from = c.dy + <usize>((((image * HO + oy) * WO + ox) * all + start) * size);
        if (int8) widen(from, to, outputs, zero);
        else copy(from, to, outputs);
      }
    }
  }
}

/** Starts sums with those of the shards before. */
function loadBefore(c: ConvBackwardInput, pixel: i32, pixels: i32, line: usize, pitch: i32): void {
  const inputs = 4 * c.IQ;
  openPixel(pixel, rows, columns);
  for (let p: i32 = 0; p < pixels; p++, nextPixel(rows, columns)) {
    const from = c.before + (<usize>(inputPixel(c) * inputs) << 2);
    copy(from, line + (<usize>(p * pitch) << 2), inputs);
  }
}

/** Turns sums, rows of which are `pitch` values apart, into gradients and stores them. */
function finish(
  c: ConvBackwardInput, pixel: i32, pixels: i32, pitch: i32, line: usize, unit: v128,
): void {
  const int8 = c.INT8 != 0, inputs = 4 * c.IQ, groups = c.IQ / c.GQ;
  const dense = c.SH * c.SW == 1;
  let to = line;
  openPixel(pixel, rows, columns);
  for (let p: i32 = 0; p < pixels; p++, nextPixel(rows, columns)) {
    const own = inputPixel(c), start = to;
    let at = own * inputs, from = line + (<usize>(p * pitch) << 2);
    for (const end = at + inputs; at < end; at += 4, from += 16, to += 16) {
      let v = v128.load(from);
      if (int8) v = f32x4.mul(f32x4.convert_i32x4_s(v), unit);
      v128.store(to, finish4(v, at));
    }
    if (!dense) storePixels(own * inputs, start, groups, c.CHANNELS, own * groups * c.CHANNELS);
  }
  if (dense) {
    storePixels(pixel * inputs, line, pixels * groups, c.CHANNELS, pixel * groups * c.CHANNELS);
  }
}
