/**
 * The host of convolve.simd.ts: lays out weights, and works through images and outputs a few at a time,
 * so that memory stays small.
 *
 * @module
 */
import type { Convolution } from "./convolve.ts";
import { loops as module } from "./loops_module.js";

/** The functions of convolve.simd.ts. */
interface Loops {
  setSizes(...sizes: number[]): void;
  convolveDense(...values: number[]): void;
  convolveDepth(...values: number[]): void;
}

let opened: { readonly loops: Loops; readonly memory: WebAssembly.Memory } | undefined;

/** Returns the loops, opened at the first use. */
function open(): { readonly loops: Loops; readonly memory: WebAssembly.Memory } {
  if (opened) return opened;
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536 });
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  return opened = { loops: exports as unknown as Loops, memory };
}

/**
 * Bytes at a time; more only for 8 outputs, one image, one row of sums, 6 pixels. Images, sums and the
 * panel of input pixels stay in the second cache of most processors together.
 */
const WEIGHT_BYTES = 2 ** 22, IMAGE_BYTES = 2 ** 18, SUM_BYTES = 2 ** 18, PANEL_BYTES = 98304;
/** Outputs of a block of weights; pixels of a tile, and of one of depthwise sums. */
const BLOCK = 8, TILE_ROWS = 6, TILE_COLUMNS = 4;
/** Bytes of a column of 8 channels in the band of a depthwise convolution. */
const PLACE = 32;
/** Where the loops' own data ends; bytes that loops read or write after what they need. */
const FIRST_ADDRESS = 4096, SLACK = 64;
const PAGE_BYTES = 65536;

/** How weights are laid out: rows of taps, filled up with zeros. */
interface Layout {
  readonly rows: number;
  readonly taps: number;
  /** Taps with those that fill up. */
  readonly room: number;
}

/** Writes a convolution's sums. `groups` is 1, or `c` and `o` alike. */
export function convolveSimd(
  sizes: Convolution,
  x: Int8Array | Float32Array,
  zero: number,
  weight: Int8Array | Float32Array,
  sums: Int32Array | Float32Array,
): void {
  const { c, o, kernel: [kh, kw], groups } = sizes, depth = kh * kw * c / groups;
  const fitting = Math.floor(WEIGHT_BYTES / (4 * depth * BLOCK)) * BLOCK;
  const step = groups > 1 ? o : Math.max(fitting, BLOCK);
  for (let first = 0; first < o; first += step) {
    const outputs = Math.min(step, o - first);
    const part = weight.subarray(first * depth, (first + outputs) * depth);
    convolveOutputs({ ...sizes, o: outputs }, x, zero, part, (from, pixel) => {
      if (outputs === o) sums.set(from, pixel * o);
      else {
        for (let at = 0; at < from.length; at += outputs, pixel++) {
          sums.set(from.subarray(at, at + outputs), pixel * o + first);
        }
      }
    });
  }
}

