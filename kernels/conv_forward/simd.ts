import {
  clear, column, copy, image, nextPixel, openPixel, row, sumTiles, tilesOfPanel,
  transposeQuad, widen, widenQuads,
} from "../include/conv.simd";
import {
  firstOf, loadCodes, openStore, quantizer, recordStore, storedZero, storePixels,
} from "../include/quantize.simd";
import { ConvForward } from "../include/records.simd";
import { TILE_ROWS } from "../include/tile.simd";

/**
 * Y = conv(X, W) (+ bias), quantized. First the weights are laid out, a block of 8 outputs a part; then a
 * part is a range of tiles of pixels, for some of the blocks where there are more parts than tiles.
 */
export function conv_forward(c: ConvForward, phase: i32, part: i32, parts: i32, scratch: usize): void {
  if (phase == 0) {
    layOutWeights(c, part);
    if (c.SUMS) clearSums(c, part, parts);
  } else convolve(c, part, parts, scratch);
}

/** Values of a row of the panel: inputs that an output sees. */
@inline
function reduction(c: ConvForward): i32 {
  return c.KH * c.KW * 4 * c.IQ;
}

/** Address of a block of laid out weights. */
@inline
function blockAt(c: ConvForward, block: i32): usize {
  return c.shared + <usize>block * reduction(c) * (c.INT8 ? 16 : 32);
}

function layOutWeights(c: ConvForward, block: i32): void {
  const taps = c.KH * c.KW, IQ = c.IQ, OQ = c.OQ, isPair = 2 * block + 1 < c.QUADS;
  let to = blockAt(c, block);
  if (c.INT8) {
    for (let quad: i32 = 0; quad < taps * IQ; quad++, to += 64) {
      const first = c.weight + <usize>(16 * (quad * OQ + 2 * block));
      widenQuads(first, isPair ? first + 16 : 0, to);
    }
    return;
  }
  const count = taps * 4 * IQ, stride = <usize>count << 2;
  for (let half: i32 = 0; half < 2; half++) {
    const from = c.weight + <usize>(8 * block + 4 * half) * stride;
    for (let k: i32 = 0; k < count; k += 4) {
      const at = to + (<usize>k << 5) + 16 * half;
      if (half == 0 || isPair) transposeQuad(from + (<usize>k << 2), stride, at);
      else for (let i: i32 = 0; i < 4; i++) v128.store(at + 32 * i, i32x4.splat(0));
    }
  }
}

function clearSums(c: ConvForward, part: i32, parts: i32): void {
  const words = c.TILES * 8 * c.OQ, first = firstOf(words, part, parts);
  memory.fill(c.sums + (<usize>first << 2), 0, <usize>(firstOf(words, part + 1, parts) - first) << 2);
}

function convolve(c: ConvForward, part: i32, parts: i32, scratch: usize): void {
  const int8 = c.INT8 != 0, count = reduction(c), stride = count * (int8 ? 2 : 4);
  const tiles = (c.PIXELS + TILE_ROWS - 1) / TILE_ROWS, blocks = (c.QUADS + 1) >> 1;
  const groups = max(1, parts / tiles), group = part % groups;
  const firstBlock = firstOf(blocks, group, groups);
  const own = firstOf(blocks, group + 1, groups) - firstBlock, most = tilesOfPanel(stride + 32 * own);
  const totals = scratch, line = totals + <usize>(8 * 4 * c.OQ + 64);
  const panel = line + <usize>(most * TILE_ROWS * 32 * own);
  const first = firstOf(tiles, part / groups, parts / groups);
  const last = firstOf(tiles, part / groups + 1, parts / groups);
  openStore(c.INT8, c.STORE, c.STOCHASTIC, c.QUIET, c.IMAGE, c.quantizers, c.statistics, c.step, c.y, c.Y_ROW);
  if (c.SUMS) memory.fill(totals, 0, 8 * 4 * c.OQ);
  for (let tile = first; tile < last; tile += most) {
    const now = min(most, last - tile), pixel = tile * TILE_ROWS;
    const pixels = min(now * TILE_ROWS, c.PIXELS - pixel);
    gather(c, pixel, pixel + pixels, panel, stride);
    if (!int8) clear(line, now * TILE_ROWS * 32 * own);
    sumTiles(int8, now, panel, stride, count, blockAt(c, firstBlock), own, line);
    finish(c, pixel, pixels, 2 * firstBlock, min(2 * own, c.QUADS - 2 * firstBlock), 8 * own, line);
    if (c.SUMS) addCodes(c, pixel, pixels, 2 * firstBlock, min(2 * own, c.QUADS - 2 * firstBlock), totals);
  }
  if (!c.LOGITS) recordStore();
  if (c.SUMS) {
    const tile = <i32>(<i64>first * TILE_ROWS * c.TILES / c.PIXELS);
    addSums(c, tile, 2 * firstBlock, min(2 * own, c.QUADS - 2 * firstBlock), totals);
  }
}

