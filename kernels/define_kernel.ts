/**
 * Kernel descriptors: a kernel's name, its constants and buffers, its reference (plain loops that define
 * its result), its GPU form, and its SIMD form for the CPU. All other code reads the descriptor: no
 * other file parses WGSL or keeps a list of kernel names.
 *
 * A folder holds one kernel: `kernel.ts` (its descriptor), `shader.wgsl`, `reference.ts`, `simd.ts` if
 * it has one, and a line in `kernels/mod.ts`.
 *
 * @module
 */
import type { HostBuffer } from "./include/host_buffer.ts";

/** Values of a kernel's constants by their name: whole numbers, flags as 0 and 1, f32 settings. */
export type Constants = Readonly<Record<string, number>>;

/**
 * The source of a constant, and how it reaches the shader.
 *
 * - `operand`: a whole number that the shader reads from a uniform block when it runs, so that layers
 *   which differ only in operands share a compiled pipeline;
 * - `row`: a row of the table of quantizers; an operand too;
 * - `integer`, `flag`, `real`: compiled into the shader;
 * - `epilogue`: compiled in; how an output is stored, which the builder decides; `epilogue operand`:
 *   the same as an operand;
 * - `tile`: compiled in; how the GPU cuts the work (`gpu.tiles`). Steps do not contain it; `tile
 *   operand`: the same as an operand;
 * - a {@linkcode NonfiniteCount}: an operand that the non-finite guard sets;
 * - a number: the constant always has this value.
 */
export type ConstantKind =
  | "operand"
  | "row"
  | "integer"
  | "flag"
  | "real"
  | "epilogue"
  | "epilogue operand"
  | "tile"
  | "tile operand"
  | NonfiniteCount
  | number;

/**
 * Selects the word of the statistics in which a kernel counts non-finite values of a parameter: of its
 * `gradient`, after its `update`, or of batch `statistics`.
 */
export interface NonfiniteCount {
  /** The kernel's variable that holds the parameter or its gradient. */
  readonly nonfinite: string;
  /** Where the value was found. */
  readonly in: "gradient" | "update" | "statistics";
}

/**
 * Type of a buffer's elements: `codes` int8 codes, or f32 if the program stores f32; `stored` the same,
 * but f32 also if the step does not quantize its output; `sum` i32 with codes, else f32.
 */
export type ElementType = "codes" | "stored" | "sum" | "f32" | "i32" | "u32";

/** A buffer that a kernel binds. */
export interface KernelBuffer {
  /** `@binding` in the shader. */
  readonly binding: number;
  /** `write` may also read. */
  readonly access: "read" | "write" | "uniform";
  /** Type of its elements. */
  readonly type: ElementType;
  /** Bound only where this constant is not 0. */
  readonly when?: string;
  /** Bound only where this constant is 0. */
  readonly unless?: string;
  /** Name of a buffer that all steps share; absent: each step names the buffer. */
  readonly shared?: string;
  /** Its first dimension counts the GPU's tiles: only sums over it are defined. */
  readonly byTile?: boolean;
  /** Its contents are nothing outside the step, and may differ by tile and by device. */
  readonly scratch?: boolean;
  /** Columns with values of different units alternate: `count` columns of `run` values each. */
  readonly columns?: { readonly count: number; readonly run: number };
}

type BufferOptions = Pick<KernelBuffer, "when" | "unless" | "byTile" | "scratch" | "columns">;

/** Declares a buffer that a kernel reads; each step names the buffer. */
export function read<const T extends BufferOptions>(
  binding: number,
  type: ElementType,
  options: T = {} as T,
) {
  return { binding, access: "read" as const, type, ...options };
}

/** Declares a buffer that a kernel writes, or reads and writes; each step names the buffer. */
export function write<const T extends BufferOptions>(
  binding: number,
  type: ElementType,
  options: T = {} as T,
) {
  return { binding, access: "write" as const, type, ...options };
}

/** Declares a buffer that all steps share, with its name in the program. */
export function shared<const B extends KernelBuffer>(buffer: B, name: string) {
  return { ...buffer, shared: name };
}

type Epilogue = "epilogue" | "epilogue operand";
type TileKind = "tile" | "tile operand";
type Kinds = Readonly<Record<string, ConstantKind>>;
type Buffers = Readonly<Record<string, KernelBuffer>>;

/** Values of all constants of a kernel, including those of a tile. */
type Values<C extends Kinds> = Readonly<Record<keyof C, number>>;
type HostBuffers<B extends Buffers> = Readonly<Record<keyof B, HostBuffer>>;