/** Computes the sums of some outputs; `store` gets those of all of them for the pixels from `pixel` on. */
function convolveOutputs(
  sizes: Convolution,
  x: Int8Array | Float32Array,
  zero: number,
  weight: Int8Array | Float32Array,
  store: (sums: Int32Array | Float32Array, pixel: number) => void,
): void {
  const { n, h, w, c, ho, wo, o, kernel: [kh, kw], stride: [sy, sx], top, left, groups } = sizes;
  const { loops, memory } = open(), int8 = weight instanceof Int8Array;
  const layout = layoutOf(sizes, int8), size = h * w * c, bytes = x.BYTES_PER_ELEMENT;
  const images = Math.max(1, Math.min(n, Math.floor(IMAGE_BYTES / (size * bytes))));
  const rows = Math.max(1, Math.min(images * ho, Math.floor(SUM_BYTES / (wo * o * 4))));
  const panel = groups > 1 ? bandOf(sizes) : panelOf(layout, int8 ? 2 : 4);
  let end = FIRST_ADDRESS;
  const place = (size: number) => {
    const address = end;
    end = Math.ceil((end + size + SLACK) / SLACK) * SLACK;
    return address;
  };
  const count = Math.ceil(o / BLOCK) * BLOCK * layout.rows * layout.room;
  const weightsAt = place(count * (int8 ? 2 : 4)), xAt = place(images * size * bytes);
  const panelAt = place(panel.bytes), sumsAt = place((rows * wo + TILE_ROWS) * o * 4);
  const missing = end - memory.buffer.byteLength;
  if (missing > 0) memory.grow(Math.ceil(missing / PAGE_BYTES));
  const { buffer } = memory;
  layOut(
    layout,
    weight,
    int8 ? new Int16Array(buffer, weightsAt, count) : new Float32Array(buffer, weightsAt, count),
    int8 ? 2 : 1,
  );
  loops.setSizes(h, w, c, ho, wo, o, kh, kw, sy, sx, top, left);
  const run = groups > 1 ? loops.convolveDepth : loops.convolveDense;
  const to = int8 ? new Int8Array(buffer, xAt) : new Float32Array(buffer, xAt);
  for (let image = 0; image < n; image += images) {
    const some = Math.min(images, n - image);
    to.set(x.subarray(image * size, (image + some) * size));
    for (let row = 0; row < some * ho; row += rows) {
      const few = Math.min(rows, some * ho - row), { height, width } = panel;
      run(int8 ? 1 : 0, row, few, xAt, zero, weightsAt, panelAt, height, width, sumsAt);
      const sums = few * wo * o;
      store(
        int8 ? new Int32Array(buffer, sumsAt, sums) : new Float32Array(buffer, sumsAt, sums),
        (image * ho + row) * wo,
      );
    }
  }
}

function layoutOf({ c, kernel: [kh, kw], groups }: Convolution, int8: boolean): Layout {
  if (groups > 1) return { rows: kh, taps: kw, room: int8 ? Math.ceil(kw / 2) * 2 : kw };
  const taps = kh * kw * c;
  return { rows: 1, taps, room: Math.ceil(taps / 4) * 4 };
}

/** Writes weights, [outputs][rows][taps], as [blocks][rows][taps / lanes][8][lanes]. */
function layOut(
  { rows, taps, room }: Layout,
  weight: Int8Array | Float32Array,
  to: Int16Array | Float32Array,
  lanes: number,
): void {
  to.fill(0);
  const line = room * BLOCK, outputs = weight.length / (rows * taps);
  for (let output = 0, from = 0; output < outputs; output++) {
    let start = Math.floor(output / BLOCK) * rows * line + output % BLOCK * lanes;
    for (let row = 0; row < rows; row++, start += line) {
      for (let tap = 0; tap < taps; tap++, from++) {
        to[start + (tap - tap % lanes) * BLOCK + tap % lanes] = weight[from]!;
      }
    }
  }
}

/** Room for input values of a convolution: of how many pixels or rows, and how long these are. */
interface Panel {
  readonly height: number;
  readonly width: number;
  readonly bytes: number;
}

function panelOf({ room }: Layout, bytes: number): Panel {
  const tiles = Math.max(1, Math.min(16, Math.floor(PANEL_BYTES / (TILE_ROWS * room * bytes))));
  return { height: tiles * TILE_ROWS, width: room, bytes: tiles * TILE_ROWS * room * bytes };
}

function bandOf({ ho, wo, kernel: [kh, kw], stride: [sy, sx] }: Convolution): Panel {
  const width = (Math.ceil(wo / TILE_COLUMNS) * TILE_COLUMNS - 1) * sx + kw;
  const fitting = Math.floor((PANEL_BYTES / (width * PLACE) - kh) / sy) + 1;
  const height = Math.max(1, Math.min(ho, fitting));
  return { height, width, bytes: ((height - 1) * sy + kh) * width * PLACE };
}
