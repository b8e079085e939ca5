/**
 * A kernel: what it is called, which constants and buffers it takes, the plain loops that define what
 * it computes, and how a GPU runs it. Everything else that is known of a kernel follows from its
 * descriptor: no other file parses WGSL or keeps a list of kernel names.
 *
 * A folder holds one kernel: `kernel.ts` (its descriptor), `shader.wgsl`, `reference.ts`, and a line
 * in `kernels/mod.ts`.
 *
 * @module
 */
import type { HostBuffer } from "./include/host_buffer.ts";

/** Values of a kernel's constants by their name: whole numbers, flags as 0 and 1, f32 settings. */
export type Constants = Readonly<Record<string, number>>;

/**
 * Where a constant comes from and how it reaches the shader.
 *
 * - `operand`: a whole number that the shader reads from a uniform block when it runs, so that layers
 *   which differ in nothing else share a compiled pipeline;
 * - `row`: a row of the table of quantizers; an operand too;
 * - `integer`, `flag`, `real`: compiled into the shader;
 * - `epilogue`: compiled in; how an output is stored, which the builder decides; `epilogue operand`:
 *   the same as an operand;
 * - `tile`: compiled in; how the GPU cuts the work (`gpu.tiles`). A step does not know it; `tile operand`:
 *   the same as an operand;
 * - a {@linkcode NonfiniteCount}: an operand that the non-finite guard sets;
 * - a number: always that.
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
 * Where in the statistics a kernel counts values of the parameter `nonfinite` (a buffer, or its
 * gradient's) that are not finite: in its `gradient`, after its `update`, or in batch `statistics`.
 */
export interface NonfiniteCount {
  /** The kernel's variable. */
  readonly nonfinite: string;
  /** Where such a value was met. */
  readonly in: "gradient" | "update" | "statistics";
}

/**
 * What a buffer holds: `codes` int8 codes, or f32 where the program stores f32; `stored` the same, but
 * f32 too where the step leaves its output unquantized; `sum` i32 with codes, else f32.
 */
export type ElementType = "codes" | "stored" | "sum" | "f32" | "i32" | "u32";

/** A buffer that a kernel binds. */
export interface KernelBuffer {
  /** `@binding` in the shader. */
  readonly binding: number;
  /** `write` may also read. */
  readonly access: "read" | "write" | "uniform";
  /** What it holds. */
  readonly type: ElementType;
  /** Bound only where this constant is not 0. */
  readonly when?: string;
  /** Bound only where this constant is 0. */
  readonly unless?: string;
  /** The program's buffer of this name; absent: the step says which. */
  readonly shared?: string;
  /** Its first dimension is the GPU's tiles: only sums over it are defined. */
  readonly byTile?: boolean;
  /** Values of unlike units alternate: that many of them, each `run` values long. */
  readonly columns?: { readonly count: number; readonly run: number };
}

type BufferOptions = Pick<KernelBuffer, "when" | "unless" | "byTile" | "columns">;

/** A buffer that a kernel reads; the step says which. */
export function read<const T extends BufferOptions>(
  binding: number,
  type: ElementType,
  options: T = {} as T,
) {
  return { binding, access: "read" as const, type, ...options };
}

/** A buffer that a kernel writes, or reads and writes; the step says which. */
export function write<const T extends BufferOptions>(
  binding: number,
  type: ElementType,
  options: T = {} as T,
) {
  return { binding, access: "write" as const, type, ...options };
}

/** A buffer that a program has once, under the name `shared`: no step names it. */
export function shared<const B extends KernelBuffer>(buffer: B, name: string) {
  return { ...buffer, shared: name };
}

type Epilogue = "epilogue" | "epilogue operand";
type TileKind = "tile" | "tile operand";
type Kinds = Readonly<Record<string, ConstantKind>>;
type Buffers = Readonly<Record<string, KernelBuffer>>;

/** All constants of a kernel, with those of a tile. */
type Values<C extends Kinds> = Readonly<Record<keyof C, number>>;
type HostBuffers<B extends Buffers> = Readonly<Record<keyof B, HostBuffer>>;

/** The constants that a step has to give. */
export type StepConstants<C extends Kinds> =
  & {
    readonly [
      K in keyof C as C[K] extends Epilogue | TileKind | number | NonfiniteCount ? never : K
    ]: number;
  }
  & { readonly [K in keyof C as C[K] extends Epilogue ? K : never]?: number };

