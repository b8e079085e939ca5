import { clear, copy, tilesOfPanel, transposeQuad, widen, widenQuads } from "../include/conv.simd";
import { firstOf, openStore, quantizer, recordStore, store4, storedZero } from "../include/quantize.simd";
import { ConvForward } from "../include/records.simd";
import { dotTile, mulTile, TILE_BYTES, TILE_ROWS } from "../include/tile.simd";

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
  const lastTile = firstOf(tiles, part / groups + 1, parts / groups);
  const firstBlock = firstOf(blocks, group, groups), lastBlock = firstOf(blocks, group + 1, groups);
  const most = tilesOfPanel(stride), sums = scratch, totals = scratch + TILE_BYTES;
  const panel = totals + <usize>(8 * 4 * c.OQ + 64);
  openStore(c.INT8, c.STORE, c.STOCHASTIC, c.QUIET, c.IMAGE, c.quantizers, c.statistics, c.step, c.y, c.Y_ROW);
  if (c.SUMS) memory.fill(totals, 0, 8 * 4 * c.OQ);
  const firstTile = firstOf(tiles, part / groups, parts / groups);
  for (let tile = firstTile; tile < lastTile; tile += most) {
    const last = min(tile + most, lastTile), pixels = min(c.PIXELS, last * TILE_ROWS);
    gather(c, tile * TILE_ROWS, pixels, panel, stride);
    for (let block = firstBlock; block < lastBlock; block++) {
      const weights = blockAt(c, block);
      for (let t = tile; t < last; t++) {
        const rows = panel + <usize>((t - tile) * TILE_ROWS) * stride;
        if (int8) dotTile(rows, stride, weights, count >> 1, sums);
        else {
          clear(sums, <i32>TILE_BYTES);
          mulTile(rows, stride, weights, count, sums);
        }
        finish(c, t * TILE_ROWS, min(TILE_ROWS, c.PIXELS - t * TILE_ROWS), block, sums, totals);
      }
    }
  }
  if (!c.LOGITS) recordStore();
  if (c.SUMS) addSums(c, <i32>(<i64>firstTile * TILE_ROWS * c.TILES / c.PIXELS), firstBlock, lastBlock, totals);
}

/** Fills rows of the panel with the inputs that pixels see; taps outside the image are 0. */
function gather(c: ConvForward, first: i32, last: i32, panel: usize, stride: i32): void {
  const inputs = 4 * c.IQ, int8 = c.INT8 != 0, size = int8 ? 1 : 4, wide = int8 ? 2 : 4;
  const zero = i16x8.splat(<i16>(int8 ? quantizer(c.quantizers, c.X_ROW).zero : 0));
  const H = c.H, W = c.W, HO = c.HO, WO = c.WO, KH = c.KH, KW = c.KW, line = KW * inputs * wide;
  let column = first % WO, row = first / WO % HO, image = first / (WO * HO), to = panel;
  for (let pixel = first; pixel < last; pixel++, to += stride) {
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
    if (++column == WO) {
      column = 0;
      if (++row == HO) {
        row = 0;
        image++;
      }
    }
  }
}

/** Stores the outputs of a tile, and adds to batch norm's sums of a part. */
function finish(c: ConvForward, pixel: i32, rows: i32, block: i32, sums: usize, totals: usize): void {
  const int8 = c.INT8 != 0, outputs = 4 * c.OQ;
  const unit = f32x4.splat(quantizer(c.quantizers, c.X_ROW).scale * quantizer(c.quantizers, c.W_ROW).scale);
  for (let half: i32 = 0; half < 2 && 2 * block + half < c.QUADS; half++) {
    const o = 4 * (c.FIRST + 2 * block + half), total = totals + <usize>(8 * o);
    const bias = c.BIAS ? v128.load(c.bias + (<usize>o << 2)) : i32x4.splat(0);
    let at = pixel * outputs + o, from = sums + 16 * half;
    let s1 = i32x4.splat(0), s2 = i32x4.splat(0);
    for (let row: i32 = 0; row < rows; row++, at += outputs, from += 32) {
      let v = v128.load(from);
      if (int8) v = f32x4.mul(f32x4.convert_i32x4_s(v), unit);
      if (c.BIAS) v = f32x4.add(v, bias);
      if (c.LOGITS) {
        v128.store(c.y + (<usize>at << 2), v);
        continue;
      }
      // Of padding the difference is 0, so that it adds nothing.
      const d = i32x4.sub(store4(at, v, 0, c.CHANNELS - o), storedZero());
      s1 = i32x4.add(s1, d);
      s2 = i32x4.add(s2, i32x4.mul(d, d));
    }
    if (c.SUMS) {
      v128.store(total, i32x4.add(v128.load(total), s1));
      v128.store(total, i32x4.add(v128.load(total, 16), s2), 16);
    }
  }
}

/** Adds a part's sums to those of a tile; any tile will do, as only sums over tiles are defined. */
function addSums(c: ConvForward, tile: i32, first: i32, last: i32, totals: usize): void {
  const outputs = 4 * c.OQ;
  for (let own = 8 * first; own < min(8 * last, 4 * c.QUADS); own++) {
    const o = 4 * c.FIRST + own, to = c.sums + <usize>(8 * (tile * outputs + o));
    const from = totals + <usize>(32 * (o >> 2) + 4 * (o & 3));
    atomic.add<i32>(to, load<i32>(from));
    atomic.add<i32>(to, load<i32>(from, 16), 4);
  }
}
