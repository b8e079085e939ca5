/**
 * The host of convolve.simd.ts: lays out weights, and works through images and outputs a few at a time,
 * so that memory stays small.
 *
 * @module
 */
import type { Convolution } from "./convolution.ts";
import { loops as module } from "./loops_module.js";
import type { Clipping, Requantizer } from "./requantize.ts";

/** The functions of convolve.simd.ts. */
interface Loops {
  setSizes(...sizes: number[]): void;
  convolveDense(...values: number[]): void;
  convolveDepth(...values: number[]): void;
  clip(...values: number[]): void;
  requantize(...values: number[]): void;
}

let opened: { readonly loops: Loops; readonly memory: WebAssembly.Memory } | undefined;

/** Returns the loops, which are opened at the first use, and their memory of at least `bytes` bytes. */
function open(bytes: number): { readonly loops: Loops; readonly buffer: ArrayBuffer } {
  if (!opened) {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536 });
    const { exports } = new WebAssembly.Instance(module, { env: { memory } });
    opened = { loops: exports as unknown as Loops, memory };
  }
  const { loops, memory } = opened, missing = bytes - memory.buffer.byteLength;
  if (missing > 0) memory.grow(Math.ceil(missing / PAGE_BYTES));
  // Not shared.
  return { loops, buffer: memory.buffer as ArrayBuffer };
}

/**
 * Bytes at a time; more only for 8 outputs, one image, one row of sums, 6 pixels. Images, sums and the
 * patches of input pixels stay in the second cache of most processors together.
 */
const WEIGHT_BYTES = 2 ** 22, IMAGE_BYTES = 2 ** 18, SUM_BYTES = 2 ** 18, PATCH_BYTES = 98304;
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

/** What a convolution reads. */
interface Job {
  readonly sizes: Convolution;
  readonly x: Int8Array | Float32Array;
  readonly zero: number;
  readonly weight: Int8Array | Float32Array;
  readonly finish?: Finish | undefined;
}

/** What becomes of sums before they leave. */
type Finish = Requantizer | Clipping;

/** Sums, or codes made of them. */
type Results = Int32Array | Float32Array | Int8Array;

/** Writes what a convolution computes, [n, ho, wo, o]. `groups` is 1, or `c` and `o` alike. */
export function convolveSimd(job: Job, results: Results): void {
  const { c, o, kernel: [kh, kw], groups } = job.sizes, depth = kh * kw * c / groups;
  const fitting = Math.floor(WEIGHT_BYTES / (4 * depth * BLOCK)) * BLOCK;
  const step = groups > 1 ? o : Math.max(fitting, BLOCK);
  for (let first = 0; first < o; first += step) {
    const outputs = Math.min(step, o - first);
    convolveOutputs(outputs === o ? job : partOf(job, first, outputs, depth), (some, pixel) => {
      if (outputs === o) results.set(some, pixel * o);
      else {
        for (let at = 0; at < some.length; at += outputs, pixel++) {
          results.set(some.subarray(at, at + outputs), pixel * o + first);
        }
      }
    });
  }
}

/** The part of a job that computes `o` outputs from `first` on. */
function partOf({ sizes, weight, finish, ...rest }: Job, first: number, o: number, depth: number): Job {
  return {
    ...rest,
    sizes: { ...sizes, o },
    weight: weight.subarray(first * depth, (first + o) * depth),
    finish: finish && finishOf(finish, first, first + o),
  };
}