/** The names of the program's buffers that a step has to give; those that are bound `when` may lack. */
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

/** Workgroups in x, y and z. */
export type Workgroups = readonly [x: number, y: number, z: number];

/** How a GPU runs a kernel. */
interface GpuForm<C extends Kinds> {
  /** The template of its WGSL (lib/runtime/gpu/wgsl_template.ts). */
  readonly source: string;
  /**
   * The tiles to choose from, the default first: values of the constants of kind `tile`. Results do
   * not depend on the choice, so a tile may decide neither the order in which f32 values are added
   * nor the size of a buffer.
   */
  tiles?(c: Values<C>): readonly Constants[];
  /** Workgroups of a dispatch. */
  workgroups(c: Values<C>): Workgroups;
  /** Constants that do not change which tile is fastest, besides rows and those of the epilogue. */
  readonly sameSpeed?: readonly Extract<keyof C, string>[];
}

/** A kernel with the types of its constants and buffers. */
export interface KernelOf<C extends Kinds, B extends Buffers> {
  /** Its folder in kernels/. */
  readonly name: string;
  readonly constants: C;
  readonly buffers: B;
  /** What it computes, in plain loops: the definition that every other form is held against. */
  reference(constants: Values<C>, buffers: HostBuffers<B>): void;
  readonly gpu: GpuForm<C>;
}

/** Any kernel. */
export interface Kernel {
  /** Its folder in kernels/. */
  readonly name: string;
  /** Its constants, by name. */
  readonly constants: Readonly<Record<string, ConstantKind>>;
  /** The buffers it binds, by the shader's variables. */
  readonly buffers: Readonly<Record<string, KernelBuffer>>;
  /** What it computes, in plain loops. */
  // deno-lint-ignore no-explicit-any
  reference(constants: any, buffers: any): void;
  /** How a GPU runs it. */
  readonly gpu: {
    readonly source: string;
    tiles?(c: Constants): readonly Constants[];
    workgroups(c: Constants): Workgroups;
    readonly sameSpeed?: readonly string[];
  };
}

/** States a kernel: see the module's text. */
export function defineKernel<const C extends Kinds, const B extends Buffers>(
  kernel: KernelOf<C, B>,
): KernelOf<C, B> {
  return kernel;
}

/** Whether a constant is handed over when a shader runs, and not compiled in. */
export function isOperand({ constants }: Kernel, name: string): boolean {
  const kind = constants[name];
  return typeof kind === "object" ||
    typeof kind === "string" && (kind === "row" || kind.endsWith("operand"));
}

/** Bytes of a step's operands on a GPU: what the offset of a uniform block must be a multiple of. */
export const OPERANDS_BYTES = 256;

/** Workgroups that a dimension may have under WebGPU's base limits. */
export const MAX_WORKGROUPS = 65535;

/** A dispatch of `count` workgroups in x, folded into two dimensions where one is too short. */
export function grid(count: number, z = 1): Workgroups {
  const rows = Math.ceil(count / MAX_WORKGROUPS);
  return [Math.ceil(count / rows), rows, z];
}

/** A dispatch of one thread each for `count` items, in workgroups of 64. */
export function threads(count: number): Workgroups {
  return grid(Math.ceil(count / 64));
}

/** The largest divisor of `n` that is at most `limit`. */
export function largestDivisor(n: number, limit: number): number {
  while (n % limit !== 0) limit--;
  return limit;
}

/** Quads that one load of codes can bring: the most of four, two and one that divide `quads`. */
export function wideOf(quads: number): number {
  return quads % 4 === 0 ? 4 : quads % 2 === 0 ? 2 : 1;
}

/** Pixels that a thread of an elementwise kernel owns, where there are enough. */
const RUN = 16;

/**
 * The tile of an elementwise kernel over [PIXELS, channels]: a thread owns every STRIDE-th pixel, and
 * of it CW loads of V quads. RAGGED: the last quad has padded channels.
 */
export function elementwise(
  c: { readonly INT8: number; readonly PIXELS: number; readonly CHANNELS: number },
): { readonly V: number; readonly CW: number; readonly STRIDE: number; readonly RAGGED: number } {
  const quads = Math.ceil(c.CHANNELS / 4), V = c.INT8 ? wideOf(quads) : 1;
  return {
    V,
    CW: quads / V,
    STRIDE: Math.ceil(c.PIXELS / RUN),
    RAGGED: c.CHANNELS % 4 > 0 ? 1 : 0,
  };
}
