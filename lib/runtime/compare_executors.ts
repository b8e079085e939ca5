/**
 * Runs a program on two executors in lockstep: before every step both have the same memory; after it,
 * every buffer that the step may write is compared. Tests and the self-test of an adapter use it to
 * prove that a kernel equals its reference.
 *
 * @module
 */
import type { Executor } from "./executor.ts";
import { type Bound, boundBuffers, type Step } from "../program/program.ts";
import { wordsOf } from "../quant/layouts.ts";
import { joinSlots, ROW_BYTES } from "../quant/statistics.ts";
import type { ReferenceExecutor } from "./reference_executor.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** The comparison of one buffer that a step wrote. */
export interface Difference {
  readonly step: Step;
  readonly variable: string;
  /** `codes`: bytes; `integers`: words; `floats`: f32. */
  readonly type: "codes" | "integers" | "floats";
  /** Number of values that differ. */
  readonly differing: number;
  readonly values: number;
  /** Codes and integers: the largest difference. Floats: |a − b| / the largest |value| of its column. */
  readonly largest: number;
  /** The buffer after the step: on the reference, and on the other executor. */
  readonly want: Bytes;
  readonly got: Bytes;
  /** All buffers of the step before it ran, by the buffer's name. */
  readonly before: ReadonlyMap<string, Bytes>;
}

/**
 * Maximum of steps and bytes that are read back together. Deno looks for finished reads every 11 ms:
 * a walk of 1,350 steps that waited for each took 19 s on llvmpipe, with 64 together 3 s.
 */
const MAX_STEPS = 64, MAX_BYTES = 32 * 2 ** 20;

/**
 * Runs `steps` on both executors and compares the buffers that they write.
 *
 * @param cpu the executor whose memory every step starts from
 * @param each called for every buffer that a step writes, in order, up to {@link MAX_STEPS} steps later
 * @param isCompared selects the steps that run on both; the rest run only on `cpu`
 */
export async function compareExecutors(
  steps: readonly Step[],
  cpu: ReferenceExecutor,
  other: Executor,
  each: (difference: Difference) => void,
  isCompared: (step: Step) => boolean = () => true,
): Promise<void> {
  let waiting: (() => Promise<Difference[]>)[] = [], bytes = 0;
  const flush = async () => {
    const found = await Promise.all(waiting.map((differences) => differences()));
    [waiting, bytes] = [[], 0];
    found.flat().forEach(each);
  };
  for (const step of steps) {
    if (!isCompared(step)) {
      cpu.run([step]);
      continue;
    }
    const compared = runOnBoth(step, cpu, other);
    waiting.push(compared.differences);
    bytes += compared.bytes;
    if (waiting.length >= MAX_STEPS || bytes >= MAX_BYTES) await flush();
  }
  await flush();
}

/** Starts a step on both executors from the memory of `cpu`. */
function runOnBoth(step: Step, cpu: ReferenceExecutor, other: Executor) {
  const bound = boundBuffers(step),
    written = bound.filter(({ access, scratch }) => access === "write" && !scratch);
  const contents = (name: string) => cpu.memory.get(name)!.bytes.slice();
  const before = new Map(bound.map(({ name }) => [name, contents(name)]));
  for (const [name, bytes] of before) other.write(name, bytes);
  const names = written.map(({ name }) => name), copies = other.run([step], [], names);
  cpu.run([step]);
  const wanted = names.map(contents);
  return {
    bytes: [...before.values(), ...wanted, ...wanted].reduce((sum, { length }) => sum + length, 0),
    differences: async () => {
      const all = await copies();
      return written.map((buffer, i): Difference => {
        const { variable } = buffer, want = wanted[i]!, got = all[i]!;
        return { step, variable, want, got, before, ...compare(step, buffer, want, got) };
      });
    },
  };
}

/** Returns the number of values that differ in any bit, also −0 and 0; all NaN are one value. */
export function differingBits({ type, want, got, differing }: Difference): number {
  if (type !== "floats") return differing;
  const [a, b] = [new Float32Array(want.buffer), new Float32Array(got.buffer)];
  return a.reduce((count, value, i) => count + (Object.is(value, b[i]) ? 0 : 1), 0);
}

/** Returns the type of the values that a step keeps in a buffer. */
function typeOf({ constants: { INT8, STORE } }: Step, { type }: Bound) {
  switch (type) {
    case "codes":
      return INT8 ? "codes" : "floats";
    case "stored":
      return INT8 && STORE === 1 ? "codes" : "floats";
    case "sum":
      return INT8 ? "integers" : "floats";
    case "f32":
      return "floats";
    case "i32":
    case "u32":
      return "integers";
  }
}

function compare(
  step: Step,
  buffer: Bound,
  want: Bytes,
  got: Bytes,
): Pick<Difference, "type" | "differing" | "values" | "largest"> {
  if (buffer.variable === "statistics") {
    return { type: "integers", ...differences(joinedRows(want), joinedRows(got)) };
  }
  const type = typeOf(step, buffer);
  if (buffer.byTile) {
    const tiles = step.constants.TILES!;
    return { type, ...differences(sumOverTiles(want, tiles), sumOverTiles(got, tiles)) };
  }
  if (type === "codes") {
    return { type, ...differences(new Int8Array(want.buffer), new Int8Array(got.buffer)) };
  }
  if (type === "integers") {
    return { type, ...differences(new Int32Array(want.buffer), new Int32Array(got.buffer)) };
  }
  const [a, b] = [new Float32Array(want.buffer), new Float32Array(got.buffer)];
  return { type, ...differences(a, b, scales(buffer, a)) };
}

/** Returns the scale of each value: the largest |value| of the tensor, or of its column where columns differ in unit. */
function scales({ columns }: Bound, values: Float32Array): (i: number) => number {
  const { count, run } = columns ?? { count: 1, run: 1 };
  const column = (i: number) => Math.floor(i / run) % count;
  const most: number[] = new Array(count).fill(0);
  values.forEach((v, i) => most[column(i)] = Math.max(most[column(i)]!, Math.abs(v)));
  return (i) => most[column(i)] || 1;
}

/** Sums i32 values over their first dimension, exactly. */
function sumOverTiles(bytes: Bytes, tiles: number): Float64Array {
  const words = new Int32Array(bytes.buffer), sums = new Float64Array(words.length / tiles);
  for (const [i, word] of words.entries()) sums[i % sums.length]! += word;
  return sums;
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

/** Joins the slots of each row of the statistics, as the slot that a tile writes to is arbitrary. */
function joinedRows(bytes: Bytes): number[] {
  const words = wordsOf(bytes);
  return Array.from(
    { length: bytes.length / ROW_BYTES },
    (_, row) => Object.values(joinSlots(words, row)),
  ).flat();
}