/** The constants that a step must set. */
export type StepConstants<C extends Kinds> =
  & {
    readonly [
      K in keyof C as C[K] extends Epilogue | TileKind | number | NonfiniteCount ? never : K
    ]: number;
  }
  & { readonly [K in keyof C as C[K] extends Epilogue ? K : never]?: number };

/** The buffers that a step must name; those with a condition (`when`, `unless`) are optional. */
export type StepBuffers<B extends Buffers> =
  & {
    readonly [
      K in keyof B as B[K] extends { shared: string } | { when: string } | { unless: string }
        ? never
        : K
    ]: string;
  }
  & {
    readonly [
      K in keyof B as B[K] extends { shared: string } ? never
        : B[K] extends { when: string } | { unless: string } ? K
        : never
    ]?: string | undefined;
  };

/** Numbers of workgroups in x, y and z. */
export type Workgroups = readonly [x: number, y: number, z: number];

/**
 * Ways to compute the dot product of four codes with four others, values of the constant `DOT`
 * (kernels/include/dot.wgsl). All give the same bits.
 */
export const DOT = { native: 0, unsigned: 1, emulated: 2 } as const;

/** The name of each value of {@link DOT}. */
export const DOT_NAMES: readonly string[] = Object.keys(DOT);

/** What the choice of tiles depends on of an adapter. */
export interface Target {
  /** Whether it computes on the processor, whose caches want large tiles in registers. */
  readonly software: boolean;
  /** The values of `DOT` that give right results there, the one to try first in front. */
  readonly dots: readonly [number, ...number[]];
}

/** How a GPU runs a kernel. */
interface GpuForm<C extends Kinds> {
  /** The template of its WGSL (lib/runtime/gpu/wgsl_template.ts). */
  readonly source: string;
  /**
   * Returns the tiles that may be the fastest on an adapter, its default first: values of the constants
   * of kind `tile`. Results must not depend on the choice, so a tile must not change the order in which
   * f32 values are added, nor the size of a buffer.
   */
  tiles?(c: Values<C>, target: Target): readonly Constants[];
  /** Returns the workgroups of a dispatch. */
  workgroups(c: Values<C>): Workgroups;
  /** Returns the workgroups of a second dispatch, of the entry point `join`, which follows the first. */
  join?(c: Values<C>): Workgroups;
  /** Constants, besides rows and those of the epilogue, that do not affect which tile is fastest. */
  readonly sameSpeed?: readonly Extract<keyof C, string>[];
}

/**
 * How the CPU runs a kernel: the function of the kernel's name in kernels/NAME/simd.ts. Its result must
 * equal the reference's to the bit, whatever the number of threads.
 */
interface SimdForm<C extends Kinds> {
  /**
   * Returns the number of parts of each phase. Threads compute the parts of a phase in any order, at the
   * same time; a phase begins when the one before it has ended. Must not depend on the threads.
   */
  parts(c: Values<C>): readonly number[];
  /** Returns the bytes of scratch memory that the parts share, from phase to phase; 0 if absent. */
  shared?(c: Values<C>): number;
  /** Returns the bytes of scratch memory that each thread needs for a part; 0 if absent. */
  scratch?(c: Values<C>): number;
}

/** A kernel with the types of its constants and buffers. */
export interface KernelOf<C extends Kinds, B extends Buffers> {
  /** Its folder in kernels/. */
  readonly name: string;
  readonly constants: C;
  readonly buffers: B;
  /** Plain loops that define the kernel's result; every other form is tested against them. */
  reference(constants: Values<C>, buffers: HostBuffers<B>): void;
  readonly gpu: GpuForm<C>;
  /** Absent: the CPU runs the reference. */
  readonly simd?: SimdForm<C>;
}

/** Any kernel. */
export interface Kernel {
  /** Its folder in kernels/. */
  readonly name: string;
  /** Its constants, by name. */
  readonly constants: Readonly<Record<string, ConstantKind>>;
  /** The buffers it binds, by the shader's variables. */
  readonly buffers: Readonly<Record<string, KernelBuffer>>;
  /** Plain loops that define the kernel's result. */
  // deno-lint-ignore no-explicit-any
  reference(constants: any, buffers: any): void;
  /** How a GPU runs it. */
  readonly gpu: {
    readonly source: string;
    tiles?(c: Constants, target: Target): readonly Constants[];
    workgroups(c: Constants): Workgroups;
    join?(c: Constants): Workgroups;
    readonly sameSpeed?: readonly string[];
  };
  /** How the CPU runs it; absent: by its reference. */
  readonly simd?: {
    parts(c: Constants): readonly number[];
    shared?(c: Constants): number;
    scratch?(c: Constants): number;
  };
}