/** Fills rows of the panel with the inputs that pixels see; taps outside the image are 0. */
function gather(c: ConvForward, first: i32, last: i32, panel: usize, stride: i32): void {
  const inputs = 4 * c.IQ, int8 = c.INT8 != 0, size = int8 ? 1 : 4, wide = int8 ? 2 : 4;
  const zero = i16x8.splat(<i16>(int8 ? quantizer(c.quantizers, c.X_ROW).zero : 0));
  const H = c.H, W = c.W, HO = c.HO, WO = c.WO, KH = c.KH, KW = c.KW, line = KW * inputs * wide;
  let to = panel;
  openPixel(first, HO, WO);
  for (let pixel = first; pixel < last; pixel++, to += stride, nextPixel(HO, WO)) {
    const top = row * c.SH - c.PH, left = column * c.SW - c.PW;
    const kx0 = max(0, -left), kx1 = max(kx0, min(KW, W - left)), run = (kx1 - kx0) * inputs;
    let at = to;
    for (let ky: i32 = 0; ky < KH; ky++, at += line) {
      const y = top + ky;
      if (y < 0 || y >= H || run == 0) {
        clear(at, line);
        continue;
      }
      if (kx0 > 0) clear(at, kx0 * inputs * wide);
      const from = c.x + <usize>((image * H + y) * W + left + kx0) * inputs * size;
      const start = at + kx0 * inputs * wide;
      if (int8) widen(from, start, run, zero);
      else copy(from, start, run);
      if (kx1 < KW) clear(at + kx1 * inputs * wide, (KW - kx1) * inputs * wide);
    }
  }
}

/** Turns sums into real values and stores them: `quads` quads from `quad` on, of rows `pitch` values apart. */
function finish(
  c: ConvForward, pixel: i32, pixels: i32, quad: i32, quads: i32, pitch: i32, line: usize,
): void {
  const int8 = c.INT8 != 0, columns = 4 * quads, outputs = 4 * c.OQ, o = 4 * (c.FIRST + quad);
  const unit = f32x4.splat(quantizer(c.quantizers, c.X_ROW).scale * quantizer(c.quantizers, c.W_ROW).scale);
  const bias = c.bias + (<usize>o << 2), hasBias = c.BIAS != 0;
  let to = line;
  for (let p: i32 = 0; p < pixels; p++) {
    let from = line + (<usize>(p * pitch) << 2);
    for (let i: i32 = 0; i < columns; i += 4, from += 16, to += 16) {
      let v = v128.load(from);
      if (int8) v = f32x4.mul(f32x4.convert_i32x4_s(v), unit);
      if (hasBias) v = f32x4.add(v, v128.load(bias + (<usize>i << 2)));
      v128.store(to, v);
    }
  }
  const first = pixel * outputs + o, real = min(columns, c.CHANNELS - o);
  if (c.LOGITS) {
    for (let p: i32 = 0; p < pixels; p++) {
      copy(line + (<usize>(p * columns) << 2), c.y + (<usize>(first + p * outputs) << 2), columns);
    }
  } else if (columns == outputs) {
    storePixels(first, line, pixels, real, 0);
  } else {
    for (let p: i32 = 0; p < pixels; p++) {
      storePixels(first + p * outputs, line + (<usize>(p * columns) << 2), 1, real, 0);
    }
  }
}

/** Adds the codes of some pixels to a part's sums: of differences to the zero point, and of their squares. */
function addCodes(c: ConvForward, pixel: i32, pixels: i32, quad: i32, quads: i32, totals: usize): void {
  const outputs = 4 * c.OQ, zero = storedZero();
  for (let o = 4 * (c.FIRST + quad), end = o + 4 * quads; o < end; o += 4) {
    let at = c.y + <usize>(pixel * outputs + o), s1 = i32x4.splat(0), s2 = i32x4.splat(0);
    // Of padding the difference is 0, so that it adds nothing.
    for (let p: i32 = 0; p < pixels; p++, at += outputs) {
      const d = i32x4.sub(loadCodes(at), zero);
      s1 = i32x4.add(s1, d);
      s2 = i32x4.add(s2, i32x4.mul(d, d));
    }
    const total = totals + <usize>(8 * o);
    v128.store(total, i32x4.add(v128.load(total), s1));
    v128.store(total, i32x4.add(v128.load(total, 16), s2), 16);
  }
}

/** Adds a part's sums to those of a tile; any tile will do, as only sums over tiles are defined. */
function addSums(c: ConvForward, tile: i32, quad: i32, quads: i32, totals: usize): void {
  const first = 4 * (c.FIRST + quad);
  for (let o = first; o < first + 4 * quads; o++) {
    const to = c.sums + <usize>(8 * (tile * 4 * c.OQ + o)), from = totals + <usize>(32 * (o >> 2) + 4 * (o & 3));
    atomic.add<i32>(to, load<i32>(from));
    atomic.add<i32>(to, load<i32>(from, 16), 4);
  }
}
