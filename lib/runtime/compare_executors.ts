/**
 * Walks a program on two executors in lockstep: before every step both hold the same memory, after
 * it every buffer that the step may write is compared. It is the proof that a kernel equals its
 * reference, for tests over many shapes and for the self-test of an adapter.
 *
 * @module
 */
import type { Executor } from "./executor.ts";
import { bindings, wgsl } from "./gpu/executor.ts";
import type { Program, Step } from "../program/program.ts";
import { SLOTS, WORDS_OF_ROW } from "../quant/statistics.ts";
import type { CpuExecutor } from "./cpu/executor.ts";

/** How one buffer that a step wrote compares. */
export interface Difference {
  readonly step: Step;
  readonly variable: string;
  /** `codes`: bytes; `integers`: words; `floats`: f32. */
  readonly type: "codes" | "integers" | "floats";
  /** Values that differ. */
  readonly differing: number;
  readonly values: number;
  /** Codes and integers: the largest difference. Floats: |a − b| / the largest |value| of its unit. */
  readonly largest: number;
}

/**
 * Runs `steps` on both and compares.
 *
 * @param cpu holds the memory that every step starts from
 * @param each called for every buffer that a step writes
 */
export async function compareExecutors(
  program: Program,
  steps: readonly Step[],
  cpu: CpuExecutor,
  other: Executor,
  each: (difference: Difference) => void,
): Promise<void> {
  for (const step of steps) {
    const declared = bindings(wgsl(step, false));
    const names = declared.map((d) => step.buffers[d.variable] ?? d.variable);
    for (const name of new Set(names)) other.write(name, cpu.memory.get(name)!.bytes);
    other.run([step]);
    const written = declared.filter((d) => d.type === "storage");
    const got = await other.read(written.map((d) => step.buffers[d.variable] ?? d.variable));
    cpu.run([step]);
    for (const [i, { variable }] of written.entries()) {
      const want = cpu.memory.get(step.buffers[variable] ?? variable)!.bytes;
      each({ step, variable, ...compare(program, step, variable, want, got[i]!) });
    }
  }
}

/** Variables that hold quads, by kernel-independent name. */
const QUADS = new Set(["x", "y", "output", "dx", "dy", "dlogits", "forward", "backward", "q"]);
/** Variables that hold sums: i32 with int8, else f32. */
const SUMS = new Set(["sums", "partial", "x_total", "dy_total"]);

function compare(
  program: Program,
  step: Step,
  variable: string,
  want: Uint8Array<ArrayBuffer>,
  got: Uint8Array<ArrayBuffer>,
): Pick<Difference, "type" | "differing" | "values" | "largest"> {
  const int8 = program.arithmetic === "int8";
  if (variable === "statistics") {
    const [a, b] = [joined(want), joined(got)];
    return { type: "integers", ...differences(a, b) };
  }
  if (variable === "total" || variable.endsWith("_sum") || (int8 && SUMS.has(variable))) {
    return {
      type: "integers",
      ...differences(new Int32Array(want.buffer), new Int32Array(got.buffer)),
    };
  }
  const waits = step.constants.STORE === 2; // Real values, which are quantized later.
  if (int8 && QUADS.has(variable) && !step.constants.LOGITS && !waits) {
    const [a, b] = [new Int8Array(want.buffer), new Int8Array(got.buffer)];
    return { type: "codes", ...differences(a, b) };
  }
  const [a, b] = [new Float32Array(want.buffer), new Float32Array(got.buffer)];
  return { type: "floats", ...differences(a, b, scales(variable, a)) };
}

/** The largest |value| beside each value: of the tensor, or of its column where units are mixed. */
function scales(variable: string, values: Float32Array): (i: number) => number {
  const column = variable === "table"
    ? (i: number) => i % 8 // scale, inverse, zero, …
    : variable === "coefficients"
    ? (i: number) => Math.floor(i / 4) % 6 // a, mean, beta, c1, …
    : () => 0;
  const most: number[] = new Array(8).fill(0);
  values.forEach((v, i) => most[column(i)] = Math.max(most[column(i)]!, Math.abs(v)));
  return (i) => most[column(i)] || 1;
}

function differences(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  scale: (i: number) => number = () => 1,
) {
  let differing = 0, largest = 0;
  for (let i = 0; i < a.length; i++) {
    if (Object.is(a[i], b[i]) || a[i] === b[i]) continue;
    differing++;
    const d = Math.abs(a[i]! - b[i]!) / scale(i);
    largest = Number.isNaN(d) ? Infinity : Math.max(largest, d);
  }
  return { differing, values: a.length, largest };
}

/** Rows of statistics with their slots joined: which tile went where is the kernel's own affair. */
function joined(bytes: Uint8Array<ArrayBuffer>): Uint32Array {
  const words = new Uint32Array(bytes.buffer), row = SLOTS * WORDS_OF_ROW;
  const out = new Uint32Array(words.length / SLOTS);
  for (let i = 0; i < words.length; i++) {
    const to = Math.floor(i / row) * WORDS_OF_ROW + i % WORDS_OF_ROW;
    out[to] = i % WORDS_OF_ROW < 2 ? Math.max(out[to]!, words[i]!) : out[to]! + words[i]!;
  }
  return out;
}