/** Defines a kernel. Returns the descriptor, with the types of its constants and buffers. */
export function defineKernel<const C extends Kinds, const B extends Buffers>(
  kernel: KernelOf<C, B>,
): KernelOf<C, B> {
  return kernel;
}

/** Returns whether a constant is an operand, passed when a shader runs and not compiled in. */
export function isOperand({ constants }: Kernel, name: string): boolean {
  const kind = constants[name];
  return typeof kind === "object" ||
    typeof kind === "string" && (kind === "row" || kind.endsWith("operand"));
}

/** A word of the record that a SIMD kernel gets: a constant, or the address of a buffer. */
export type RecordField = {
  readonly name: string;
  readonly type: "i32" | "f32" | "address";
};

/**
 * Returns the words of a SIMD kernel's record, in order: its constants, without those of the GPU's tiles,
 * and its buffers; `shared` is the address of the scratch memory that its parts share.
 */
export function recordFields({ constants, buffers }: Kernel): readonly RecordField[] {
  const isTile = (kind: ConstantKind) =>
    typeof kind === "number" || kind === "tile" || kind === "tile operand";
  return [
    ...Object.entries(constants).filter(([, kind]) => !isTile(kind)).map(([name, kind]) => ({
      name,
      type: kind === "real" ? "f32" as const : "i32" as const,
    })),
    ...[...Object.keys(buffers), "shared"].map((name) => ({ name, type: "address" as const })),
  ];
}

/** Bytes reserved for a step's operands: the alignment of a uniform block's offset in WebGPU. */
export const OPERANDS_BYTES = 256;

/** Maximum workgroups in a dimension under WebGPU's base limits. */
export const MAX_WORKGROUPS = 65535;

/** Returns the dispatch of `count` workgroups in x, split over x and y if they exceed one dimension. */
export function grid(count: number, z = 1): Workgroups {
  const rows = Math.ceil(count / MAX_WORKGROUPS);
  return [Math.ceil(count / rows), rows, z];
}

/** Returns the dispatch of one thread per item, in workgroups of 64. */
export function threads(count: number): Workgroups {
  return grid(Math.ceil(count / 64));
}

/** Returns the largest divisor of `n` that is at most `limit`. */
export function largestDivisor(n: number, limit: number): number {
  while (n % limit !== 0) limit--;
  return limit;
}

/** Returns the number of quads in one load (V): the largest of 4, 2 and 1 that divides `quads`. */
export function wideOf(quads: number): number {
  return quads % 4 === 0 ? 4 : quads % 2 === 0 ? 2 : 1;
}

/** Pixels per thread of an elementwise kernel, if there are enough. */
const RUN = 16;
/** Threads that fill a large GPU. */
export const ENOUGH_THREADS = 131072;
/** Workgroups of 256 threads that fill a large GPU: two for each of 132 multiprocessors. */
export const ENOUGH_GROUPS = 264;

/**
 * Returns the tile of an elementwise kernel over [PIXELS, channels]: a thread owns every STRIDE-th pixel,
 * and CW loads of V quads of it. RAGGED: the last quad has padded channels.
 *
 * @param wide quads of a load on a GPU, whose registers hold the coefficients of few
 */
export function elementwise(
  c: { readonly INT8: number; readonly PIXELS: number; readonly CHANNELS: number },
  { software }: Target,
  wide: number,
): { readonly V: number; readonly CW: number; readonly STRIDE: number; readonly RAGGED: number } {
  const quads = Math.ceil(c.CHANNELS / 4), all = c.INT8 ? wideOf(quads) : 1;
  const V = software ? all : Math.min(all, wide), CW = quads / V;
  const run = software ? RUN : Math.min(RUN, Math.max(4, c.PIXELS * CW / ENOUGH_THREADS));
  return { V, CW, STRIDE: Math.ceil(c.PIXELS / run), RAGGED: c.CHANNELS % 4 > 0 ? 1 : 0 };
}

/** Number of values of an elementwise kernel that are worth a part: about 20 µs of one thread. */
const VALUES_OF_PART = 32768;

/** Returns the parts of an elementwise SIMD kernel over `items`, each of `values` values. */
export function partsOf(items: number, values = 1): readonly number[] {
  return [Math.max(1, Math.min(items, Math.ceil(items * values / VALUES_OF_PART)))];
}

/** Values of a line of scratch memory, LINE of quantize.simd.ts, if a pixel has no more. */
const LINE = 1024;

/** Returns the bytes of a line that holds the real values of at least one pixel, in vectors of 16. */
export function lineBytes(channels: number): number {
  return 4 * Math.max(LINE, 16 * Math.ceil(channels / 16));
}