/** Computes a job; `store` gets the results for the pixels from `pixel` on. */
function convolveOutputs(job: Job, store: (results: Results, pixel: number) => void): void {
  const { sizes, x, zero, weight, finish } = job;
  const { n, h, w, c, ho, wo, o, kernel: [kh, kw], stride: [sy, sx], top, left, groups } = sizes;
  const int8 = weight instanceof Int8Array, layout = layoutOf(sizes, int8), size = h * w * c;
  const images = atMost(n, IMAGE_BYTES / (size * x.BYTES_PER_ELEMENT));
  const rows = atMost(images * ho, SUM_BYTES / (wo * o * 4));
  const { height, width, bytes } = groups > 1 ? bandOf(sizes) : patchesOf(layout, int8 ? 2 : 4);
  const count = Math.ceil(o / BLOCK) * BLOCK * layout.rows * layout.room;
  const tables = finish ? tablesOf(finish) : [], allocation = new Allocation();
  const weightsAt = allocation.take(count * (int8 ? 2 : 4)), patchesAt = allocation.take(bytes);
  const xAt = allocation.take(images * size * x.BYTES_PER_ELEMENT);
  const sumsAt = allocation.take((rows * wo + TILE_ROWS) * o * 4);
  const codesAt = allocation.take(rows * wo * o);
  const tablesAt = tables.map(({ byteLength }) => allocation.take(byteLength));

  const { loops, buffer } = open(allocation.end);
  const Weights = int8 ? Int16Array : Float32Array, Values = int8 ? Int8Array : Float32Array;
  const Sums = int8 ? Int32Array : Float32Array;
  layOut(layout, weight, new Weights(buffer, weightsAt, count), int8 ? 2 : 1);
  for (const [i, table] of tables.entries()) {
    new Int32Array(buffer, tablesAt[i], table.length).set(table);
  }
  const values = new Values(buffer, xAt, images * size);
  loops.setSizes(h, w, c, ho, wo, o, kh, kw, sy, sx, top, left);
  const run = groups > 1 ? loops.convolveDepth : loops.convolveDense;
  for (let image = 0; image < n; image += images) {
    const some = Math.min(images, n - image);
    values.set(x.subarray(image * size, (image + some) * size));
    for (let row = 0; row < some * ho; row += rows) {
      const few = Math.min(rows, some * ho - row), pixels = few * wo, pixel = (image * ho + row) * wo;
      run(int8 ? 1 : 0, row, few, xAt, zero, weightsAt, patchesAt, height, width, sumsAt);
      if (finish) runFinish(loops, finish, sumsAt, pixels, o, tablesAt, codesAt);
      const asCodes = finish && "factors" in finish, Type = asCodes ? Int8Array : Sums;
      store(new Type(buffer, asCodes ? codesAt : sumsAt, pixels * o), pixel);
    }
  }
}

/** Whole numbers up to `count`, 1 at least. */
function atMost(count: number, fitting: number): number {
  return Math.max(1, Math.min(count, Math.floor(fitting)));
}

/** Bytes of memory, one after another. */
class Allocation {
  end = FIRST_ADDRESS;

  /** Returns the address of `bytes` bytes and some to spare. */
  take(bytes: number): number {
    const address = this.end;
    this.end = Math.ceil((address + bytes + SLACK) / SLACK) * SLACK;
    return address;
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
interface Room {
  readonly height: number;
  readonly width: number;
  readonly bytes: number;
}

function patchesOf({ room }: Layout, bytes: number): Room {
  const tiles = Math.max(1, Math.min(16, Math.floor(PATCH_BYTES / (TILE_ROWS * room * bytes))));
  return { height: tiles * TILE_ROWS, width: room, bytes: tiles * TILE_ROWS * room * bytes };
}

function bandOf({ ho, wo, kernel: [kh, kw], stride: [sy, sx] }: Convolution): Room {
  const width = (Math.ceil(wo / TILE_COLUMNS) * TILE_COLUMNS - 1) * sx + kw;
  const fitting = Math.floor((PATCH_BYTES / (width * PLACE) - kh) / sy) + 1;
  const height = Math.max(1, Math.min(ho, fitting));
  return { height, width, bytes: ((height - 1) * sy + kh) * width * PLACE };
}

/** The part for some outputs. */
function finishOf(all: Finish, first: number, end: number): Finish {
  if (!("factors" in all)) return { ...all, bias: all.bias.subarray(first, end) };
  const { bias, factors } = all;
  return { ...all, bias: bias.subarray(first, end), factors: factors.subarray(first, end) };
}

/** What `runFinish` needs by output, of f32 the bits. */
function tablesOf(finish: Finish): readonly Int32Array[] {
  return "factors" in finish ? [finish.bias, bitsOf(finish.factors)] : [bitsOf(finish.bias)];
}

function bitsOf({ buffer, byteOffset, length }: Float32Array): Int32Array {
  return new Int32Array(buffer, byteOffset, length);
}

/** Clips sums, or makes codes of them. */
function runFinish(
  loops: Loops,
  finish: Finish,
  sumsAt: number,
  pixels: number,
  outputs: number,
  [bias = 0, factors = 0]: readonly number[],
  codesAt: number,
): void {
  const { low, high } = finish;
  if ("factors" in finish) {
    const { divisor, zero } = finish;
    loops.requantize(sumsAt, pixels, outputs, bias, factors, divisor, zero, low, high, codesAt);
  } else loops.clip(sumsAt, pixels, outputs, bias, low, high);
}
